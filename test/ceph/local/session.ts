/** What an operator does with the local backend from an empty host to files and objects, by the modern `ceph orch`. */
import { expect, it } from "vitest";

import { freePort } from "../../../testbed/birth.ts";
import { S3User } from "../../../testbed/s3-client.ts";
import type { LocalCluster } from "./local-cluster.ts";
import { answersNfs } from "./nfs-client.ts";

interface DeviceRow {
  readonly name: string;
  readonly devices: readonly { readonly path: string; readonly available: boolean }[];
}

interface DaemonRow {
  readonly daemon_name: string;
  readonly daemon_type: string;
  readonly hostname: string;
  readonly status_desc: string;
  readonly version: string;
  readonly service_name: string;
}

interface ServiceRow {
  readonly service_name: string;
  readonly status: { readonly running: number; readonly size: number };
}

/** Where the agent keeps the files that stand in for disks. The machine's own disks are listed besides. */
const FILES = "/var/lib/orchbridge/devices/";

/** The paths of the file devices that are free or not. */
async function devices(at: LocalCluster, available: boolean): Promise<string[]> {
  const rows = await at.read<DeviceRow[]>("orch device ls");
  const files = rows.flatMap((row) => row.devices).filter(({ path }) => path.startsWith(FILES));
  return files.filter((one) => one.available === available).map(({ path }) => path);
}

/** The stock module restful needs bcrypt, which managers with subinterpreters cannot load on Debian. */
const NO_RESTFUL = ["MGR_MODULE_DEPENDENCY"];

/** Registers the tests, which build on each other. */
export function localSession(at: () => LocalCluster, version: unknown): void {
  const rgwPort = freePort();
  const nfsPort = freePort();

  it("shows the host and its free devices", async () => {
    expect(await at().json("orch host ls")).toMatchObject([{ hostname: "h1" }]);
    expect(await devices(at(), true)).toHaveLength(3);
    expect(await at().ok("orch device ls")).toMatch(/^h1 +\/\S+ .* Yes /m);
  });

  it("makes an OSD on a device that is named", async () => {
    const [path] = await devices(at(), true);
    expect(await at().ok(`orch daemon add osd h1:${path}`)).toBe("Created osd(s) 0 on host 'h1'");
    await at().osdsUp(1);
    expect(await devices(at(), false)).toEqual([path]);
  });

  it("previews and makes OSDs on all devices that are free", async () => {
    await at().eventually("the preview of two OSDs", async () => {
      const preview = await at().ok("orch apply osd --all-available-devices --dry-run");
      return preview.match(/^\|osd +\|all-available-devices +\|h1 /gm)?.length === 2 || undefined;
    });
    expect(await at().osdStat()).toMatchObject({ num_osds: 1 });
    expect(await at().ok("orch apply osd --all-available-devices")).toBe(
      "Scheduled osd.all-available-devices update...",
    );
    await at().osdsUp(3);
    expect(Object.keys(at().daemonsOf("osd")).toSorted()).toEqual(["osd.0", "osd.1", "osd.2"]);
    expect(await devices(at(), true)).toEqual([]);
  });

  it("makes a file system, to which a file is written and from which it is read", async () => {
    await at().ok("fs volume create home");
    await at().eventually("the file system to be served", async () => {
      const status = await at().ok("fs status home");
      return /active/.test(status) || undefined;
    });
    expect(Object.keys(at().daemonsOf("mds")).length).toBeGreaterThanOrEqual(1);
    const text = `first line\n${"x".repeat(3_000_000)}\nlast line\n`;
    await at().putFile("home", "/kept.txt", text);
    expect((await at().getFile("home", "/kept.txt")) === text, "the file is as it was written").toBe(true);
  });

  it("makes an S3 gateway, to which an object is put and from which it is got", async () => {
    const port = await rgwPort;
    expect(await at().ok(`orch apply rgw photos --placement=1 --port=${port}`)).toBe("Scheduled rgw.photos update...");
    await running(at(), "rgw.photos", 1);
    const user = await S3User.add(at().cluster, "ann");
    const url = `http://127.0.0.1:${port}/album`;
    await at().eventually("the gateway to make a bucket", async () => (await user.put(url)).ok || undefined);
    const body = "an object's content";
    expect((await user.put(`${url}/one.txt`, body)).status).toBe(200);
    expect(await (await user.get(`${url}/one.txt`)).text()).toBe(body);
  });

  it("makes an NFS server, which serves an export of the file system", async () => {
    const port = await nfsPort;
    const withPort = ["nfs", "cluster", "create", "share", "--port", String(port)];
    // 16.2 cannot be told the port there, and 2049 may be another cluster's of this machine for a while.
    const has = (await at().ceph(withPort)).code === 0;
    if (!has)
      await at().eventually(
        "the port to be free",
        async () => (await at().ceph("nfs cluster create share")).code === 0 || undefined,
      );
    await running(at(), "nfs.share", 1);
    await at().ok("nfs export create cephfs --cluster-id share --pseudo-path /home --fsname home");
    expect(await at().json("nfs export ls share")).toEqual(["/home"]);
    await at().eventually("the server to answer", async () => (await answersNfs(has ? port : 2049)) || undefined);
  });

  it("lists services and daemons as they are", async () => {
    const services = await at().readUntil<ServiceRow[]>("all services to run", "orch ls", {}, (rows) =>
      rows.every(({ status }) => status.running >= status.size),
    );
    expect(services.map(({ service_name: name }) => name)).toEqual(
      expect.arrayContaining(["mds.home", "nfs.share", "rgw.photos"]),
    );
    const rows = await at().read<DaemonRow[]>("orch ps");
    expect(rows.map(({ status_desc: status }) => status)).toEqual(rows.map(() => "running"));
    const types = (type: string): DaemonRow[] => rows.filter((row) => row.daemon_type === type);
    expect(
      types("osd")
        .map(({ daemon_name: name }) => name)
        .toSorted(),
    ).toEqual(["osd.0", "osd.1", "osd.2"]);
    for (const type of ["osd", "mds", "rgw"])
      expect(types(type).map((row) => row.version)).toEqual(types(type).map(() => version));
    const seen = Object.keys(at().daemons());
    for (const { daemon_name: name } of types("mds")) expect(seen).toContain(name);
    for (const { daemon_name: name } of types("rgw")) expect(seen).toContain(`client.${name}`);
  });

  it("makes a new key for a daemon, with which it serves", async () => {
    // Of the releases here, Reef alone has the word.
    if (at().release !== "reef") return;
    const [name = "", pid] = Object.entries(at().daemonsOf("mds"))[0] ?? [];
    const key = (): Promise<string> => at().ok(["auth", "get-key", name]);
    const former = await key();
    expect(await at().ok(["orch", "daemon", "rotate-key", name])).toBe(`Scheduled to rotate-key ${name} on host 'h1'`);
    await at().eventually("another process", () => {
      const now = at().daemonsOf("mds")[name];
      return (now !== undefined && now !== pid) || undefined;
    });
    // The monitors take both keys until it logs in with the new one.
    await at().eventually("the new key to be the only one", async () => (await key()) !== former || undefined);
    await at().eventually("the file system to be served", async () => {
      const { out } = await at().cluster.rados().mon({ prefix: "mds stat" });
      return /up:active/.test(out) || undefined;
    });
    await running(at(), "mds.home", Object.keys(at().daemonsOf("mds")).length);
  });

  it("leaves Ceph healthy and the manager unharmed", async () => {
    await at().healthy(at().release === "tentacle" ? [] : NO_RESTFUL);
    at().expectNoHarm();
  });
}

async function running(at: LocalCluster, service: string, size: number): Promise<void> {
  await at.eventually(`${size} daemons of ${service} to run`, async () => {
    const rows = await at.read<ServiceRow[]>("orch ls");
    return rows.some((row) => row.service_name === service && row.status.running === size) || undefined;
  });
}
