import { describe, expect, test } from "vitest";
import { until } from "../orchestrator/harness.ts";
import { hosts, memoryCluster, spec } from "./memory-cluster.ts";

const host = (hostname: string, more: object = {}): object => ({ host_spec: { hostname, ...more } });

describe("hosts", () => {
  test("are added with an address and listed in Ceph's shape", async () => {
    const { write, read } = await memoryCluster();
    expect(await write("add_host", host("h2", { addr: "10.1.1.2", labels: ["mon"] }))).toBe(
      "Added host 'h2' with addr '10.1.1.2'",
    );
    expect(await write("add_host", host("h3"))).toBe("Added host 'h3' with addr 'h3'");
    expect(await read("get_hosts")).toEqual([
      { hostname: "h2", addr: "10.1.1.2", labels: ["mon"], status: "" },
      { hostname: "h3", addr: "h3", labels: [], status: "" },
    ]);
  });

  test("added again keep their labels, devices and maintenance", async () => {
    const { write, read } = await memoryCluster(hosts(1, 1));
    await write("add_host_label", { host: "h1", label: "a" });
    await write("enter_host_maintenance", { hostname: "h1" });
    await write("add_host", host("h1", { addr: "10.9.9.9", labels: ["b"], status: "" }));
    expect(await read("get_hosts")).toEqual([
      { hostname: "h1", addr: "10.9.9.9", labels: ["_admin", "a", "b"], status: "maintenance" },
    ]);
    expect(await read("get_inventory")).toMatchObject([{ name: "h1", devices: [{ path: "/dev/sdb" }] }]);
  });

  test("with a name that is none are refused", async () => {
    const { write } = await memoryCluster();
    await expect(write("add_host", host("not a name"))).rejects.toMatchObject({
      type: "ValidationError",
      message: 'hostname "not a name" is not a host name (letters, digits, dots and dashes)',
    });
  });

  test("get an address, labels, and lose them", async () => {
    const { write, read } = await memoryCluster(hosts(2));
    expect(await write("update_host_addr", { host: "h2", addr: "10.2.0.2" })).toBe(
      "Updated host 'h2' addr to '10.2.0.2'",
    );
    expect(await write("add_host_label", { host: "h2", label: "osd" })).toBe("Added label osd to host h2");
    expect(await read("get_hosts")).toMatchObject([{}, { addr: "10.2.0.2", labels: ["osd"] }]);
    expect(await write("remove_host_label", { host: "h2", label: "osd" })).toBe("Removed label osd from host h2");
    expect(await write("remove_host_label", { host: "h2", label: "osd" })).toBe("Host h2 does not have label 'osd'");
    expect(await read("get_hosts")).toMatchObject([{}, { labels: [] }]);
  });

  test("are removed only when no daemon runs there, or by force", async () => {
    const cluster = await memoryCluster(hosts(2));
    await cluster.apply(spec("crash", undefined, { host_pattern: "*" }));
    await expect(cluster.write("remove_host", { host: "h2" })).rejects.toThrow(
      /Not allowed to remove h2 from cluster\. The following daemons are running in the host:[\s\S]*crash +h2[\s\S]*ceph orch host drain h2/,
    );
    expect(await cluster.write("remove_host", { host: "h2", force: true })).toBe("Removed  host 'h2'");
    expect(await cluster.names()).toEqual(["crash.h1 h1"]);
    expect(await cluster.read("get_hosts")).toHaveLength(1);
  });

  test("that are online are not removed as offline ones", async () => {
    const { write } = await memoryCluster({ hosts: [{ hostname: "up" }, { hostname: "down", status: "offline" }] });
    await expect(write("remove_host", { host: "down", offline: true })).rejects.toThrow(
      "removing offline host down needs --force",
    );
    await expect(write("remove_host", { host: "up", offline: true, force: true })).rejects.toThrow(
      "host up is not offline",
    );
    expect(await write("remove_host", { host: "down", offline: true, force: true })).toBe(
      "Removed offline host 'down'",
    );
  });

  test("that are added get the daemons of the services that want every host", async () => {
    const cluster = await memoryCluster(hosts(1));
    await cluster.apply(spec("node-exporter", undefined));
    await cluster.write("add_host", host("h9"));
    expect(await cluster.names()).toEqual(["node-exporter.h1 h1", "node-exporter.h9 h9"]);
  });

  test("that are labelled get the daemons that the label asks for", async () => {
    const cluster = await memoryCluster(hosts(2, 0, { hosts: [{ hostname: "first", labels: ["rgw"] }] }));
    await cluster.apply(spec("prometheus", undefined, { label: "rgw" }));
    await cluster.write("add_host_label", { host: "h2", label: "rgw" });
    expect(await cluster.names()).toEqual(["prometheus.first first", "prometheus.h2 h2"]);
    await cluster.write("remove_host_label", { host: "first", label: "rgw" });
    expect(await cluster.names()).toEqual(["prometheus.h2 h2"]);
  });

  test("have facts", async () => {
    const { read } = await memoryCluster(hosts(2, 4));
    expect(await read("get_facts", { hostname: "h2" })).toMatchObject([
      { hostname: "h2", hdd_count: 3, flash_count: 1 },
    ]);
    expect(await read("get_facts")).toHaveLength(2);
  });

  test("are rescanned", async () => {
    const { write, read } = await memoryCluster(hosts(1, 1));
    expect(await write("rescan_host", { hostname: "h1" })).toMatch(/^Ok\. /);
    expect(await read("get_inventory")).toMatchObject([{ devices: [{ created: expect.stringMatching(/Z$/) }] }]);
  });
});

describe("a drained host", () => {
  test("loses its managed daemons to other hosts and its OSDs to nobody", async () => {
    const cluster = await memoryCluster(hosts(3, 1));
    await cluster.apply(
      spec("mgr", undefined, { count: 2 }),
      spec("osd", "all", { host_pattern: "*" }, { data_devices: { all: true } }),
    );
    const text = await cluster.write("drain_host", { hostname: "h1", zap_osd_devices: true });
    expect(text).toMatch(
      /^Scheduled to remove the following daemons from host 'h1'\ntype +id +\n-{20} -{15}\nmgr +h1\.[a-z]{6} *\nosd +0 *$/,
    );
    expect(await cluster.names({ host: "h1" })).toEqual([]);
    expect((await cluster.names({ daemon_type: "mgr" })).map((name) => name.split(" ")[1])).toEqual(["h2", "h3"]);
    expect(await cluster.read("get_hosts")).toMatchObject([
      { labels: ["_admin", "_no_schedule", "_no_conf_keyring"] },
      {},
      {},
    ]);
    expect(await cluster.read("get_inventory", { host_filter: { hosts: ["h1"] } })).toMatchObject([
      { devices: [{ available: true }] },
    ]);
  });

  test("keeps the keyring label off when asked to", async () => {
    const cluster = await memoryCluster(hosts(1));
    await cluster.write("drain_host", { hostname: "h1", keep_conf_keyring: true });
    expect(await cluster.read("get_hosts")).toMatchObject([{ labels: ["_admin", "_no_schedule"] }]);
  });

  test("gets its daemons back when the drain is stopped, and keeps OSDs that were still draining", async () => {
    const cluster = await memoryCluster(
      hosts(1, 1, { delays: { effective_ms: 3_600_000 }, services: [spec("crash", undefined)] }),
    );
    await cluster.start("create_osds", {
      drive_group: spec("osd", "x", { host_pattern: "h1" }, { data_devices: { all: true } }),
    });
    await cluster.start("drain_host", { hostname: "h1" });
    expect(await cluster.read("remove_osds_status")).toMatchObject([{ osd_id: 0, hostname: "h1" }]);
    const { value } = await cluster.start("stop_drain_host", { hostname: "h1" });
    expect(value).toBe("Stopped draining host 'h1'");
    expect(await cluster.read("remove_osds_status")).toEqual([]);
    expect(await cluster.read("get_hosts")).toMatchObject([{ labels: ["_admin"] }]);
    expect(await cluster.names()).toEqual(["crash.h1 h1", "osd.0 h1"]);
    await cluster.orchestrator.close();
  });
});

describe("maintenance", () => {
  test("stops a host's daemons, and starts them again afterwards", async () => {
    const cluster = await memoryCluster(hosts(2, 0, { services: [spec("crash", undefined)] }));
    expect(await cluster.write("enter_host_maintenance", { hostname: "h2" })).toBe(
      "Daemons for Ceph cluster f51d stopped on host h2. Host h2 moved to maintenance mode",
    );
    expect(await cluster.daemons()).toMatchObject([{ status_desc: "running" }, { status_desc: "stopped", status: 0 }]);
    expect(await cluster.read("get_hosts")).toMatchObject([{ status: "" }, { status: "maintenance" }]);
    expect((await cluster.service("crash"))?.status).toMatchObject({ size: 2, running: 1 });
    expect(await cluster.write("exit_host_maintenance", { hostname: "h2" })).toBe(
      "Ceph cluster f51d on h2 has exited maintenance mode",
    );
    expect(await cluster.daemons()).toMatchObject([{ status_desc: "running" }, { status_desc: "running" }]);
  });

  test("ends early where its host, added again meanwhile, is taken out of it", async () => {
    const cluster = await memoryCluster(
      hosts(2, 0, { services: [spec("crash", undefined)], delays: { effective_ms: 200 } }),
    );
    const { operations } = await cluster.start("enter_host_maintenance", { hostname: "h2" });
    await cluster.start("add_host", host("h2", { addr: "10.9.9.9" }));
    await cluster.start("exit_host_maintenance", { hostname: "h2" });
    const entered = operations[0]?.call ?? "";
    await until(() => cluster.heard.effective.includes(entered), "the maintenance ended");
    expect(await cluster.daemons({ host: "h2" })).toMatchObject([{ status_desc: "running" }]);
    await cluster.orchestrator.close();
  });

  test("leaves daemons stopped that were stopped before", async () => {
    const cluster = await memoryCluster(hosts(2, 0, { services: [spec("crash", undefined)] }));
    await cluster.write("daemon_action", { action: "stop", daemon_name: "crash.h2" });
    await cluster.write("enter_host_maintenance", { hostname: "h2" });
    await cluster.write("exit_host_maintenance", { hostname: "h2" });
    expect(await cluster.daemons({ host: "h2" })).toMatchObject([{ status_desc: "stopped" }]);
  });

  test("is refused where it would stop the cluster, unless forced", async () => {
    const cluster = await memoryCluster(
      hosts(2, 0, { services: [spec("mon", undefined, { count: 1 }), spec("mgr", undefined, { hosts: ["h2"] })] }),
    );
    await expect(cluster.write("enter_host_maintenance", { hostname: "h1" })).rejects.toMatchObject({
      errno: 16,
      message: "it is not safe to stop host h1: only 0 of 1 mons would be left; --force does it all the same",
    });
    await expect(cluster.read("host_ok_to_stop", { hostname: "h2" })).rejects.toThrow("no mgr would be left");
    await cluster.write("enter_host_maintenance", { hostname: "h1", force: true });
    expect(await cluster.read("get_hosts")).toMatchObject([{ status: "maintenance" }, {}]);
  });

  test("is not left by a host that is not in it", async () => {
    const { write } = await memoryCluster(hosts(1));
    await expect(write("exit_host_maintenance", { hostname: "h1" })).rejects.toThrow(
      "host h1 is not in maintenance mode",
    );
  });

  test("may begin where the rest of the cluster goes on", async () => {
    const { read } = await memoryCluster(hosts(3, 0, { services: [spec("mon", undefined), spec("mgr", undefined)] }));
    expect(await read("host_ok_to_stop", { hostname: "h3" })).toBe("It is presumed safe to stop host h3");
  });
});

test.each([
  ["remove_host", { host: "nope" }],
  ["update_host_addr", { host: "nope", addr: "10.0.0.1" }],
  ["add_host_label", { host: "nope", label: "x" }],
  ["remove_host_label", { host: "nope", label: "x" }],
  ["drain_host", { hostname: "nope" }],
  ["stop_drain_host", { hostname: "nope" }],
  ["enter_host_maintenance", { hostname: "nope" }],
  ["exit_host_maintenance", { hostname: "nope" }],
  ["rescan_host", { hostname: "nope" }],
  ["host_ok_to_stop", { hostname: "nope" }],
  ["get_facts", { hostname: "nope" }],
  ["zap_device", { host: "nope", path: "/dev/sdb" }],
])("%s names a host that does not exist", async (method, params) => {
  const { read } = await memoryCluster(hosts(1));
  await expect(read(method, params)).rejects.toMatchObject({
    type: "NotFoundError",
    message: "host nope is not in the cluster; 'ceph orch host ls' lists its hosts",
  });
});
