import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import memory from "../../src/backends/memory/index.ts";
import { hosts, memoryCluster, spec } from "./memory-cluster.ts";

describe("the options", () => {
  test("may all be left out", async () => {
    const { read, orchestrator } = await memoryCluster();
    expect(await read("get_hosts")).toEqual([]);
    expect(orchestrator.status()).toMatchObject({ available: true, details: { paused: false } });
  });

  test.each<[string, object, RegExp]>([
    [
      "a host's name",
      { hosts: [{ hostname: "a" }, { hostname: 7 }] },
      /^backend_options\.hosts\[1\]\.hostname: .*expected string/,
    ],
    ["a misspelt key", { host: [] }, /backend_options.*host/],
    ["a misspelt field of a host", { hosts: [{ hostname: "a", adr: "x" }] }, /^backend_options\.hosts\[0\].*adr/],
    [
      "a device without a path",
      { inventory: [{ name: "a", devices: [{}] }] },
      /^backend_options\.inventory\[0\]\.devices\[0\]\.path: /,
    ],
    [
      "a status that is none",
      { daemons: [{ daemon_type: "mds", daemon_id: "a", hostname: "h", status: 5 }] },
      /^backend_options\.daemons\[0\]\.status: /,
    ],
    ["a negative delay", { delays: { read_ms: -1 } }, /^backend_options\.delays\.read_ms: /],
    ["an unknown fault", { faults: { getHosts: "explode" } }, /^backend_options\.faults\.getHosts: /],
    [
      "a fault of an unknown method",
      { faults: { getHots: "throw" } },
      /^backend_options\.faults\.getHots: the memory backend has no method getHots/,
    ],
    [
      "a host listed twice",
      { hosts: [{ hostname: "a" }, { hostname: "a" }] },
      /^backend_options\.hosts\[1\]\.hostname: a is listed twice/,
    ],
    ["a count that is none", { generate: { hosts: 1.5 } }, /^backend_options\.generate\.hosts: /],
  ])("that are wrong are named: %s", async (_what, options, message) => {
    await expect(memory.parseOptions(options)).rejects.toMatchObject({
      type: "ValidationError",
      message: expect.stringMatching(message),
    });
  });

  const one = { daemon_type: "haproxy", daemon_id: "rgw.s3.h1.qwerty", hostname: "h1" };

  test.each<[string, object, string]>([
    ["a daemon on no host", { daemons: [one] }, "host h1 is not in the cluster; 'ceph orch host ls' lists its hosts"],
    [
      "a daemon whose service cannot be guessed",
      hosts(1, 0, { daemons: [one] }),
      "daemon haproxy.rgw.s3.h1.qwerty is of service ingress.rgw.s3, whose spec is needed, too: list it under services",
    ],
    [
      "a service on no host",
      { services: [spec("mds", "fs", { hosts: ["h1"] })] },
      "cannot place mds.fs on h1: unknown hosts",
    ],
  ])("that contradict each other make the backend unavailable, with the reason: %s", async (_what, options, reason) => {
    const { orchestrator } = await memoryCluster(options);
    expect(orchestrator.status()).toMatchObject({ available: false, reason });
    await orchestrator.close();
  });
});

describe("a cluster that the options list", () => {
  const listed = {
    hosts: [{ hostname: "a", addr: "10.0.0.1", labels: ["x"], location: { rack: "r1" }, oob: { addr: "10.9.0.1" } }],
    inventory: [{ name: "b", addr: "10.0.0.2", devices: [{ path: "/dev/vda", available: true }] }],
    daemons: [
      { daemon_type: "mds", daemon_id: "fs.a.qwerty", hostname: "a" },
      { daemon_type: "nfs", daemon_id: "n.0.0.b.qwerty", hostname: "b", rank: 0 },
      { daemon_type: "osd", daemon_id: "3", hostname: "b", osdspec_affinity: "all", status: 0, status_desc: "stopped" },
      { daemon_type: "jaeger-query", daemon_id: "b", hostname: "b" },
      { daemon_type: "mon", daemon_id: "a", hostname: "a" },
    ],
    services: [
      {
        service_type: "mds",
        service_id: "fs",
        service_name: "mds.fs",
        placement: { count: 2 },
        status: { size: 7, running: 7 },
        events: [],
      },
      spec("crash", undefined, {}, {}, { unmanaged: true }),
    ],
  };

  test("has its hosts, devices and daemons, and the services that the daemons belong to", async () => {
    const cluster = await memoryCluster(listed);
    expect(await cluster.read("get_hosts")).toEqual([
      {
        hostname: "a",
        addr: "10.0.0.1",
        labels: ["x"],
        status: "",
        location: { rack: "r1" },
        oob: { addr: "10.9.0.1" },
      },
      { hostname: "b", addr: "10.0.0.2", labels: [], status: "" },
    ]);
    expect(await cluster.read("get_inventory")).toMatchObject([{ devices: [] }, { devices: [{ path: "/dev/vda" }] }]);
    const daemons = await cluster.daemons();
    expect(daemons.map((daemon) => [daemon.daemon_name, daemon.service_name, daemon.status_desc])).toEqual([
      ["mds.fs.a.qwerty", "mds.fs", "running"],
      ["nfs.n.0.0.b.qwerty", "nfs.n", "running"],
      ["osd.3", "osd.all", "stopped"],
      ["jaeger-query.b", "jaeger-query", "running"],
      ["mon.a", "mon", "running"],
      [expect.stringMatching(/^mds\.fs\.b\.[a-z]{6}$/), "mds.fs", "running"],
    ]);
    expect((await cluster.service("mds.fs"))?.status).toMatchObject({ size: 2, running: 2 });
    expect((await cluster.service("crash"))?.status).toMatchObject({ size: 0, running: 0 });
    expect((await cluster.service("osd.all"))?.status).toMatchObject({ size: 1, running: 0 });
  });
});

describe("a generated cluster", () => {
  test("has as many hosts, devices and daemons as asked for, named so that they sort", async () => {
    const cluster = await memoryCluster({ generate: { hosts: 12, devices_per_host: 5, daemons_per_host: 4 } });
    const found = await cluster.read<{ hostname: string }[]>("get_hosts");
    expect(found.map(({ hostname }) => hostname)).toEqual(
      Array.from({ length: 12 }, (_, index) => `h${String(index + 1).padStart(2, "0")}`),
    );
    expect(await cluster.names({ host: "h02" })).toEqual([
      "crash.h02 h02",
      "node-exporter.h02 h02",
      "osd.2 h02",
      "osd.3 h02",
    ]);
    const [inventory] = await cluster.read<{ devices: { available: boolean; path: string }[] }[]>("get_inventory");
    expect(inventory?.devices.map(({ path, available }) => [path, available])).toEqual([
      ["/dev/sdb", false],
      ["/dev/sdc", false],
      ["/dev/sdd", true],
      ["/dev/sde", true],
      ["/dev/sdf", true],
    ]);
    expect((await cluster.service("osd.generated"))?.status).toMatchObject({ size: 24, running: 24 });
  });

  test("is at rest: adding a host only brings what every host has", async () => {
    const cluster = await memoryCluster({ generate: { hosts: 2, devices_per_host: 1, daemons_per_host: 3 } });
    await cluster.write("add_host", { host_spec: { hostname: "new" } });
    expect(await cluster.names({ host: "new" })).toEqual(["crash.new new", "node-exporter.new new"]);
    expect(await cluster.names({ daemon_type: "osd" })).toEqual(["osd.0 h1", "osd.1 h2"]);
  });

  test("gives hosts more daemons than devices where that is asked for", async () => {
    const cluster = await memoryCluster({ generate: { hosts: 1, daemons_per_host: 4 } });
    expect(await cluster.names()).toEqual(["crash.h1 h1", "node-exporter.h1 h1", "osd.0 h1", "osd.1 h1"]);
  });

  test("names the devices as Linux does", async () => {
    const { read } = await memoryCluster(hosts(1, 30));
    const [inventory] = await read<{ devices: { path: string }[] }[]>("get_inventory");
    expect([0, 24, 25, 29].map((index) => inventory?.devices[index]?.path)).toEqual([
      "/dev/sdb",
      "/dev/sdz",
      "/dev/sdaa",
      "/dev/sdae",
    ]);
  });
});

test("the example in the documentation is a cluster", async () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/backends/memory.md"), "utf8");
  const [, example = ""] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const cluster = await memoryCluster(JSON.parse(example) as object);
  expect(cluster.orchestrator.status()).toMatchObject({ available: true });
  expect(await cluster.names({ host: "node1" })).toEqual([
    "crash.node1 node1",
    expect.stringMatching(/^mds\.home\.node1\.[a-z]{6} node1$/),
    "mon.node1 node1",
    "node-exporter.node1 node1",
  ]);
});
