/** Making a cluster's folder: configuration, keys, the mgr's module folder. */
import { randomUUID } from "node:crypto";
import {
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";

import { rootOf } from "./cache.ts";
import { CAPS, cephConf, keyringEntry, type ObjectStore } from "./conf.ts";
import { cephUser, hostData, makeHost, writeHostConf } from "./host.ts";
import { enter, type Place } from "./namespace.ts";
import type { Release } from "./releases.ts";
import { run } from "./run.ts";
import { asideDir, type ClusterState, clusterDir, thisProcess, writeState } from "./state.ts";

/** The folder of the stock modules, in the root. */
const STOCK_MODULES = "usr/share/ceph/mgr";

export interface Wish {
  readonly release: Release;
  readonly name: string;
  readonly mgrs: readonly string[];
  readonly user: "root" | "ceph";
  readonly objectStore: ObjectStore;
  readonly host: ClusterState["host"];
}

/** Makes the folder of a cluster, owned by this process for now. Fails if the name is taken. */
export async function makeCluster(wish: Wish): Promise<ClusterState> {
  const state: ClusterState = {
    tag: `orchbridge-${randomUUID()}`,
    fsid: randomUUID(),
    monPort: await freePort(),
    user: wish.user,
    mgrs: [...wish.mgrs],
    osds: 0,
    objectStore: wish.objectStore,
    host: wish.host,
    dashboard: null,
    owner: thisProcess(),
  };
  const keys = await newKeys({ root: rootOf(wish.release), tag: state.tag }, 2 + wish.mgrs.length);
  // Built aside and renamed, so that of two who want the name one gets it and no one sees half a folder.
  const aside = asideDir(wish.release);
  mkdirSync(aside, { recursive: true });
  try {
    fill(aside, wish, state, keys);
    renameSync(aside, clusterDir(wish.release, wish.name));
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    if (error instanceof Error && "code" in error && (error.code === "ENOTEMPTY" || error.code === "EEXIST")) {
      throw new Error(`the ${wish.release} cluster ${wish.name} was started by someone else just now`, {
        cause: error,
      });
    }
    throw error;
  }
  return state;
}

/** Cephx keys, made by the release's own tool: which type of key is acceptable changed with 20.2. */
export async function newKeys(place: Place, count: number): Promise<string[]> {
  const script = `for i in $(seq ${count}); do ceph-authtool --gen-print-key || exit; done`;
  const { code, stdout, stderr } = await run(...enter(place, ["/bin/sh", "-c", script]));
  const keys = stdout.split("\n").filter((line) => line !== "");
  if (code !== 0 || keys.length !== count) throw new Error(`ceph-authtool failed with code ${code}: ${stderr}`);
  return keys;
}

function fill(dir: string, wish: Wish, state: ClusterState, keys: readonly string[]): void {
  const inside = `/clusters/${wish.name}`;
  for (const sub of ["in", "log", "run", "crash"]) mkdirSync(join(dir, sub), { recursive: true });
  if (wish.host !== null) makeHost(dir, wish.release, wish.host.roots);
  for (const [type, id] of daemonsOf(wish)) mkdirSync(join(dir, dataOf(wish, type, id)), { recursive: true });
  const conf = cephConf({ ...state, inside });
  writeFileSync(join(dir, "ceph.conf"), conf);
  const admin = writeKeys(dir, wish, keys);
  if (wish.host !== null) writeHostConf(dir, wish.release, conf, admin);
  linkModules(dir, wish);
  giveToCeph(dir, wish);
  writeState(dir, state);
}

/** The monitor and the managers: type and id. */
function daemonsOf(wish: Wish): ["mon" | "mgr", string][] {
  return [["mon", "a"], ...wish.mgrs.map((id): ["mgr", string] => ["mgr", id])];
}

/** A daemon's data, below the cluster's folder. */
function dataOf(wish: Wish, type: "mon" | "mgr", id: string): string {
  return wish.host === null ? `${type}.${id}` : hostData(type, id);
}

/**
 * The monitor takes all keys from one file when it is made, so that no daemon has to be registered later. Gives the
 * administrator's keyring.
 */
function writeKeys(dir: string, wish: Wish, keys: readonly string[]): string {
  const [monKey = "", adminKey = "", ...mgrKeys] = keys;
  const secret = { mode: 0o600 };
  const admin = keyringEntry("client.admin", adminKey, CAPS.admin);
  writeFileSync(join(dir, "client.admin.keyring"), admin, secret);
  const entries = wish.mgrs.map((id, index) => keyringEntry(`mgr.${id}`, mgrKeys[index] ?? "", CAPS.mgr));
  for (const [index, id] of wish.mgrs.entries())
    writeFileSync(join(dir, dataOf(wish, "mgr", id), "keyring"), entries[index] ?? "", secret);
  const mon = keyringEntry("mon.", monKey, CAPS.mon);
  writeFileSync(join(dir, "mon.a.keyring"), [mon, admin, ...entries].join(""), secret);
  return admin;
}

/** `mgr_module_path` is one directory: the stock modules by link, and room for ours that touches no shared root. */
function linkModules(dir: string, wish: Wish): void {
  const folder = join(dir, "mgr-modules");
  mkdirSync(folder);
  // A link to a module that only the other release has leads nowhere in this one, which passes over it.
  const releases = [wish.release, ...(wish.host?.roots ?? [])];
  const names = releases.flatMap((release) => readdirSync(join(rootOf(release), STOCK_MODULES)));
  for (const name of new Set(names)) {
    if (name !== "__pycache__") symlinkSync(`/${STOCK_MODULES}/${name}`, join(folder, name));
  }
  if (releases.includes("reef"))
    copyFileSync(join(import.meta.dirname, "stubs/reef/bcrypt.py"), join(folder, "bcrypt.py"));
}

function giveToCeph(dir: string, wish: Wish): void {
  if (wish.user !== "ceph" && wish.host === null) return;
  const { uid, gid } = cephUser(wish.release);
  for (const sub of ["log", "run", "crash"]) chownSync(join(dir, sub), uid, gid);
  for (const [type, id] of daemonsOf(wish)) {
    // A packaged monitor runs as ceph whatever the managers of a test do.
    if (type === "mon" && wish.host === null) continue;
    const data = join(dir, dataOf(wish, type, id));
    for (const path of [data, ...(type === "mgr" ? [join(data, "keyring")] : [join(dir, "mon.a.keyring")])])
      chownSync(path, uid, gid);
  }
}

/**
 * A free port of 127.0.0.1: the wanted one if it is free, else one outside the range from which the kernel gives ports to
 * outgoing connections and from which Ceph's other daemons take theirs (6800 on).
 */
export async function freePort(wanted?: number): Promise<number> {
  if (wanted !== undefined && (await isFree(wanted))) return wanted;
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
  throw new Error("no free port of 127.0.0.1 between 20000 and 32000 in 50 attempts");
}

async function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.on("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => {
    const { port: got } = server.address() as AddressInfo;
    server.close(() => resolve(got === port));
  });
  return promise;
}
