import { describe, expect, test } from "vitest";
import type { PlanRow, ServiceDescription } from "../../src/orchestrator/generated/types.ts";
import { hosts, memoryCluster, spec } from "./memory-cluster.ts";

/** What the names of a service's daemons look like on one host, and the ports it has. */
const TYPES: [type: string, id: string | undefined, fields: object, names: string[], ports: number[] | undefined][] = [
  ["mon", undefined, {}, ["mon.h1"], undefined],
  ["mgr", undefined, {}, ["mgr.h1.xxxxxx"], undefined],
  ["mds", "fs", {}, ["mds.fs.h1.xxxxxx"], undefined],
  ["rgw", "s3", {}, ["rgw.s3.h1.xxxxxx"], [80]],
  ["nfs", "home", {}, ["nfs.home.0.0.h1.xxxxxx"], [2049]],
  [
    "ingress",
    "rgw.s3",
    { backend_service: "rgw.s3", frontend_port: 8080, monitor_port: 1967, virtual_ip: "10.0.0.9/24" },
    ["haproxy.rgw.s3.h1.xxxxxx", "keepalived.rgw.s3.h1.xxxxxx"],
    [8080, 1967],
  ],
  ["iscsi", "pool", { pool: "pool" }, ["iscsi.pool.h1.xxxxxx"], [5000]],
  ["nvmeof", "pool.g", { pool: "pool" }, ["nvmeof.pool.g.h1.xxxxxx"], [5500, 4420, 8009]],
  ["smb", "s", { cluster_id: "s", config_uri: "rados://smb/s/config" }, ["smb.s.0.0.h1.xxxxxx"], [445, 9922]],
  ["container", "web", { image: "nginx:1", ports: [8080] }, ["container.web.h1"], [8080]],
  ["rbd-mirror", undefined, {}, ["rbd-mirror.h1.xxxxxx"], undefined],
  ["cephfs-mirror", undefined, {}, ["cephfs-mirror.h1.xxxxxx"], undefined],
  ["crash", undefined, {}, ["crash.h1"], undefined],
  ["agent", undefined, {}, ["agent.h1"], undefined],
  ["node-proxy", undefined, {}, ["node-proxy.h1"], undefined],
  ["cephadm-exporter", undefined, {}, ["cephadm-exporter.h1"], [9443]],
  ["ceph-exporter", undefined, {}, ["ceph-exporter.h1"], [9926]],
  ["node-exporter", undefined, {}, ["node-exporter.h1"], [9100]],
  ["prometheus", undefined, { port: 9999 }, ["prometheus.h1"], [9999]],
  ["alertmanager", undefined, {}, ["alertmanager.h1"], [9093, 9094]],
  ["grafana", undefined, {}, ["grafana.h1"], [3000]],
  ["loki", undefined, {}, ["loki.h1"], [3100]],
  ["promtail", undefined, {}, ["promtail.h1"], [9080]],
  [
    "snmp-gateway",
    undefined,
    { snmp_version: "V2c", snmp_destination: "10.0.0.1:162", credentials: { snmp_community: "public" } },
    ["snmp-gateway.h1"],
    [9464],
  ],
  ["mgmt-gateway", undefined, { ssl: false }, ["mgmt-gateway.h1"], [80]],
  [
    "oauth2-proxy",
    undefined,
    { provider_display_name: "p", client_id: "i", client_secret: "s", oidc_issuer_url: "https://issuer" },
    ["oauth2-proxy.h1"],
    [4180],
  ],
  ["elasticsearch", undefined, {}, ["elasticsearch.h1"], [9200]],
  ["jaeger-agent", undefined, {}, ["jaeger-agent.h1"], [6799]],
  ["jaeger-collector", undefined, {}, ["jaeger-collector.h1"], [14250]],
  ["jaeger-query", undefined, {}, ["jaeger-query.h1"], [16686]],
];

describe("a service", () => {
  test.each(TYPES)(
    "of type %s is applied, described and its daemons are named as cephadm does",
    async (type, id, fields, names, ports) => {
      const cluster = await memoryCluster(hosts(1));
      const name = id === undefined ? type : `${type}.${id}`;
      expect(await cluster.apply(spec(type, id, { host_pattern: "*" }, fields))).toEqual([
        `Scheduled ${name} update...`,
      ]);
      const daemons = await cluster.daemons({ service_name: name });
      expect(daemons.map((daemon) => daemon.daemon_name?.replace(/(?<=\.h1\.)[a-z]{6}$/, "xxxxxx"))).toEqual(names);
      expect(await cluster.service(name)).toMatchObject({
        service_type: type,
        service_name: name,
        status: {
          size: names.length,
          running: names.length,
          created: expect.any(String),
          last_refresh: expect.any(String),
        },
        events: [expect.stringMatching(new RegExp(`^\\S+Z service:${name} \\[INFO\\] "service was created"$`))],
      });
      expect((await cluster.service(name))?.status.ports).toEqual(ports);
    },
  );

  test("of type jaeger-tracing becomes the four of tracing, or fewer", async () => {
    const cluster = await memoryCluster(hosts(1));
    expect(await cluster.apply(spec("jaeger-tracing", undefined))).toEqual([
      ["elasticsearch", "jaeger-agent", "jaeger-collector", "jaeger-query"]
        .map((type) => `Scheduled ${type} update...`)
        .join("\n"),
    ]);
    const other = await memoryCluster(hosts(1));
    await other.apply(spec("jaeger-tracing", undefined, {}, { es_nodes: "10.0.0.5:9200", without_query: true }));
    expect(await other.names()).toEqual(["jaeger-agent.h1 h1", "jaeger-collector.h1 h1"]);
  });

  test("has a virtual address and ports that nfs can find", async () => {
    const cluster = await memoryCluster(hosts(2));
    const fields = { backend_service: "nfs.a", frontend_port: 2049, monitor_port: 9049, virtual_ip: "10.0.0.9/24" };
    await cluster.apply(
      spec("nfs", "a", { hosts: ["h1:10.1.1.1"] }, { port: 12049 }),
      spec("ingress", "nfs.a", {}, fields),
    );
    expect((await cluster.service("ingress.nfs.a"))?.status).toMatchObject({
      virtual_ip: "10.0.0.9/24",
      ports: [2049, 9049],
      size: 4,
    });
    expect(await cluster.daemons({ daemon_type: "nfs" })).toMatchObject([
      { hostname: "h1", ip: "10.1.1.1", ports: [12049], rank: 0, service_name: "nfs.a" },
    ]);
  });

  test("is only described where the filters want it", async () => {
    const cluster = await memoryCluster(hosts(1));
    await cluster.apply(spec("mds", "a"), spec("mds", "b"), spec("crash", undefined));
    const named = async (filter: object): Promise<string[]> =>
      (await cluster.read<ServiceDescription[]>("describe_service", filter)).map(
        (service) => service.service_name ?? "",
      );
    expect(await named({ service_type: "mds" })).toEqual(["mds.a", "mds.b"]);
    expect(await named({ service_name: "mds.b" })).toEqual(["mds.b"]);
    expect(await named({ service_type: "nfs" })).toEqual([]);
    expect(await named({ refresh: true })).toHaveLength(3);
  });

  test("that only has daemons is described as unmanaged, and can be removed", async () => {
    const cluster = await memoryCluster({
      hosts: [{ hostname: "a" }],
      daemons: [{ daemon_type: "mds", daemon_id: "fs.a.qwerty", hostname: "a" }],
    });
    expect(await cluster.service("mds.fs")).toMatchObject({
      service_id: "fs",
      unmanaged: true,
      status: { size: 1, running: 1 },
    });
    await cluster.write("remove_service", { service_name: "mds.fs" });
    expect(await cluster.names()).toEqual([]);
  });

  test.each<[type: string, id: string, hostname: string, service: string]>([
    ["mds", "fs.archive.a.xyzabc", "a", "mds.fs.archive"],
    ["mds", "fs.a.a.xyzabc", "a.example.com", "mds.fs.a"],
    ["mds", "a", "a", "mds.a"],
    ["mds", "fs", "a", "mds.fs"],
    ["nfs", "home.0.0.a.xyzabc", "a", "nfs.home"],
    ["rgw", "realm.zone.xyzabc", "h", "rgw.realm.zone"],
    ["smb", "s.1.0.a.xyzabc", "a", "smb.s"],
  ])("is what Ceph reads from the name of daemon %s.%s on %s", async (daemon_type, daemon_id, hostname, service) => {
    const services = daemon_type === "smb" ? [spec("smb", "s", {}, { cluster_id: "s", config_uri: "x" })] : [];
    const daemon = { daemon_type, daemon_id, hostname };
    const cluster = await memoryCluster({ hosts: [{ hostname }], daemons: [daemon], services });
    expect(await cluster.daemons()).toMatchObject([{ daemon_id, service_name: service }]);
  });
});

describe("a placement", () => {
  test.each<[string, object, string[]]>([
    ["names hosts", { hosts: ["h3", "h1"] }, ["h1", "h3"]],
    ["counts", { count: 2 }, ["h1", "h2"]],
    ["counts more than there are hosts, where daemons may share one", { count: 5 }, ["h1", "h1", "h2", "h2", "h3"]],
    ["matches a shell pattern", { host_pattern: "h[12]" }, ["h1", "h2"]],
    ["matches a negated shell pattern", { host_pattern: "?[!1]" }, ["h2", "h3"]],
    ["matches a regular expression", { host_pattern: { pattern: "h(1|3)", pattern_type: "regex" } }, ["h1", "h3"]],
    ["takes a label", { label: "_admin" }, ["h1"]],
    ["counts per host", { host_pattern: "h*", count_per_host: 2 }, ["h1", "h1", "h2", "h2", "h3", "h3"]],
    ["counts among named hosts", { hosts: ["h3", "h2"], count: 1 }, ["h3"]],
    ["is the type's own when empty", {}, ["h1", "h2"]],
  ])("that %s", async (_what, placement, expected) => {
    const cluster = await memoryCluster(hosts(3));
    await cluster.apply(spec("rgw", "s3", placement));
    const daemons = await cluster.daemons({ daemon_type: "rgw" });
    expect(daemons.map(({ hostname = "" }) => hostname).toSorted()).toEqual(expected);
    expect(new Set(daemons.map(({ daemon_id }) => daemon_id)).size).toBe(daemons.length);
  });

  test("of every host waits for hosts where there is none", async () => {
    const cluster = await memoryCluster();
    await cluster.apply(spec("crash", undefined), spec("mds", "fs"));
    expect(await cluster.service("crash")).toMatchObject({ placement: { host_pattern: "*" }, status: { size: 0 } });
    expect(await cluster.service("mds.fs")).toMatchObject({ placement: { count: 2 }, status: { size: 0 } });
    await cluster.write("add_host", { host_spec: { hostname: "h1" } });
    expect(await cluster.names({ daemon_type: "crash" })).toEqual(["crash.h1 h1"]);
  });

  test("gives daemons that share a host different ports", async () => {
    const cluster = await memoryCluster(hosts(1));
    await cluster.apply(spec("rgw", "s3", { count: 3 }, { rgw_frontend_port: 8000 }));
    expect((await cluster.daemons()).map(({ ports }) => ports)).toEqual([[8000], [8001], [8002]]);
  });

  test.each([{}, { delays: { effective_ms: 1 } }])(
    "of hosts whose names begin alike gives each a daemon of its own (%j)",
    async (delays) => {
      const names = [{ hostname: "n1.dc1" }, { hostname: "n1.dc2" }];
      const cluster = await memoryCluster({ hosts: names, ...delays });
      await cluster.apply(spec("crash", undefined, { host_pattern: "*" }));
      expect(await cluster.names()).toEqual([
        "crash.n1 n1.dc1",
        expect.stringMatching(/^crash\.n1\.[a-z]{6} n1\.dc2$/),
      ]);
      const started = await memoryCluster({ hosts: names, services: [spec("crash", undefined)] });
      expect(await started.names()).toHaveLength(2);
    },
  );

  test("gives a name that another service's daemon has no second time", async () => {
    const cluster = await memoryCluster(hosts(1));
    await cluster.apply(spec("mds", "one", { hosts: ["h1=x"] }), spec("mds", "two", { hosts: ["h1=x"] }));
    expect(await cluster.names()).toEqual(["mds.x h1", expect.stringMatching(/^mds\.x\.[a-z]{6} h1$/)]);
  });

  test("names a daemon", async () => {
    const cluster = await memoryCluster(hosts(1));
    await cluster.apply(spec("mon", undefined, { hosts: ["h1:10.1.0.0/16=a"] }));
    expect(await cluster.daemons()).toMatchObject([{ daemon_id: "a", ip: "10.1.1.1" }]);
  });

  test.each<[string, object, string, string]>([
    [
      "on an unknown host",
      spec("mds", "fs", { hosts: ["h1", "h8", "h9"] }),
      "NotFoundError",
      "cannot place mds.fs on h8, h9: unknown hosts",
    ],
    [
      "by a label that no host has",
      spec("mds", "fs", { label: "x" }),
      "ValidationError",
      "cannot place mds.fs: no host matches label x",
    ],
    [
      "by a pattern that no host matches",
      spec("mds", "fs", { host_pattern: "z*" }),
      "ValidationError",
      "cannot place mds.fs: no host matches the host pattern",
    ],
    [
      "by a broken expression",
      spec("mds", "fs", { host_pattern: { pattern: "(", pattern_type: "regex" } }),
      "ValidationError",
      'host_pattern "(" is not a regular expression',
    ],
    [
      "by a broken shell pattern",
      spec("mds", "fs", { host_pattern: "[z-a]" }),
      "ValidationError",
      'host_pattern "[z-a]" is not a shell pattern',
    ],
    [
      "on a host that is named twice",
      spec("mon", undefined, { hosts: ["h1", "h1=x"] }),
      "ValidationError",
      "cannot place mon: h1 is named twice",
    ],
    [
      "with a daemon's name given twice",
      spec("mon", undefined, { hosts: ["h1=x", "h2=x"] }),
      "ValidationError",
      "cannot place mon: two daemons are named x",
    ],
    [
      "by hosts and a label",
      spec("mds", "fs", { hosts: ["h1"], label: "x" }),
      "ValidationError",
      "hosts and label exclude each other",
    ],
    [
      "by two counts",
      spec("mds", "fs", { count: 2, count_per_host: 2 }),
      "ValidationError",
      "count and count_per_host exclude each other",
    ],
    [
      "a slip of the finger",
      spec("mds", "fs", { host_pattern: "*", count_per_host: 503_375 }),
      "ValidationError",
      "count_per_host is 503375, and a host bears 100 of a service at most",
    ],
    [
      "twice on a host, of a type that cannot",
      spec("prometheus", undefined, { host_pattern: "*", count_per_host: 2 }),
      "ValidationError",
      "cannot place more than one prometheus daemon on a host (count_per_host 2)",
    ],
    ["without the id it needs", spec("agent", "x"), "ValidationError", "has no service_id (got x)"],
  ])("%s is refused and changes nothing", async (_what, wrong, type, message) => {
    const cluster = await memoryCluster(hosts(2));
    const before = await cluster.state();
    await expect(cluster.apply(wrong)).rejects.toMatchObject({ type, message: expect.stringContaining(message) });
    expect(await cluster.state()).toEqual(before);
  });
});

describe("applying again", () => {
  test("moves no daemon without need, and removes surplus ones", async () => {
    const cluster = await memoryCluster(hosts(4));
    await cluster.apply(spec("mds", "fs", { hosts: ["h3", "h4"] }));
    const before = await cluster.names();
    await cluster.apply(spec("mds", "fs", { count: 3 }));
    expect(await cluster.names()).toEqual(expect.arrayContaining(before));
    const three = await cluster.names();
    await cluster.apply(spec("mds", "fs", { count: 1 }));
    expect(three).toEqual(expect.arrayContaining(await cluster.names()));
    expect(await cluster.names()).toHaveLength(1);
  });

  test("does nothing with no_overwrite", async () => {
    const cluster = await memoryCluster(hosts(2));
    await cluster.apply(spec("mds", "fs", { count: 1 }));
    expect(await cluster.write("apply", { specs: [spec("mds", "fs", { count: 2 })], no_overwrite: true })).toEqual([
      "Skipped mds.fs service spec. To change mds.fs spec omit --no-overwrite flag",
    ]);
    expect(await cluster.names()).toHaveLength(1);
  });

  test("leaves an unmanaged service's daemons alone", async () => {
    const cluster = await memoryCluster(hosts(3));
    await cluster.apply(spec("mds", "fs", { count: 1 }));
    expect(await cluster.write("set_unmanaged", { service_name: "mds.fs", value: true })).toBe(
      "Set unmanaged to True for service mds.fs",
    );
    await cluster.apply(spec("mds", "fs", { count: 3 }, {}, { unmanaged: true }));
    expect(await cluster.names()).toHaveLength(1);
    expect(await cluster.write("set_unmanaged", { service_name: "mds.fs", value: false })).toBe(
      "Set unmanaged to False for service mds.fs",
    );
    expect(await cluster.names()).toHaveLength(3);
    expect(await cluster.service("mds.fs")).not.toHaveProperty("unmanaged");
  });

  test("is what the older flag for all OSD services comes to", async () => {
    const cluster = await memoryCluster(hosts(1));
    const group = (id: string): object => spec("osd", id, { host_pattern: "*" }, { data_devices: { all: true } });
    await cluster.apply(group("a"), group("b"));
    expect(await cluster.write("set_unmanaged_flag", { unmanaged_flag: true })).toMatchObject({ retval: 0 });
    expect(await cluster.service("osd.a")).toMatchObject({ unmanaged: true });
    expect(await cluster.service("osd.b")).toMatchObject({ unmanaged: true });
  });
});

describe("a dry run", () => {
  test("shows what would be added and removed, and changes nothing", async () => {
    const cluster = await memoryCluster(hosts(3));
    await cluster.apply(spec("mds", "fs", { hosts: ["h1", "h2"] }));
    const before = await cluster.state();
    const preview = spec("mds", "fs", { hosts: ["h2", "h3"] }, { preview_only: true });
    expect(await cluster.apply(preview)).toEqual([""]);
    const [warning, row] = await cluster.read<PlanRow[]>("plan", { spec: [preview] });
    expect(warning?.warning).toContain("preview");
    expect(row).toEqual({
      service_type: "mds",
      service_name: "mds.fs",
      add: ["h3"],
      remove: [expect.stringMatching(/^mds\.fs\.h1\.[a-z]{6}$/)],
    });
    expect(await cluster.state()).toEqual(before);
  });

  test("of hosts is refused by plan", async () => {
    const { read } = await memoryCluster();
    expect(await read("plan", { spec: [{ service_type: "host", hostname: "h1" }] })).toEqual([
      { error: "hosts cannot be previewed" },
    ]);
  });

  test("of a wrong spec is refused as the real run would be", async () => {
    const { read } = await memoryCluster(hosts(1));
    await expect(read("plan", { spec: [spec("mds", "fs", { hosts: ["h7"] })] })).rejects.toThrow(
      "cannot place mds.fs on h7",
    );
  });
});

describe("removing a service", () => {
  test.each(["mon", "mgr"])("of type %s is refused", async (type) => {
    const cluster = await memoryCluster(hosts(1));
    await cluster.apply(spec(type, undefined));
    await expect(cluster.write("remove_service", { service_name: type })).rejects.toThrow(
      `service ${type} cannot be removed; 'ceph orch set-unmanaged ${type}' leaves its daemons alone`,
    );
  });

  test("of type mon leaves no service behind where there are only daemons", async () => {
    const cluster = await memoryCluster({
      hosts: [{ hostname: "a" }],
      daemons: [{ daemon_type: "mon", daemon_id: "a", hostname: "a" }],
    });
    await expect(cluster.write("remove_service", { service_name: "mon" })).rejects.toThrow("cannot be removed");
    await cluster.write("daemon_action", { action: "stop", daemon_name: "mon.a" });
    await cluster.write("remove_daemons", { names: ["mon.a"] });
    expect(await cluster.service("mon")).toBeUndefined();
  });

  test("takes its daemons with it", async () => {
    const cluster = await memoryCluster(hosts(2));
    await cluster.apply(spec("mds", "fs"), spec("mds", "other"));
    expect(await cluster.write("remove_service", { service_name: "mds.fs" })).toBe("Removed service mds.fs");
    expect(await cluster.service("mds.fs")).toBeUndefined();
    expect((await cluster.names()).every((name) => name.startsWith("mds.other."))).toBe(true);
  });

  test("names one that does not exist", async () => {
    const { write } = await memoryCluster();
    await expect(write("remove_service", { service_name: "mds.nope" })).rejects.toMatchObject({
      type: "NotFoundError",
      message: "service mds.nope does not exist; 'ceph orch ls' lists the services",
    });
  });

  test("of OSDs leaves the OSDs, and only by force", async () => {
    const cluster = await memoryCluster(hosts(1, 1));
    await cluster.apply(spec("osd", "all", { host_pattern: "*" }, { data_devices: { all: true } }));
    await expect(cluster.write("remove_service", { service_name: "osd.all" })).rejects.toThrow(
      /would remain[\s\S]*osd\.0 on host h1/,
    );
    await cluster.write("remove_service", { service_name: "osd.all", force: true });
    expect(await cluster.names()).toEqual(["osd.0 h1"]);
    expect(await cluster.service("osd.all")).toMatchObject({ unmanaged: true, status: { size: 1 } });
  });

  test("gives way to a new apply that comes before its end", async () => {
    const cluster = await memoryCluster(hosts(2, 0, { delays: { effective_ms: 40 } }));
    await cluster.apply(spec("mds", "fs"));
    const removal = await cluster.start("remove_service", { service_name: "mds.fs" });
    await cluster.apply(spec("mds", "fs"));
    expect(cluster.heard.effective).toContain(removal.operations[0]?.call);
    expect((await cluster.service("mds.fs"))?.status).toMatchObject({ size: 2, running: 2 });
  });
});

test.each([
  ["set_unmanaged", { service_name: "mds.nope", value: true }],
  ["service_action", { service_name: "mds.nope", action: "restart" }],
  ["set_osd_spec", { service_name: "mds.nope", osd_ids: ["0"] }],
])("%s names a service that does not exist", async (method, params) => {
  const { read } = await memoryCluster(hosts(1));
  await expect(read(method, params)).rejects.toMatchObject({
    type: "NotFoundError",
    message: "service mds.nope does not exist; 'ceph orch ls' lists the services",
  });
});
