import { describe, expect, test } from "vitest";
import { until } from "../orchestrator/harness.ts";
import { hosts, type MemoryCluster, memoryCluster, spec } from "./memory-cluster.ts";

const NEW = "quay.io/ceph/ceph:v21.0.1";

/** Two hosts with five daemons of Ceph and one that is not. */
function cluster(effective_ms = 0): Promise<MemoryCluster> {
  const services = [
    spec("mon", undefined),
    spec("mgr", undefined, { count: 1 }),
    spec("crash", undefined),
    spec("prometheus", undefined),
  ];
  return memoryCluster(hosts(2, 0, { services, delays: { effective_ms } }));
}

async function versions(of: MemoryCluster): Promise<Record<string, string>> {
  const daemons = await of.daemons();
  return Object.fromEntries(
    daemons.map((daemon) => [(daemon.daemon_name ?? "").replace(/\.[a-z]{6}$/, ""), daemon.version ?? ""]),
  );
}

describe("an upgrade", () => {
  test("brings every daemon of Ceph to the new image, and no other", async () => {
    const upgraded = await cluster();
    expect(await upgraded.read("upgrade_status")).toEqual({ in_progress: false });
    expect(await upgraded.write("upgrade_start", { version: "21.0.1" })).toBe(`Initiating upgrade to ${NEW}`);
    expect(await versions(upgraded)).toEqual({
      "mon.h1": "21.0.1",
      "mon.h2": "21.0.1",
      "mgr.h1": "21.0.1",
      "crash.h1": "21.0.1",
      "crash.h2": "21.0.1",
      "prometheus.h1": "2.51.0",
    });
    expect(await upgraded.read("upgrade_status")).toEqual({ in_progress: false });
    await upgraded.apply(spec("mds", "fs", { count: 1 }));
    expect(await upgraded.daemons({ daemon_type: "mds" })).toMatchObject([
      { version: "21.0.1", container_image_name: NEW },
    ]);
  });

  test("tells how far it is, pauses, resumes and stops", async () => {
    const upgrading = await cluster(600);
    const { operations } = await upgrading.start("upgrade_start", { image: NEW });
    expect(operations).toMatchObject([{ title: `Initiating upgrade to ${NEW}` }]);
    expect(await upgrading.read("upgrade_status")).toEqual({
      in_progress: true,
      target_image: NEW,
      which: "Upgrading all daemon types on all hosts",
      services_complete: [],
      progress: "0/5 daemons upgraded",
      message: "Currently upgrading mgr daemons",
      is_paused: false,
    });
    expect(await upgrading.write("upgrade_pause")).toBe(`Paused upgrade to ${NEW}`);
    expect(await upgrading.read("upgrade_status")).toMatchObject({ is_paused: true, message: "Upgrade paused" });
    expect(await upgrading.write("upgrade_resume")).toBe(`Resumed upgrade to ${NEW}`);
    await until(() => upgrading.heard.progress.length === 1, "a step was made");
    expect(await upgrading.read("upgrade_status")).toMatchObject({
      services_complete: ["mgr"],
      progress: "1/5 daemons upgraded",
    });
    expect(await upgrading.write("upgrade_stop")).toBe(`Stopped upgrade to ${NEW}`);
    expect(await upgrading.read("upgrade_status")).toEqual({ in_progress: false });
    await expect.poll(() => upgrading.heard.effective).toContain(operations[0]?.call);
    expect(Object.values(await versions(upgrading))).toContain("20.2.4");
  });

  test("stands still while it is paused", async () => {
    const upgrading = await cluster(5);
    const { operations } = await upgrading.start("upgrade_start", { version: "21.0.1" });
    await upgrading.write("upgrade_pause");
    const later = await cluster(50); // ten times as long as the upgrade would have taken
    await later.apply(spec("grafana", undefined));
    expect(upgrading.heard.effective).not.toContain(operations[0]?.call);
    expect((await versions(upgrading))["crash.h2"]).toBe("20.2.4");
    expect(await upgrading.write("upgrade_start", { version: "21.0.1" })).toBe(`Resumed upgrade to ${NEW}`);
    await expect.poll(() => upgrading.heard.effective).toContain(operations[0]?.call);
    expect((await versions(upgrading))["crash.h2"]).toBe("21.0.1");
  });

  test.each<[string, object, string[]]>([
    ["of some daemon types", { daemon_types: ["mgr", "crash"] }, ["crash.h1", "crash.h2", "mgr.h1"]],
    ["of some services", { services: ["mon"] }, ["mon.h1", "mon.h2"]],
    ["of some hosts", { hosts: "h2" }, ["crash.h2", "mon.h2"]],
    ["of at most so many", { limit: 2 }, ["mgr.h1", "mon.h1"]],
  ])("%s leaves the others", async (_what, scope, expected) => {
    const upgraded = await cluster();
    await upgraded.write("upgrade_start", { version: "21.0.1", ...scope });
    const changed = Object.entries(await versions(upgraded)).filter(([, version]) => version === "21.0.1");
    expect(changed.map(([name]) => name).sort()).toEqual(expected);
  });

  test.each<[string, object, string]>([
    ["to nothing", {}, "an upgrade needs an image or a version"],
    ["to a version that is none", { version: "new" }, 'version "new" is not of the form X.Y.Z'],
    [
      "of types and services",
      { version: "21.0.1", daemon_types: ["mgr"], services: ["mon"] },
      "daemon_types and services exclude each other",
    ],
    [
      "of a type that has no image of Ceph",
      { version: "21.0.1", daemon_types: ["prometheus"] },
      "prometheus cannot be upgraded",
    ],
    ["of an unknown service", { version: "21.0.1", services: ["mds.x"] }, "service mds.x does not exist"],
    ["of an unknown host", { version: "21.0.1", hosts: "h1,h8" }, "host h8 is not in the cluster"],
    ["of none", { version: "21.0.1", limit: 0 }, "limit 0 is below 1"],
  ])("%s is refused", async (_what, params, message) => {
    const { write } = await cluster();
    await expect(write("upgrade_start", params)).rejects.toThrow(message);
  });

  test("to something else is refused while one runs; the same again waits for its end", async () => {
    const upgrading = await cluster(3_600_000);
    await upgrading.start("upgrade_start", { version: "21.0.1" });
    await expect(upgrading.start("upgrade_start", { version: "21.0.2" })).rejects.toThrow(
      `Upgrade to ${NEW} (not quay.io/ceph/ceph:v21.0.2) already in progress`,
    );
    expect(await upgrading.start("upgrade_start", { version: "21.0.1" })).toMatchObject({
      value: `Upgrade to ${NEW} in progress`,
      operations: [{ title: `Upgrade to ${NEW} in progress` }],
    });
    await upgrading.orchestrator.close();
  });

  test("that does not run is not paused, resumed or stopped", async () => {
    const { write } = await cluster();
    await expect(write("upgrade_pause")).rejects.toThrow("No upgrade in progress");
    await expect(write("upgrade_resume")).rejects.toThrow("No upgrade in progress");
    expect(await write("upgrade_stop")).toBe("No upgrade in progress");
  });

  test("is checked beforehand", async () => {
    const before = await cluster();
    const report = JSON.parse(await before.read<string>("upgrade_check", { image: NEW })) as Record<string, unknown>;
    expect(Object.keys(report["needs_update"] as object)).toHaveLength(5);
    expect(report).toMatchObject({ up_to_date: [], non_ceph_image_daemons: ["prometheus.h1"], target_name: NEW });
    await expect(before.read("upgrade_check")).rejects.toThrow("an upgrade needs an image or a version");
  });

  test("has versions and tags to choose from", async () => {
    const { read } = await cluster();
    expect(await read("upgrade_ls")).toEqual({
      image: "quay.io/ceph/ceph",
      registry: "quay.io",
      bare_image: "ceph/ceph",
      versions: ["20.2.4"],
    });
    expect(await read("upgrade_ls", { show_all_versions: true })).toMatchObject({
      versions: expect.arrayContaining(["16.2.15"]),
    });
    expect(await read("upgrade_ls", { tags: true, image: "my.reg/c/d" })).toMatchObject({
      image: "my.reg/c/d",
      tags: expect.arrayContaining(["v20.2.4"]),
    });
  });
});
