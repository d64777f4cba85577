/** Making a cluster's folder: configuration, keys, the mgr's module folder. */
import { randomUUID } from "node:crypto";
import {
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";

import { rootOf } from "./cache.ts";
import { CAPS, cephConf, keyringEntry, type ObjectStore } from "./conf.ts";
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
  const daemonDirs = ["mon.a", ...wish.mgrs.map((id) => `mgr.${id}`)];
  for (const sub of ["in", "log", "run", "crash", ...daemonDirs]) mkdirSync(join(dir, sub), { recursive: true });
  writeFileSync(join(dir, "ceph.conf"), cephConf({ ...state, inside }));
  writeKeys(dir, wish.mgrs, keys);
  linkModules(dir, wish.release);
  if (wish.user === "ceph") giveToCeph(dir, wish);
  writeState(dir, state);
}

/** The monitor takes all keys from one file when it is made, so that no daemon has to be registered later. */
function writeKeys(dir: string, mgrs: readonly string[], keys: readonly string[]): void {
  const [monKey = "", adminKey = "", ...mgrKeys] = keys;
  const secret = { mode: 0o600 };
  const admin = keyringEntry("client.admin", adminKey, CAPS.admin);
  writeFileSync(join(dir, "client.admin.keyring"), admin, secret);
  const entries = mgrs.map((id, index) => keyringEntry(`mgr.${id}`, mgrKeys[index] ?? "", CAPS.mgr));
  for (const [index, id] of mgrs.entries())
    writeFileSync(join(dir, `mgr.${id}`, "keyring"), entries[index] ?? "", secret);
  const mon = keyringEntry("mon.", monKey, CAPS.mon);
  writeFileSync(join(dir, "mon.a.keyring"), [mon, admin, ...entries].join(""), secret);
}

/** `mgr_module_path` is one directory: the stock modules by link, and room for ours that touches no shared root. */
function linkModules(dir: string, release: Release): void {
  const folder = join(dir, "mgr-modules");
  mkdirSync(folder);
  for (const name of readdirSync(join(rootOf(release), STOCK_MODULES))) {
    if (name !== "__pycache__") symlinkSync(`/${STOCK_MODULES}/${name}`, join(folder, name));
  }
  if (release === "reef") copyFileSync(join(import.meta.dirname, "stubs/reef/bcrypt.py"), join(folder, "bcrypt.py"));
}

function giveToCeph(dir: string, wish: Wish): void {
  const passwd = readFileSync(join(rootOf(wish.release), "etc/passwd"), "utf8");
  const fields = passwd
    .split("\n")
    .find((line) => line.startsWith("ceph:"))
    ?.split(":");
  if (fields === undefined) throw new Error(`the ${wish.release} root has no user ceph; prepare it again`);
  const [uid, gid] = [Number(fields[2]), Number(fields[3])];
  for (const sub of ["log", "run", "crash"]) chownSync(join(dir, sub), uid, gid);
  for (const id of wish.mgrs) {
    chownSync(join(dir, `mgr.${id}`), uid, gid);
    chownSync(join(dir, `mgr.${id}`, "keyring"), uid, gid);
  }
}

/**
 * A free port of 127.0.0.1, outside the range from which the kernel gives ports to outgoing connections and from
 * which Ceph's other daemons take theirs (6800 on).
 */
export async function freePort(): Promise<number> {
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
