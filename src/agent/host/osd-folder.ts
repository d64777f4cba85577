/** An OSD's folder below the data folder: links to its devices, and what it needs to start. */
import { existsSync, readFileSync } from "node:fs";
import { chmod, chown, lstat, mkdir, readdir, realpath, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";

import { ValidationError } from "../../index.ts";
import { daemonOwner } from "../accounts.ts";
import { DAEMON_KINDS } from "../daemon-types.ts";
import { codeOf, type FileOwner, syncFolder } from "../durable-file.ts";
import type { HostOsd } from "../protocol.ts";
import { type AgentSettings, rootOf } from "../settings.ts";
import { devicesOf, storesOf } from "./osds.ts";
import { printed, run } from "./programs.ts";

/** Names of the links, by what the device is for. */
const LINKS = { block: "block", db: "block.db", wal: "block.wal" } as const;

/** As the packages name it. */
export function osdFolder(settings: AgentSettings, id: number): string {
  return join(settings.dataDir, DAEMON_KINDS.osd.dataFolder(String(id)));
}

/** As whom OSDs run. */
export function osdOwner(settings: AgentSettings): FileOwner {
  return daemonOwner(settings.user, rootOf(settings, "osd"));
}

/** The uuid of the OSD whose folder it is, finished or not; undefined when there is none. */
export function uuidIn(folder: string): string | undefined {
  const text = readOptional(join(folder, "fsid"))?.trim();
  return text === "" ? undefined : text;
}

/** Whether a finished OSD's folder is there. */
export function isReady(folder: string): boolean {
  return readOptional(join(folder, "ready"))?.trim() === "ready";
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** The devices of an OSD as its folder links them, by their real paths. */
export async function devicesIn(folder: string): Promise<string[]> {
  const paths = await Promise.all(
    Object.values(LINKS).map((link) => realpath(join(folder, link)).catch(() => undefined)),
  );
  return paths.filter((path) => path !== undefined);
}

/** Makes the folder as new. Throws when another OSD's store belongs to it. */
export async function freshFolder(folder: string, uuid: string, owner: FileOwner): Promise<void> {
  const former = uuidIn(folder);
  if (former !== undefined && former !== uuid && isReady(folder))
    throw new ValidationError(`${folder} belongs to another OSD (${former}): remove that daemon first`);
  await rm(folder, { recursive: true, force: true });
  await makeFolder(folder, owner);
}

async function makeFolder(folder: string, owner: FileOwner): Promise<void> {
  await mkdir(dirname(folder), { recursive: true, mode: 0o755 });
  await mkdir(folder, { recursive: true, mode: 0o750 });
  await chmod(folder, 0o750);
  await chown(folder, owner.uid, owner.gid);
}

/**
 * Makes an OSD ready to be started: its folder from the label on its devices if it is missing, its links, and the owner of
 * folder and devices, which a boot of the host takes back.
 */
export async function activate(settings: AgentSettings, osd: HostOsd): Promise<void> {
  const folder = osdFolder(settings, osd.osd_id);
  const owner = osdOwner(settings);
  const stores = storesOf(osd);
  if (osd.method === "lvm") return activateVolumes(settings, osd, folder);
  if (!isReady(folder) || uuidIn(folder) !== osd.osd_uuid) {
    await freshFolder(folder, osd.osd_uuid, owner);
    const prime = ["prime-osd-dir", "--no-mon-config", "--path", folder, "--dev", stores.block];
    printed("ceph-bluestore-tool", await run("ceph-bluestore-tool", prime, { root: rootOf(settings, "osd") }));
  }
  await linkDevices(folder, stores);
  await giveTo(owner, folder, stores);
}

/** Not tried on a host with a device mapper yet. */
async function activateVolumes(settings: AgentSettings, osd: HostOsd, folder: string): Promise<void> {
  const words = ["lvm", "activate", "--bluestore", "--no-systemd", "--no-tmpfs", String(osd.osd_id), osd.osd_uuid];
  printed("ceph-volume", await run("ceph-volume", words, { root: rootOf(settings, "osd") }));
  await giveTo(osdOwner(settings), folder, { block: await realpath(join(folder, LINKS.block)) });
}

/** Points the folder at its devices: their names may have changed since. */
export async function linkDevices(folder: string, devices: HostOsd["devices"]): Promise<void> {
  for (const use of ["block", "db", "wal"] as const) {
    const device = devices[use];
    const link = join(folder, LINKS[use]);
    if (device === undefined) continue;
    if ((await realpath(link).catch(() => undefined)) === device) continue;
    await rm(`${link}.new`, { force: true });
    await symlink(device, `${link}.new`);
    await rename(`${link}.new`, link);
  }
  await syncFolder(folder);
}

/** Folder, what is in it, and devices. */
export async function giveTo(owner: FileOwner, folder: string, devices: HostOsd["devices"]): Promise<void> {
  if (process.getuid?.() !== 0) return; // it could not have given them to somebody else before either
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!(await lstat(path)).isSymbolicLink()) await chown(path, owner.uid, owner.gid);
  }
  await chown(folder, owner.uid, owner.gid);
  for (const { path } of devicesOf({ devices })) await chown(path, owner.uid, owner.gid);
}

/** Takes an unfinished OSD's folder away; a finished one's only the removal of its daemon does. */
export async function removeUnfinished(folder: string): Promise<void> {
  if (!existsSync(folder) || isReady(folder)) return;
  try {
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}
