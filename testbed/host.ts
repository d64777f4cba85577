/**
 * A cluster in the folders of a packaged host. Its processes find their configuration, data and sockets where Debian's
 * packages put them (/etc/ceph, /var/lib/ceph, …), while all of it lies in the cluster's own folder, so that several such
 * hosts share one root. The roots of other releases can show below /roots, for daemons of another version.
 */
import { chownSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { clustersOf, rootOf } from "./cache.ts";
import type { Bind, Place } from "./namespace.ts";
import type { Release } from "./releases.ts";

/** The name that a packaged host gives itself. */
export const HOST_NAME = "h1";

/** The types of daemons that can be run from a root of their own. */
export const ROOTED_TYPES = ["mon", "mgr", "crash", "osd", "mds", "rgw", "rbd-mirror", "cephfs-mirror", "nfs"] as const;
export type RootedType = (typeof ROOTED_TYPES)[number];

/** Folders below the cluster's, and where its processes see them. */
const FOLDERS: readonly (readonly [string, string])[] = [
  ["host/etc-ceph", "/etc/ceph"],
  ["host/var-lib-ceph", "/var/lib/ceph"],
  ["crash", "/var/lib/ceph/crash"],
  ["log", "/var/log/ceph"],
  ["host/run-ceph", "/run/ceph"],
  ["host/var-lib-orchbridge", "/var/lib/orchbridge"],
  ["host/run-orchbridge", "/run/orchbridge"],
];

/** Folders of symbolic links TYPE -> root, which stand for what is installed. */
const INSTALLED = ["host/installed", "/installed"] as const;

/** The place of a packaged host's processes. `dir` is the cluster's folder on the machine. */
export function hostPlace(place: Place, dir: string, roots: readonly Release[]): Place {
  const own = FOLDERS.map(([from, to]) => ({ from: join(dir, from), to }));
  const others = roots.flatMap((release) => otherRoot(release, place.root, own));
  const installed = roots.length === 0 ? [] : [{ from: join(dir, INSTALLED[0]), to: INSTALLED[1] }];
  return { ...place, binds: [...own, ...others, ...installed], hostname: HOST_NAME };
}

/** Another release's root, with the host's folders in it, so that a daemon changed into it finds what it had before. */
function otherRoot(release: Release, root: string, own: readonly Bind[]): Bind[] {
  const to = `/roots/${release}`;
  const kernel = ["/dev", "/proc", "/sys"].map((dir) => ({ from: dir, to: `${to}${dir}` }));
  const clusters = { from: join(root, "clusters"), to: `${to}/clusters` };
  const folders = own.map((bind) => ({ from: bind.from, to: `${to}${bind.to}` }));
  // A process sees the mounts of its own root alone, and the tag has to be among them.
  const tag = { from: join(root, "mnt"), to: `${to}/mnt` };
  return [{ from: rootOf(release), to }, tag, ...kernel, clusters, ...folders];
}

/** Makes a host's folders in a cluster's, as the packages leave them, and the places in the roots where they show. */
export function makeHost(dir: string, release: Release, roots: readonly Release[]): void {
  const { uid, gid } = cephUser(release);
  for (const [from] of FOLDERS) mkdirSync(join(dir, from), { recursive: true });
  for (const sub of readdirSync(join(rootOf(release), "var/lib/ceph"))) {
    const folder = join(dir, "host/var-lib-ceph", sub);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    chownSync(folder, uid, gid);
  }
  mkdirSync(join(dir, "crash/posted"));
  for (const folder of ["host/var-lib-ceph", "host/run-ceph", "log", "run", "crash", "crash/posted"])
    chownSync(join(dir, folder), uid, gid);
  for (const root of [release, ...roots]) {
    for (const [, to] of FOLDERS) mkdirSync(join(rootOf(root), to), { recursive: true });
    mkdirSync(clustersOf(root), { recursive: true });
  }
  if (roots.length === 0) return;
  for (const to of [INSTALLED[1], ...roots.map((root) => `roots/${root}`)])
    mkdirSync(join(rootOf(release), to), { recursive: true });
  mkdirSync(join(dir, INSTALLED[0]));
  for (const type of ROOTED_TYPES) linkInstalled(dir, type, null);
}

/** Says from which root a type of daemon is started from now on: the cluster's own, or another release's. */
export function linkInstalled(dir: string, type: RootedType, release: Release | null): void {
  const link = join(dir, INSTALLED[0], type);
  symlinkSync(release === null ? "/" : `/roots/${release}`, `${link}.new`);
  renameSync(`${link}.new`, link);
}

/** Where a packaged daemon keeps its data, below the cluster's folder. */
export function hostData(type: string, id: string): string {
  return `host/var-lib-ceph/${type}/ceph-${id}`;
}

/** Puts ceph.conf and the administrator's key where a host has them. */
export function writeHostConf(dir: string, release: Release, conf: string, adminKeyring: string): void {
  writeFileSync(join(dir, "host/etc-ceph/ceph.conf"), conf);
  const keyring = join(dir, "host/etc-ceph/ceph.client.admin.keyring");
  writeFileSync(keyring, adminKeyring, { mode: 0o600 });
  const { uid, gid } = cephUser(release);
  chownSync(keyring, uid, gid);
}

/** The user ceph of a release's root. */
export function cephUser(release: Release): { uid: number; gid: number } {
  const passwd = readFileSync(join(rootOf(release), "etc/passwd"), "utf8");
  const fields = passwd
    .split("\n")
    .find((line) => line.startsWith("ceph:"))
    ?.split(":");
  if (fields === undefined) throw new Error(`the ${release} root has no user ceph; prepare it again`);
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}
