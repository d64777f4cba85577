/** Services of real daemons on one host: made, changed, acted on, watched and removed through `ceph orch`. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { type LocalCluster, localCluster } from "./local-cluster.ts";

describe.each(["tentacle", "pacific"] as const)("services on %s", { timeout: 180_000 }, (release) => {
  const at = localCluster({ release, name: "services" });

  beforeAll(async () => {
    await at().ok("orch apply osd --all-available-devices");
    await at().osdsUp(3);
  }, 180_000);

  it("makes the metadata servers of a file system", async () => {
    await at().ok("fs volume create home");
    await running(at(), "mds.home", 2);
    expect(await option(at(), "mds.home", "mds_join_fs")).toBe("home");
    await at().eventually(
      "the file system to be served",
      async () => /"state": "up:active"/.test(await at().ok("fs dump --format json-pretty")) || undefined,
    );
    await at().putFile("home", "/greeting", "hello");
    expect(await at().getFile("home", "/greeting")).toBe("hello");
  });

  it("starts a daemon again that was killed", async () => {
    const [name = "", pid = 0] = Object.entries(at().daemonsOf("mds"))[0] ?? [];
    process.kill(pid, "SIGKILL");
    await at().eventually(`${name} to run again`, () => {
      const now = at().daemons()[name];
      return (now !== undefined && now !== pid) || undefined;
    });
    await running(at(), "mds.home", 2);
    await at().eventually(
      "its end to be told",
      async () => (await daemon(at(), name)).events?.some((event) => event.includes("[ERROR]")) || undefined,
    );
  });

  it("makes gateways of a realm of its own, with TLS", async () => {
    const port = await freePort();
    const spec = {
      service_type: "rgw",
      service_id: "photos",
      placement: { count: 1 },
      spec: {
        ssl: true,
        rgw_frontend_port: port,
        rgw_frontend_ssl_certificate: certificate().split("\n"),
        rgw_realm: "earth",
        rgw_zone: "north",
      },
    };
    await apply(at(), spec);
    await running(at(), "rgw.photos", 1);
    await at().eventually(
      "an answer over TLS",
      async () => (await httpsGet(port)).includes("ListAllMyBucketsResult") || undefined,
    );
    expect(await services(at(), "rgw.photos")).toMatchObject([{ status: { running: 1, size: 1, ports: [port] } }]);

    await apply(at(), { ...spec, spec: { ...spec.spec, ssl: false, rgw_frontend_ssl_certificate: undefined } });
    await at().eventually(
      "an answer without TLS",
      async () =>
        (await (await fetch(`http://127.0.0.1:${port}/`)).text()).includes("ListAllMyBucketsResult") || undefined,
    );
    const key = ["config-key", "exists", "rgw/cert/rgw.photos"];
    await at().ok("orch rm rgw.photos");
    await gone(at(), "rgw.photos");
    expect((await at().ceph(key)).code).not.toBe(0);
    expect(await at().ok("auth ls")).not.toContain("client.rgw.photos");
    expect(await at().ok("config dump")).not.toContain("rgw.photos");
  });

  it("refuses what this host cannot do before anything is kept", async () => {
    const port = await freePort();
    const server = createServer().listen(port);
    onTestFinished(() => void server.close());
    const web = { service_type: "rgw", service_id: "web", placement: { count: 1 }, spec: { rgw_frontend_port: port } };
    await refused(at(), web, `port ${port} is taken by`);
    await refused(at(), { service_type: "grafana" }, "grafana is no part of Ceph's packages");
    // Pacific's own class of specs does not know the type.
    if (release === "tentacle")
      await refused(at(), { service_type: "ceph-exporter" }, "ceph-exporter is not installed");
    // Later than Pacific, too.
    if (release === "tentacle") {
      await refused(at(), { service_type: "nvmeof", service_id: "p.g", spec: { pool: "p" } }, "only as a container");
      const oob = { addr: "10.0.0.1", username: "admin", password: "secret" };
      await refused(at(), { service_type: "host", hostname: "h1", oob }, "oob: the local backend does not talk to");
    }
    await refused(at(), { ...web, spec: { ssl: true } }, "rgw_frontend_ssl_certificate: needed with ssl");
    expect(await services(at(), "rgw.web")).toEqual([]);
  });

  it("makes and removes an NFS cluster", async () => {
    const port = await freePort();
    await at().ok(["nfs", "cluster", "create", "share", "--port", String(port)]);
    await running(at(), "nfs.share", 1);
    expect(await at().ok("nfs cluster ls")).toContain("share");
    expect(JSON.parse(await at().ok("nfs cluster info share"))).toMatchObject({
      share: { backend: [{ hostname: "h1", ip: "127.0.0.1", port: expect.any(Number) }] },
    });
    await at().ok("nfs cluster rm share");
    await gone(at(), "nfs.share");
    expect(at().daemonsOf("nfs")).toEqual({});
    expect(await at().ok("auth ls")).not.toContain("client.nfs.share");
  });

  it("makes mirrors and the collector of crashes", async () => {
    for (const type of ["rbd-mirror", "cephfs-mirror", "crash"]) await at().ok(["orch", "apply", type]);
    for (const type of ["rbd-mirror", "cephfs-mirror", "crash"]) await running(at(), type, 1);
    await at().eventually(
      "the mirrors to be known",
      async () => /rbd-mirror.*1 daemon/s.test(await at().ok("-s")) || undefined,
    );
    for (const type of ["rbd-mirror", "cephfs-mirror", "crash"]) await at().ok(["orch", "rm", type]);
    for (const type of ["rbd-mirror", "cephfs-mirror", "crash"]) await gone(at(), type);
  });

  it("acts on daemons one by one and on a whole service", async () => {
    const [name = ""] = Object.keys(at().daemonsOf("mds"));
    const before = at().daemonsOf("mds");
    expect(await at().ok("orch restart mds.home")).toContain(`Scheduled to restart ${name} on host 'h1'`);
    await at().eventually("both to be other processes", () => {
      const now = at().daemonsOf("mds");
      return Object.entries(before).every(([one, pid]) => now[one] !== undefined && now[one] !== pid) || undefined;
    });
    await at().ok(["orch", "daemon", "stop", name]);
    await at().eventually("it to be stopped", () => at().daemons()[name] === undefined || undefined);
    await at().eventually("that to be listed", async () => (await daemon(at(), name)).status === 0 || undefined);
    await at().ok(["orch", "daemon", "redeploy", name]);
    await running(at(), "mds.home", 2);
    const { code, stderr } = await at().ceph("orch daemon stop mgr.x");
    expect({ code, stderr }).toMatchObject({ stderr: expect.stringContaining("was not started by the agent") });
    expect(code).not.toBe(0);
  });

  it("writes keys and settings anew", async () => {
    const [name = ""] = Object.keys(at().daemonsOf("mds"));
    const key = await at().ok(["auth", "get-key", name]);
    const folder = at().cluster.folder("host/var-lib-ceph");
    const keyring = join(folder, name.replace(".", "/ceph-"), "keyring");
    rmSync(keyring);
    await at().ok(["orch", "daemon", "reconfig", name]);
    await at().eventually("its key to be written", () => readOrNothing(keyring).includes(key) || undefined);
    await running(at(), "mds.home", 2);
  });

  it("tells of a daemon that does not stay up, until it is deployed anew", async () => {
    await at().ok("orch apply mds lost 1");
    await running(at(), "mds.lost", 1);
    const [name = "", pid = 0] = Object.entries(at().daemonsOf("mds")).find(([one]) => one.includes("lost")) ?? [];
    await at().ok(["auth", "rm", name]);
    process.kill(pid, "SIGKILL");
    await at().eventually(
      "the health check",
      async () => (await healthText(at())).includes(`daemon ${name} on h1 does not stay up`) || undefined,
    );
    expect((await daemon(at(), name)).status).not.toBe(1);
    await at().ok(["orch", "daemon", "restart", name]);
    await at().eventually(
      "the operation to fail",
      async () => (await at().ok("orchbridge op ls")).includes(`${name} does not stay up`) || undefined,
    );
    // It gets a new key.
    await at().ok(["orch", "daemon", "redeploy", name]);
    await running(at(), "mds.lost", 1);
    await at().eventually(
      "the health check to be taken back",
      async () => !(await healthText(at())).includes("LOCAL_FAILED_DAEMON") || undefined,
    );
    await at().ok("orch rm mds.lost");
    await gone(at(), "mds.lost");
  });

  it("adds monitors and a manager, and takes them away again", async () => {
    const server = createServer();
    onTestFinished(() => void server.close());
    const port = Math.max(...(await monPorts(at()))) + 1;
    // Where somebody else has the port already, that will do.
    const { promise, resolve } = Promise.withResolvers<void>();
    server.once("error", () => resolve());
    server.listen(port, "127.0.0.1", resolve);
    await promise;
    await at().ok("orch apply mgr 2");
    await at().ok("orch apply mon 3");
    await running(at(), "mgr", 2);
    await running(at(), "mon", 3);
    await at().eventually("three monitors in quorum", async () => (await quorum(at())) === 3 || undefined);
    expect(await monPorts(at())).not.toContain(port);
    await at().ok("orch apply mgr 1");
    await at().ok("orch apply mon 1");
    await at().eventually("one monitor", async () => (await quorum(at())) === 1 || undefined);
    await running(at(), "mgr", 1);
    await running(at(), "mon", 1);
    expect(Object.keys(at().daemonsOf("mgr"))).toEqual(["mgr.x"]);
  });

  it("removes the metadata servers with their file system", async () => {
    await at().ok("config set mon mon_allow_pool_delete true");
    await at().ok("fs volume rm home --yes-i-really-mean-it");
    await gone(at(), "mds.home");
    expect(at().daemonsOf("mds")).toEqual({});
    expect(await at().ok("config dump")).not.toContain("mds_join_fs");
    await at()
      .ok("orch daemon rm osd.0 --force")
      .catch(() => undefined);
    expect((await at().osdStat()).num_up_osds).toBe(3);
  });
});

interface Row {
  readonly service_name: string;
  readonly status: { readonly running: number; readonly size: number; readonly ports?: number[] };
}

interface DaemonRow {
  readonly daemon_name?: string;
  readonly daemon_type: string;
  readonly daemon_id: string;
  readonly status: number;
  readonly events?: string[];
}

/** By name, since a type of services is no filter in all releases. */
async function services(at: LocalCluster, name: string): Promise<Row[]> {
  const rows = JSON.parse(await at.ok("orch ls --format json")) as Row[] | string;
  return Array.isArray(rows) ? rows.filter(({ service_name }) => service_name === name) : [];
}

async function running(at: LocalCluster, name: string, count: number): Promise<void> {
  await at.eventually(`${count} daemon(s) of ${name}`, async () => {
    const [row] = await services(at, name);
    return (row?.status.running === count && row.status.size === count) || undefined;
  });
}

async function gone(at: LocalCluster, name: string): Promise<void> {
  await at.eventually(`${name} to be gone`, async () => (await services(at, name)).length === 0 || undefined);
}

async function daemon(at: LocalCluster, name: string): Promise<DaemonRow> {
  const rows = JSON.parse(await at.ok("orch ps --format json")) as DaemonRow[];
  const row = rows.find(({ daemon_type, daemon_id }) => `${daemon_type}.${daemon_id}` === name);
  if (row === undefined) throw new Error(`${name} is not listed`);
  return row;
}

async function apply(at: LocalCluster, spec: object): Promise<void> {
  await at.ok("orch apply", { input: JSON.stringify(spec) });
}

async function refused(at: LocalCluster, spec: object, reason: string): Promise<void> {
  const { code, stderr } = await at.ceph("orch apply", { input: JSON.stringify(spec) });
  expect(stderr).toContain(reason);
  expect(code).not.toBe(0);
}

async function option(at: LocalCluster, section: string, name: string): Promise<string | undefined> {
  const rows = await at.mon<{ section: string; name: string; value: string }[]>("config dump");
  return rows.find((row) => row.section === section && row.name === name)?.value;
}

async function healthText(at: LocalCluster): Promise<string> {
  return JSON.stringify(await at.mon("health", { detail: "detail" }));
}

async function monPorts(at: LocalCluster): Promise<number[]> {
  const { mons } = await at.mon<{ mons: { public_addrs: { addrvec: { addr: string }[] } }[] }>("mon dump");
  const addresses = mons.flatMap(({ public_addrs: { addrvec } }) => addrvec.map(({ addr }) => addr));
  return addresses.map((addr) => Number(addr.slice(addr.lastIndexOf(":") + 1)));
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function quorum(at: LocalCluster): Promise<number> {
  const { mons, quorum: present } = await at.mon<{ mons: unknown[]; quorum: number[] }>("mon dump");
  return mons.length === present.length ? present.length : -1;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, resolve);
  await promise;
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A certificate signed by itself, with its key. */
function certificate(): string {
  const folder = mkdtempSync(join(tmpdir(), "orchbridge-certificate-"));
  try {
    const [key, cert] = [join(folder, "key"), join(folder, "cert")];
    const subject = ["-subj", "/CN=localhost", "-days", "2"];
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...subject],
      {
        stdio: "ignore",
      },
    );
    return readFileSync(cert, "utf8") + readFileSync(key, "utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function httpsGet(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get({ port, host: "127.0.0.1", rejectUnauthorized: false }, (response) => {
    let text = "";
    response.on("data", (chunk: Buffer) => (text += chunk.toString()));
    response.on("end", () => resolve(text));
  }).on("error", reject);
  return promise;
}
