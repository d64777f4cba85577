import { describe, expect, test } from "vitest";
import { until } from "../orchestrator/harness.ts";
import { hosts, type MemoryCluster, memoryCluster, spec } from "./memory-cluster.ts";

interface Settled {
  call: string;
  result?: unknown;
  error?: { message: string; data: { type: string } };
}

/** Submits calls, waits for all of them as one batch, and gives back how each ended. */
async function classic(cluster: MemoryCluster, ...calls: [method: string, params: object][]): Promise<Settled[]> {
  const ids = calls.map((_call, index) => `c${index}-${Math.trunc(performance.now() * 1000)}`);
  calls.forEach(([method, params], index) =>
    cluster.orchestrator.submit(ids[index] ?? "", `classic/${method}`, params),
  );
  const answer = await cluster.orchestrator.wait(ids, 5_000, new AbortController().signal);
  answer.answered();
  const { settled } = answer.result as { settled: Settled[] };
  await until(
    () => JSON.stringify(cluster.orchestrator.status()["operations"]) === "[]",
    "all writes became effective",
  );
  return ids.map((id) => settled.find(({ call }) => call === id) ?? { call: id });
}

function stateless(name: string, count: number, extended: object = {}): object {
  return { name, count, placement: { label: null }, extended };
}

describe("a Nautilus caller", () => {
  test("adds hosts and sees them as nodes", async () => {
    const cluster = await memoryCluster({}, "classic");
    expect(await classic(cluster, ["add_host", { host: "h1" }], ["add_host", { host: "h2" }])).toMatchObject([
      { result: { value: "Added host 'h1' with addr 'h1'" } },
      { result: { value: "Added host 'h2' with addr 'h2'" } },
    ]);
    const [nodes] = await classic(cluster, ["get_hosts", {}]);
    expect(nodes?.result).toEqual([
      { name: "h1", devices: [] },
      { name: "h2", devices: [] },
    ]);
  });

  test("sees devices as InventoryDevice", async () => {
    const cluster = await memoryCluster(hosts(2, 1), "classic");
    const [inventory] = await classic(cluster, [
      "get_inventory",
      { node_filter: { labels: null, nodes: ["h2"] }, refresh: true },
    ]);
    expect(inventory?.result).toMatchObject([
      {
        name: "h2",
        devices: [
          {
            type: "hdd",
            id: "/dev/sdb",
            size: 4000787030016,
            rotates: true,
            available: true,
            dev_id: "ATA/ST4000NM0033",
          },
        ],
      },
    ]);
  });

  test("makes, updates and removes file systems' services", async () => {
    const cluster = await memoryCluster(hosts(3), "classic");
    const [made] = await classic(cluster, ["add_stateless_service", { service_type: "mds", spec: stateless("fs", 1) }]);
    expect(made?.result).toMatchObject({
      value: "Scheduled mds.fs update...",
      operations: [{ title: "Scheduled mds.fs update..." }],
    });
    await classic(cluster, ["update_stateless_service", { service_type: "mds", spec: stateless("fs", 3) }]);
    const [services] = await classic(cluster, ["describe_service", { service_type: "mds" }]);
    expect(services?.result).toMatchObject([
      { nodename: "h1", service: "fs", service_type: "mds", status: 1, status_desc: "running" },
      { nodename: "h2" },
      { nodename: "h3" },
    ]);
    const [removed] = await classic(cluster, ["remove_stateless_service", { service_type: "mds", id_: "fs" }]);
    expect(removed?.result).toMatchObject({ value: "Removed service mds.fs" });
    const [none] = await classic(cluster, ["describe_service", {}]);
    expect(none?.result).toEqual([]);
  });

  test("makes an nfs with its pool", async () => {
    const cluster = await memoryCluster(hosts(1), "classic");
    const [made] = await classic(cluster, [
      "add_stateless_service",
      { service_type: "nfs", spec: stateless("home", 1, { pool: "p", namespace: "n" }) },
    ]);
    expect(made?.result).toMatchObject({ value: "Scheduled nfs.home update..." });
  });

  test("acts on services and on single daemons", async () => {
    const cluster = await memoryCluster(hosts(1, 0, { services: [spec("crash", undefined)] }), "classic");
    expect(
      await classic(
        cluster,
        ["service_action", { action: "reload", service_type: "crash", service_name: "crash", service_id: null }],
        ["service_action", { action: "stop", service_type: "crash", service_name: null, service_id: "h1" }],
      ),
    ).toMatchObject([
      { result: { value: "Scheduled to reconfig crash.h1 on host 'h1'" } },
      { result: { value: "Scheduled to stop crash.h1 on host 'h1'" } },
    ]);
  });

  test("creates, removes and replaces OSDs", async () => {
    const cluster = await memoryCluster(hosts(1, 2), "classic");
    const group = { host_pattern: "h1", data_devices: { paths: ["/dev/sdb"] } };
    const [created] = await classic(cluster, ["create_osds", { drive_group: group, all_hosts: ["h1"] }]);
    expect(created?.result).toMatchObject({ value: "Created osd(s) 0 on host 'h1'" });
    const claims = { host_pattern: "h1", data_devices: { rotates: true, count: 1 }, osd_id_claims: { h1: ["0"] } };
    const [replaced] = await classic(cluster, ["replace_osds", { drive_group: claims }]);
    expect(replaced?.result).toMatchObject({ value: "Created osd(s) 0 on host 'h1'" });
    const byDevice = { ...claims, osd_id_claims: { "/dev/sdb": 0 } };
    const [again] = await classic(cluster, ["replace_osds", { drive_group: byDevice }]);
    expect(again?.result).toMatchObject({ value: "Created osd(s) 0 on host 'h1'" });
    const [refused] = await classic(cluster, [
      "replace_osds",
      { drive_group: { ...claims, osd_id_claims: { h1: 0.5 } } },
    ]);
    expect(refused?.error?.message).toBe("osd_id_claims.h1: expected the id of an OSD, got 0.5");
    const [removed] = await classic(cluster, ["remove_osds", { osd_ids: ["0"] }]);
    expect(removed?.result).toMatchObject({ value: "Scheduled OSD(s) for removal." });
    const [none] = await classic(cluster, ["describe_service", { service_type: "osd" }]);
    expect(none?.result).toEqual([]);
  });

  test("chooses mons, mgrs, and an upgrade", async () => {
    const cluster = await memoryCluster(hosts(3), "classic");
    expect(
      await classic(
        cluster,
        [
          "update_mons",
          {
            num: 2,
            hosts: [
              { host: "h1", network: "10.1.0.0/16" },
              { host: "h2", network: null },
            ],
          },
        ],
        ["update_mgrs", { num: 1, hosts: [] }],
        ["upgrade_available", {}],
        ["upgrade_start", { upgrade_spec: { target_version: "21.0.1" } }],
        ["upgrade_status", {}],
      ),
    ).toMatchObject([
      { result: { value: "Scheduled mon update..." } },
      { result: { value: "Scheduled mgr update..." } },
      { result: expect.any(Array) },
      { result: { value: "Initiating upgrade to quay.io/ceph/ceph:v21.0.1" } },
      { result: { in_progress: false, services_complete: [], message: "" } },
    ]);
  });

  test("gets errors by call, and the others' results all the same", async () => {
    const cluster = await memoryCluster(hosts(1), "classic");
    expect(await classic(cluster, ["remove_host", { host: "nope" }], ["remove_host", { host: "h1" }])).toMatchObject([
      {
        error: {
          message: "host nope is not in the cluster; 'ceph orch host ls' lists its hosts",
          data: { type: "NotFoundError" },
        },
      },
      { result: { value: "Removed  host 'h1'" } },
    ]);
  });
});
