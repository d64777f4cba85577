/** What a session of Mimic is answered otherwise than one of Nautilus; python-shim/tests/test_seed_names.py has it from Python. */

import { describe, expect, test } from "vitest";
import { classic } from "../../src/orchestrator/dialects/classic.ts";
import { seed } from "../../src/orchestrator/dialects/seed.ts";
import { validate } from "../../src/orchestrator/validate.ts";

const device = (path: string, rotational: string) => ({ path, available: true, sys_api: { rotational, size: 1000 } });

describe("the seed dialect", () => {
  test("describes a service by the places of its daemons", () => {
    const { requests, answer } = seed.translate("describe_service", { service_type: "mds", service_id: "home" });
    expect(requests.map(({ method }) => method)).toEqual(["listDaemons"]);
    const result = answer([
      [
        { daemon_type: "mds", daemon_id: "home.a", service_name: "mds.home", hostname: "node1", container_id: "3a1f" },
        { daemon_type: "mds", daemon_id: "home.b", service_name: "mds.home", hostname: "node2" },
        { daemon_type: "mds", daemon_id: "other.c", service_name: "mds.other", hostname: "node2" },
      ],
    ]);
    expect(result).toEqual({
      locations: [
        { nodename: "node1", container_id: "3a1f", daemon_name: "home.a" },
        { nodename: "node2", container_id: null, daemon_name: "home.b" },
      ],
    });
    expect(validate("SeedServiceDescription", result, { root: "result", unknown: "report" }).issues).toEqual([]);
  });

  test("tells devices without what Nautilus added, and with Mimic's names of their types", () => {
    const devices = [device("/dev/sda", "1"), device("/dev/sdb", "0"), device("/dev/nvme0n1", "0")];
    const hosts = [{ name: "node1", devices }];
    const params = { node_filter: null };
    const told = seed.translate("get_inventory", params).answer([hosts]) as [{ devices: { type: string }[] }];
    expect(told[0].devices.map(({ type }) => type)).toEqual(["hdd", "ssd", "nvme"]);
    expect(Object.keys(told[0].devices[0] ?? {}).sort()).toEqual(["blank", "extended", "id", "size", "type"]);
    expect(validate("InventoryNode", told[0], { root: "result", unknown: "report" }).issues).toEqual([]);
    const later = classic.translate("get_inventory", params).answer([hosts]) as typeof told;
    expect(later[0].devices[0]).toMatchObject({ rotates: true, available: true });
  });

  test("needs of a backend what the classic dialect needs", () => {
    for (const name of ["describe_service", "replace_osds", "wait", "nonsense"]) {
      expect(seed.needs(name)).toBe(classic.needs(name));
    }
  });

  test("keeps the lower end of a range of daemons", () => {
    const wanted = (spec: object): unknown =>
      seed.translate("add_stateless_service", { service_type: "mds", spec: { name: "home", ...spec } }).requests[0]
        ?.params;
    expect(wanted({ min_size: 2, max_size: 5 })).toMatchObject({ spec: { placement: { count: 2 } } });
    expect(wanted({ min_size: 0 })).toMatchObject({ spec: { placement: { count: 1 } } });
    expect(wanted({ count: 3, min_size: 2 })).toMatchObject({ spec: { placement: { count: 3 } } });
  });

  test("renames no service", () => {
    const update = (id_: string | null) =>
      seed.translate("update_stateless_service", { service_type: "mds", id_, spec: { name: "home" } });
    expect(() => update("other")).toThrow("id_: expected home, as spec.name is, got other: a service keeps its name");
    expect(update("home").requests).toEqual(update(null).requests);
  });
});
