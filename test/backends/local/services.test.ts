/** What the services' part of the local backend decides, without any host: which daemons, how named, how told. */
import { describe, expect, it } from "vitest";

import type { AgentDescription, Daemon } from "../../../src/agent/client.ts";
import { accountOf } from "../../../src/backends/local/services/caps.ts";
import { configOf, deploy, keyringOf } from "../../../src/backends/local/services/deploy.ts";
import { type MonDump, monPlace, nextAddress, whyMonStays } from "../../../src/backends/local/services/mon.ts";
import { daemonId } from "../../../src/backends/local/services/names.ts";
import { addressIn } from "../../../src/backends/local/services/networks.ts";
import { ganeshaConf, placeOf, withFormerPlace } from "../../../src/backends/local/services/nfs.ts";
import { checkPorts } from "../../../src/backends/local/services/ports.ts";
import { prepare, settingsOf, unprepare } from "../../../src/backends/local/services/prepare.ts";
import { checkRgw, rgwSettings } from "../../../src/backends/local/services/rgw.ts";
import { checkSpec, whyNot } from "../../../src/backends/local/services/support.ts";
import { difference, plannedDaemon, wantedCount } from "../../../src/backends/local/services/wanted.ts";
import type { AnySpec, RGWSpec, ServiceSpec } from "../../../src/index.ts";
import { StandInCeph } from "./stand-in-ceph.ts";
import { HOSTNAME, StandInHost } from "./stand-in-host.ts";

const HOST = { hostname: "h1", labels: [] };
const NONE = new Set<string>();

/** A daemon as the agent lists it. */
function present(name: Daemon["name"], service: string, change: Partial<Daemon> = {}): Daemon {
  const dot = name.indexOf(".");
  return {
    name,
    type: name.slice(0, dot) as Daemon["type"],
    id: name.slice(dot + 1),
    service,
    labels: {},
    ports: [],
    desired: "running",
    state: "running",
    pid: 1,
    version: "18.2.7",
    memory_bytes: null,
    cpu_percent: null,
    created: null,
    deployed: null,
    started: null,
    crashes: 0,
    last_exit: null,
    events: [],
    ...change,
  };
}

function made(spec: AnySpec, index: number, change: Partial<Daemon> = {}): Daemon {
  const { name } = plannedDaemon(spec, "h1", index);
  return present(name, `${spec.service_type}.${spec.service_id}`, { labels: { index: String(index) }, ...change });
}

const MDS = { service_type: "mds", service_id: "home", placement: { count: 2 } };

describe("which daemons there should be", () => {
  it("counts daemons on the only host, and none where it does not match or drains", () => {
    expect(wantedCount(MDS, HOST)).toBe(2);
    expect(wantedCount({ ...MDS, placement: { hosts: ["h2"] } }, HOST)).toBe(0);
    expect(wantedCount({ ...MDS, placement: { label: "fast" } }, HOST)).toBe(0);
    expect(wantedCount({ ...MDS, placement: { label: "fast" } }, { ...HOST, labels: ["fast"] })).toBe(1);
    expect(wantedCount(MDS, { ...HOST, labels: ["_no_schedule"] })).toBe(0);
    expect(wantedCount({ service_type: "crash", placement: { host_pattern: "*" } }, HOST)).toBe(1);
  });

  it("names daemons alike each time", () => {
    expect(daemonId(MDS, "h1.example.net", 0)).toMatch(/^home\.h1\.[a-z]{6}$/);
    expect(daemonId(MDS, "h1", 0)).toBe(daemonId(MDS, "h1", 0));
    expect(daemonId(MDS, "h1", 0)).not.toBe(daemonId(MDS, "h1", 1));
    expect(daemonId({ service_type: "mon" }, "h1", 0)).toBe("h1");
    expect(daemonId({ service_type: "mon", placement: { hosts: ["h1=a"] } }, "h1", 0)).toBe("a");
    expect(daemonId({ service_type: "nfs", service_id: "s" }, "h1", 1)).toMatch(/^s\.1\.0\.h1\.[a-z]{6}$/);
  });

  it("makes what is missing under names and ports that are free", () => {
    const rgw = { service_type: "rgw", service_id: "a", placement: { count: 3 }, spec: { rgw_frontend_port: 8000 } };
    const second = made(rgw, 1);
    const { add, remove, keep } = difference(rgw, HOST, [second], { all: [second], active: NONE });
    expect(add.map(({ index, ports }) => [index, ...ports])).toEqual([
      [0, 8000],
      [2, 8002],
    ]);
    expect(remove).toEqual([]);
    expect(keep).toEqual([second]);
  });

  it("keeps those that work and those that serve", () => {
    const [first, second, third] = [made(MDS, 0), made(MDS, 1, { state: "backoff" }), made(MDS, 2)];
    const all = [first, second, third];
    const one = { ...MDS, placement: { count: 1 } };
    expect(difference(MDS, HOST, all, { all, active: NONE }).remove).toEqual([second]);
    expect(difference(one, HOST, all, { all, active: new Set([third.name]) }).keep).toEqual([third]);
    expect(difference({ ...one, unmanaged: true }, HOST, all, { all, active: NONE }).remove).toEqual([]);
  });

  it("counts a monitor that somebody else started, and never takes it away", () => {
    const foreign = present("mon.a", "", { state: "foreign" });
    const mons = (count: number): AnySpec => ({ service_type: "mon", placement: { count } });
    const other = { all: [foreign], active: NONE };
    expect(difference(mons(1), HOST, [foreign], other)).toMatchObject({ add: [], remove: [] });
    expect(difference(mons(2), HOST, [foreign], other).add.map(({ name }) => name)).toEqual(["mon.h1"]);
  });
});

describe("monitors", () => {
  const mon = (name: string, rank: number, port: number): MonDump["mons"][number] => ({
    name,
    rank,
    public_addrs: { addrvec: [{ type: "v2", addr: `10.0.0.1:${port}` }] },
  });
  const dump = { fsid: "f", quorum: [0, 1], mons: [mon("a", 0, 3300), mon("b", 1, 3301)] };

  it("get the next ports of the first one's address, or of the one they are given", () => {
    expect(nextAddress(dump, undefined)).toEqual([{ type: "v2", addr: "10.0.0.1:3302" }]);
    expect(nextAddress(dump, "fd00::1")).toEqual([{ type: "v2", addr: "[fd00::1]:3302" }]);
  });

  it("pass over the ports that other processes have, and say so where none is free", async () => {
    const host = new StandInHost();
    host.commands["mon dump"] = () => ({
      ...dump,
      mons: dump.mons.map(({ public_addrs, ...rest }) => ({ ...rest, public_addrs: { ...public_addrs } })),
    });
    const planned = plannedDaemon({ service_type: "mon" }, HOSTNAME, 0);
    const site = await host.site();
    const taken = (held: (port: number) => boolean) => {
      const by = "sshd (pid 7)";
      host.agent["port/taken"] = ({ ports }) => (ports as number[]).filter(held).map((port) => ({ port, by }));
    };
    taken((port) => port === 3302);
    host.add("mgr.x", { ports: [3303] });
    expect(await monPlace(site, { service_type: "mon" }, planned)).toMatchObject({
      address: "[v2:10.0.0.1:3304]",
      ports: [3304],
    });
    taken(() => true);
    await expect(monPlace(site, { service_type: "mon" }, planned)).rejects.toThrow(
      /mon\.h1: no free port was found for it; the last one tried, \d+, is taken by sshd \(pid 7\)/,
    );
  });

  it("go only while the others are a majority", () => {
    expect(whyMonStays({ ...dump, mons: [mon("a", 0, 3300)] }, "a", "removed")).toBe("mon.a is the only monitor");
    expect(whyMonStays(dump, "b", "removed")).toBeNull();
    expect(whyMonStays({ ...dump, quorum: [1] }, "b", "removed")).toContain("only 0 of the other 1 monitors");
    expect(whyMonStays(dump, "c", "removed")).toBeNull();
    const three = { ...dump, quorum: [0, 1, 2], mons: [...dump.mons, mon("c", 2, 3302)] };
    expect(whyMonStays(three, "b", "removed", new Set(["c"]))).toContain("only 1 of the other 2 monitors");
  });

  it("are stopped only while the others are a majority of all, since a stopped one still counts", () => {
    const three = { ...dump, quorum: [0, 1, 2], mons: [...dump.mons, mon("c", 2, 3302)] };
    expect(whyMonStays(dump, "b", "stopped")).toContain("only 1 of the other 1 monitors");
    expect(whyMonStays(three, "c", "stopped")).toBeNull();
    expect(whyMonStays(three, "b", "stopped", new Set(["c"]))).toContain("only 1 of the other 2 monitors");
  });
});

describe("what a daemon is told", () => {
  const rgw = (spec: RGWSpec["spec"] = {}): RGWSpec => ({ service_type: "rgw", service_id: "a", spec });
  const planned = plannedDaemon(rgw(), "h1", 0);
  const NEW_RECORD = {
    created: "2026-01-01T00:00:00Z",
    deleted: false,
    prepared: null,
    realm: null,
    settings: [],
    events: [],
  };
  const pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nx\n";

  it("is where a gateway listens and which zone it serves", () => {
    expect(rgwSettings(rgw(), planned, undefined)).toEqual({ rgw_frontends: "beast port=80" });
    const tls = rgw({ ssl: true, rgw_realm: "r", rgw_zone: "z", rgw_frontend_extra_args: ["tcp_nodelay=1"] });
    expect(rgwSettings(tls, { ...planned, ports: [443] }, "fd00::1")).toEqual({
      rgw_frontends: "beast ssl_endpoint=[fd00::1]:443 ssl_certificate=config://rgw/cert/rgw.a tcp_nodelay=1",
      rgw_realm: "r",
      rgw_zone: "z",
    });
  });

  it("is refused where it contradicts itself", () => {
    const wrong: [RGWSpec["spec"], string][] = [
      [{ ssl: true }, "rgw_frontend_ssl_certificate: needed with ssl"],
      [{ ssl: true, rgw_frontend_ssl_certificate: pem.split("-----BEGIN P")[0] ?? "" }, "the private key is missing"],
      [{ rgw_realm: "r" }, "rgw_realm and rgw_zone go together"],
      [{ rgw_realm: "r o", rgw_zone: "z" }, 'rgw_realm: expected letters, digits, dots and dashes, got "r o"'],
      [{ generate_cert: true }, "generate_cert: the local backend signs no certificates"],
      [{ rgw_frontend_type: "civetweb" }, "tentacle has no civetweb any more"],
      [{ rgw_frontend_ssl_certificate: pem }, "rgw_frontend_ssl_certificate: it serves nothing without ssl"],
    ];
    for (const [spec, reason] of wrong) expect(() => checkRgw(rgw(spec), "tentacle")).toThrow(reason);
    expect(() => checkRgw(rgw({ ssl: true, rgw_frontend_ssl_certificate: pem }), "tentacle")).not.toThrow();
  });

  it("restarts a gateway where its certificate is another one, and no longer names a realm that its spec does not", async () => {
    const host = new StandInHost();
    host.commands["config dump"] = () => [
      { section: "client.rgw.a.h1", name: "rgw_realm" },
      { section: "client.rgw.a.h1", name: "debug_rgw" },
      { section: "client.rgw.b", name: "rgw_zone" },
    ];
    host.agent["daemon/deploy"] = () => host.add("rgw.a.h1");
    const site = await host.site();
    const one = { ...planned, name: "rgw.a.h1", id: "a.h1" } as const;
    const tls = (certificate: string) =>
      configOf(site, rgw({ ssl: true, rgw_frontend_ssl_certificate: certificate }), one);
    expect(await tls(pem)).toBe(await tls(`${pem}\n`));
    expect(await tls(pem)).not.toBe(await tls(pem.replace("x", "y")));
    await deploy(site, rgw(), one);
    expect(host.done.filter((step) => step.startsWith("config rm"))).toEqual(["config rm client.rgw.a.h1 rgw_realm"]);
  });

  it("is never made by an account that stays, which may do more than a gateway", async () => {
    const host = new StandInHost();
    host.agent["rgw/realm"] = () => ({ missing: ["zone"] });
    const spec = rgw({ rgw_realm: "r", rgw_zone: "z" });
    const record = { ...NEW_RECORD, spec };
    const site = await host.site();
    await expect(prepare(site, "rgw.a", record)).rejects.toThrow("realm r has no zone of that name");
    expect(host.done.at(-1)).toBe("auth rm client.rgw-realm.a");
    host.done.length = 0;
    await unprepare(site, record);
    expect(host.done).toContain("auth rm client.rgw-realm.a");
  });

  it("is where an NFS server finds its exports and notes its state", () => {
    const spec = { service_type: "nfs", service_id: "share", spec: { port: 2050 } } as const;
    const conf = ganeshaConf(spec, plannedDaemon(spec, "h1", 0), "10.0.0.1");
    expect(conf).toContain("NFS_Port = 2050;");
    expect(conf).toContain("Bind_addr = 10.0.0.1;");
    expect(conf).toContain('nodeid = "nfs.share.0";');
    expect(conf).toContain("%url rados://.nfs/share/conf-nfs.share");
    expect(conf).toMatch(/UserId = "nfs\.share\.0\.0\.h1\.[a-z]{6}";/);
  });

  it("is an NFS server's port for metrics, which has to be free like the other one", async () => {
    const spec = { service_type: "nfs", service_id: "share", spec: { port: 2050, monitoring_port: 9587 } } as const;
    expect(plannedDaemon(spec, "h1", 1).ports).toEqual([2051, 9588]);
    const host = new StandInCeph();
    host.agent["port/taken"] = ({ ports }) =>
      (ports as number[]).filter((port) => port === 9587).map((port) => ({ port, by: "nginx (pid 7)" }));
    const site = await host.site();
    await expect(checkPorts(site, spec)).rejects.toThrow("nfs.share: port 9587 is taken by nginx (pid 7)");
    const next = { ...spec, placement: { count: 2 }, spec: { port: 2050, monitoring_port: 2051 } };
    await expect(checkPorts(site, next)).rejects.toThrow("port 2051 is taken by another daemon of the service");
  });

  it("is the address that its placement names, in brackets or not", async () => {
    const host = new StandInHost();
    const site = await host.site();
    const at = (address: string) =>
      addressIn(site, { service_type: "mon", placement: { hosts: [`${HOSTNAME}:${address}`] } });
    expect(await at("[fd00::1]")).toBe("fd00::1");
    expect(await at("10.0.0.1")).toBe("10.0.0.1");
  });

  it("is the pool and the namespace that the operator of Nautilus names, and stays so", () => {
    const spec = {
      service_type: "nfs",
      service_id: "share",
      spec: { config: { pool: "shared", a_option: 1 } },
    } as const;
    expect(placeOf(spec)).toEqual({ pool: "shared", namespace: "" });
    const conf = ganeshaConf(spec, plannedDaemon(spec, "h1", 0), undefined);
    expect(conf).toContain("%url rados://shared/conf-nfs.share\n");
    expect(conf).not.toMatch(/namespace = /);
    expect(settingsOf(spec, "nautilus")).toEqual([{ who: "client.nfs.share", name: "a_option", value: "1" }]);
    const named = { ...spec, spec: { config: { pool: "shared", namespace: "n" } } };
    expect(ganeshaConf(named, plannedDaemon(named, "h1", 0), undefined)).toContain("rados://shared/n/conf-nfs.share");
    const grown = withFormerPlace({ service_type: "nfs", service_id: "share", placement: { count: 2 } }, named);
    expect([grown.placement, placeOf(grown)]).toEqual([{ count: 2 }, { pool: "shared", namespace: "n" }]);
    expect(accountOf("nfs", "x", "share", placeOf(spec))?.caps.at(-1)).toBe("allow rw pool=shared");
  });

  it("is the file system that metadata servers prefer, from Octopus on, and what the spec sets", () => {
    const spec: ServiceSpec = { service_type: "mds", service_id: "home", spec: { config: { mds_cache_size: 7 } } };
    expect(settingsOf(spec, "reef")).toEqual([
      { who: "mds.home", name: "mds_join_fs", value: "home" },
      { who: "mds.home", name: "mds_cache_size", value: "7" },
    ]);
    expect(settingsOf(spec, "nautilus").map(({ name }) => name)).toEqual(["mds_cache_size"]);
  });

  it("is one key alone, the one that a rotation has begun with", async () => {
    const host = new StandInHost();
    const account = accountOf("mds", "x", "home")!;
    host.commands["auth get-or-create"] = () => "[mds.x]\n\tkey = OLD==\n\tpending key = NEW==\n";
    expect(await keyringOf(await host.site(), account)).toBe("[mds.x]\n\tkey = NEW==\n");
  });

  it("is allowed to a daemon no more than it needs", () => {
    expect(accountOf("nfs", "x", "share")?.caps.join(" ")).toContain("allow rw pool=.nfs namespace=share");
    expect(accountOf("rgw", "x", "a")?.caps[1]).toBe(
      'allow rw, allow command "config-key get" with key="rgw/cert/rgw.a"',
    );
    expect(accountOf("osd", "0", "")).toBeUndefined();
  });
});

describe("what a host cannot do", () => {
  const binary = { path: "/usr/bin/x", version: null, problem: null };
  const types = ["mgr", "mon", "crash", "osd", "mds", "rgw", "rbd-mirror", "cephfs-mirror", "ceph-exporter", "nfs"];
  // Only what these functions look at.
  const host = {
    hostname: "h1",
    binaries: {
      ...Object.fromEntries(types.map((type) => [type, binary])),
      nfs: { ...binary, problem: "ganesha.nfsd is not installed" },
    },
    abilities: { iscsi: "the kernel has no iSCSI target", nvmeof: null },
  } as unknown as AgentDescription;

  it("is told with its reason", () => {
    expect(whyNot("mds", host)).toBeNull();
    expect(whyNot("nfs", host)).toContain("ganesha.nfsd is not installed");
    expect(whyNot("iscsi", host)).toBe("the kernel has no iSCSI target");
    expect(whyNot("nvmeof", host)).toContain("has no way to run nvmeof gateways");
    expect(whyNot("grafana", host)).toContain("no part of Ceph's packages");
    expect(whyNot("ingress", host)).toContain("needs containers");
  });

  it("is refused by name, place and value", () => {
    const refused = (spec: object, reason: string): void =>
      expect(() => checkSpec(spec as ServiceSpec, host, HOST, "reef")).toThrow(reason);
    refused({ service_type: "mds" }, "a service of type mds needs a service_id");
    refused({ service_type: "crash", service_id: "x" }, "a service of type crash has no service_id (got x)");
    refused({ service_type: "mds", service_id: "a/b" }, 'service_id "a/b": expected at most 60 letters');
    refused({ ...MDS, placement: { hosts: ["h2"] } }, "cannot place mds.home on h2: unknown hosts");
    refused({ ...MDS, placement: { count: 0 } }, "placement.count: expected at least 1, got 0");
    refused({ ...MDS, extra_container_args: ["-v"] }, "mds.home: extra_container_args is not supported");
    refused({ service_type: "nfs", service_id: "s" }, "nfs.s cannot run on h1: ganesha.nfsd is not installed");
    refused({ service_type: "mon", networks: ["10.0.0.0/8"] }, "mon: networks are not supported by the local backend");
  });

  it("is refused where it would be passed over", () => {
    const able = { ...host, binaries: { ...host.binaries, nfs: binary } };
    const check = (spec: object): void => checkSpec(spec as ServiceSpec, able, HOST, "tentacle");
    const fields: [string, object][] = [
      ["mon", { crush_locations: { h1: ["rack=a"] } }],
      ["rgw", { zonegroup_hostnames: ["s3.example.org"] }],
      ["rgw", { update_endpoints: true }],
      ["rgw", { zone_endpoints: "http://h1" }],
      ["rgw", { data_pool_attributes: { type: "ec" } }],
      ["rgw", { only_bind_port_on_networks: true }],
      ["rgw", { wildcard_enabled: true }],
      ["nfs", { virtual_ip: "10.0.0.1" }],
      ["nfs", { enable_haproxy_protocol: true }],
      ["nfs", { idmap_conf: { General: {} } }],
    ];
    for (const [type, spec] of fields) {
      const whole = { service_type: type, ...(type === "mon" ? {} : { service_id: "s" }), spec };
      expect(() => check(whole)).toThrow(`spec.${Object.keys(spec)[0]} is not supported by the local backend: `);
    }
    // As Ceph writes them where nothing was asked for.
    const nothing = { update_endpoints: false, only_bind_port_on_networks: false, data_pool_attributes: {} };
    check({ service_type: "rgw", service_id: "s", spec: { ...nothing, zonegroup_hostnames: [], zone_endpoints: "" } });
    const placed = (entry: string) => () => check({ service_type: "mon", placement: { hosts: [entry] } });
    for (const network of ["10.1.2.0/24", "[v2:10.0.0.1:3300,v1:10.0.0.1:6789]", "lan"])
      expect(placed(`h1:${network}=b`), network).toThrow("expected an IP address after the colon");
    for (const name of ["../x", "-x", "a b"])
      expect(placed(`h1=${name}`), name).toThrow("expected a name of at most 60 letters");
    for (const entry of ["h1", "h1:10.0.0.1", "h1:fd00::1", "h1:[fd00::1]=b"]) placed(entry)();
  });
});
