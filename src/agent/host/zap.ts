/** `osd/zap`: makes a device empty, unless anything of this host still needs it. */
import { realpath, rm, stat } from "node:fs/promises";

import { NotFoundError, ValidationError } from "../../index.ts";
import { fsidIn } from "../ceph-conf.ts";
import type { ManifestView } from "../handlers.ts";
import type { HostOsd } from "../protocol.ts";
import { type AgentSettings, rootOf } from "../settings.ts";
import { type BlockDevice, blockDevices, devicesInUse, useOf, withChildren } from "./block-devices.ts";
import { deviceAt } from "./device-shape.ts";
import { eraseDevice } from "./erase.ts";
import { isFileDevice } from "./file-devices.ts";
import { checkNotOpen, checkNotTaken } from "./holders.ts";
import { settleAttempt } from "./leftovers.ts";
import { devicesIn, isReady, osdFolder } from "./osd-folder.ts";
import { devicesOf, forgetVolumes, osdsOnHost, storesOf } from "./osds.ts";
import { partsBelow } from "./parts.ts";
import { printed, run } from "./programs.ts";

/** Erases a device or one of the agent's file devices. To be run when nothing else works on devices. */
export async function zap(settings: AgentSettings, manifest: ManifestView, path: string): Promise<{ output: string }> {
  await settleAttempt(settings);
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) throw new NotFoundError(`${path} is not on this host`);
  const user = await daemonUsing(settings, manifest, real);
  if (user !== undefined) throw new ValidationError(`${path} is in use: ${user} has its data on it`);
  if (isFileDevice(settings.stateDir, path) && real === path && (await stat(path)).isFile()) {
    const parts = await partsBelow(settings, path);
    for (const part of [path, ...parts]) await checkNotOpen(path, part);
    for (const part of parts) await rm(part, { force: true });
    await eraseDevice(settings, path);
  } else await zapBlockDevice(settings, path, real);
  return { output: `zap successful for ${path}` };
}

async function zapBlockDevice(settings: AgentSettings, path: string, real: string): Promise<void> {
  if (!(await stat(real)).isBlockDevice())
    throw new ValidationError(`${path} is neither a block device nor one of the agent's file devices`);
  const device = deviceAt(real, await blockDevices());
  const use = useOf(device, await devicesInUse());
  if (use !== undefined) throw new ValidationError(`${path} is in use: ${use}`);
  if (device.ro) throw new ValidationError(`${path} is read-only`);
  const all = withChildren(device);
  for (const one of all) await checkNotOpen(path, one.path);
  // A device with volumes on it is taken by those, until they are gone; one whose partition is taken cannot be taken either.
  for (const one of all.filter(({ children = [] }) => children.length === 0)) await checkNotTaken(one.path);
  const parts = all.slice(1);
  if (parts.some(({ type }) => type !== "part")) await zapVolumes(settings, device);
  else for (const part of parts) await eraseDevice(settings, part.path);
  await eraseDevice(settings, real);
}

/** Only ceph-volume knows how to take its volumes apart. Not tried on a host with a device mapper yet. */
async function zapVolumes(settings: AgentSettings, device: BlockDevice): Promise<void> {
  const words = ["lvm", "zap", "--destroy", device.path];
  printed("ceph-volume", await run("ceph-volume", words, { root: rootOf(settings, "osd"), timeoutMs: 300_000 }));
  forgetVolumes();
}

/** The OSD of the manifest whose folder links the device, or, where its folder is gone, whose label is on it. */
async function daemonUsing(settings: AgentSettings, manifest: ManifestView, path: string): Promise<string | undefined> {
  const parts = [path, ...(await partsBelow(settings, path))];
  const fsid = fsidIn(settings.conf);
  for (const name of manifest.names().filter((one) => one.startsWith("osd."))) {
    const folder = osdFolder(settings, Number(name.slice("osd.".length)));
    if ((await devicesIn(folder)).some((device) => parts.includes(device))) return name;
  }
  const osds = (await osdsOnHost(settings)).filter((osd) => fsid === null || osd.fsid === fsid);
  return osds.map((osd) => usedBy(osd, settings, manifest, parts)).find((name) => name !== undefined);
}

function usedBy(
  osd: HostOsd,
  settings: AgentSettings,
  manifest: ManifestView,
  parts: readonly string[],
): string | undefined {
  const stores = storesOf(osd);
  if (!devicesOf({ devices: stores }).some(({ path }) => parts.includes(path))) return undefined;
  const name = `osd.${osd.osd_id}` as const;
  // An OSD that was replaced left its number to another one, which has a folder of its own.
  return manifest.has(name) && !isReady(osdFolder(settings, osd.osd_id)) ? name : undefined;
}
