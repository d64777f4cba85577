/** `osd/prepare`: an OSD on a device, made once however often it is asked for and wherever it was interrupted. */
import { realpath, stat } from "node:fs/promises";

import { NotFoundError, ValidationError } from "../../index.ts";
import { fsidIn } from "../ceph-conf.ts";
import type { CheckedParams, HostOsd } from "../protocol.ts";
import type { AgentSettings } from "../settings.ts";
import { abilities, cephVolumeProblem } from "./abilities.ts";
import { type BlockDevice, blockDevices, devicesInUse, type Uses, useOf } from "./block-devices.ts";
import { makeByCephVolume, rollbackDanger } from "./ceph-volume.ts";
import { deviceAt } from "./device-shape.ts";
import { eraseDevice, signatures } from "./erase.ts";
import { isFileDevice } from "./file-devices.ts";
import { checkNotOpen } from "./holders.ts";
import { readLabel } from "./labels.ts";
import { forget, isLeftover, settleAttempt } from "./leftovers.ts";
import { activate, osdFolder, removeUnfinished } from "./osd-folder.ts";
import { devicesOf, osdsOnHost } from "./osds.ts";
import { makeStore, settleStore } from "./own-store.ts";
import { checkDivided, dropPart, indivisible, makePart, partOf, partsBelow } from "./parts.ts";

type Wish = CheckedParams<"osd/prepare">;

/** The devices of a wish by their real paths. */
type Devices = HostOsd["devices"];

/** Makes the OSD, or gives the one that is on the device already. To be run when nothing else works on devices. */
export async function prepareOsd(settings: AgentSettings, wish: Wish): Promise<HostOsd> {
  await settleAttempt(settings);
  if (wish.osd_uuid !== null) await settleStore(wish.osd_uuid);
  checkCluster(settings, wish);
  const devices = await realDevices(settings, wish);
  checkSizes(wish);
  const present = await presentOsd(settings, wish, devices.block);
  if (present !== undefined) {
    await activate(settings, present);
    await forget(settings, [present.osd_uuid]);
    return present;
  }
  await checkAbility(settings, wish);
  for (const { use, path } of devicesOf({ devices })) {
    if (sizeOf(wish, use) === null) await makeEmpty(settings, wish, path);
    else await checkDivisible(settings, wish, path);
  }
  return ownIdentity(wish) === undefined ? makeByCephVolume(settings, wish, devices) : makeOwn(settings, wish, devices);
}

/** How much of a device it is to have; null for the whole. */
function sizeOf(wish: Wish, use: keyof Devices): number | null {
  return { block: wish.block_size, db: wish.db_size, wal: wish.wal_size }[use];
}

/** A part bears the uuid of its OSD, by which it is found again. */
function checkSizes(wish: Wish): void {
  const sizes = [wish.block_size, wish.db_size, wish.wal_size].filter((size) => size !== null);
  if (sizes.length > 0 && wish.osd_uuid === null)
    throw new ValidationError("an OSD that has a part of a device needs osd_uuid");
}

function checkCluster(settings: AgentSettings, { fsid }: Wish): void {
  const own = fsidIn(settings.conf);
  if (own === null)
    throw new ValidationError(
      `an OSD needs ${settings.conf}, and there is none or it has no fsid: put the cluster's there`,
    );
  if (own !== fsid.toLowerCase())
    throw new ValidationError(`the OSD is of the cluster ${fsid}, and ${settings.conf} is of ${own}`);
}

async function realDevices(settings: AgentSettings, wish: Wish): Promise<Devices> {
  const [block, db, wal] = await Promise.all(
    [wish.block, wish.db, wish.wal].map(async (path) => (path === null ? undefined : realDevice(settings, wish, path))),
  );
  const used = [block, db, wal].filter((path) => path !== undefined);
  if (block === undefined || new Set(used).size < used.length)
    throw new ValidationError(`an OSD's data, db and wal are to be on different devices, got ${used.join(", ")}`);
  return { block, ...(db === undefined ? {} : { db }), ...(wal === undefined ? {} : { wal }) };
}

async function realDevice(settings: AgentSettings, { method }: Wish, path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) throw new NotFoundError(`${path} is not on this host`);
  if (method === "file") {
    if (!isFileDevice(settings.stateDir, path) || real !== path || !(await stat(path)).isFile())
      throw new ValidationError(`${path} is not one of the agent's file devices (host/devices lists them)`);
    return path;
  }
  if (!(await stat(real)).isBlockDevice()) throw new ValidationError(`${path} is not a block device`);
  return real;
}

/** The finished OSD of this cluster on the device. Throws when it is not the one that was asked for, or of another cluster. */
async function presentOsd(settings: AgentSettings, wish: Wish, block: string): Promise<HostOsd | undefined> {
  const osds = await osdsOnHost(settings);
  // Others may be on a device of which it has only a part.
  if (wish.block_size !== null) return osds.find(({ osd_uuid: uuid }) => uuid === wish.osd_uuid);
  const found = osds.find(({ devices }) => devices.block === block);
  if (found === undefined) return undefined;
  const { osd_id: id, osd_uuid: uuid } = found;
  const asked = (wish.osd_uuid === null || wish.osd_uuid === uuid) && (wish.osd_id === null || wish.osd_id === id);
  if (!asked)
    throw new ValidationError(
      `${wish.block} holds osd.${id} (${uuid}) already: zap it first if that OSD is not needed`,
    );
  return found;
}

async function checkAbility(settings: AgentSettings, wish: Wish): Promise<void> {
  if (wish.method === "file" && wish.encrypted) throw new ValidationError("an OSD on a file is not encrypted");
  if (wish.method === "file" && ownIdentity(wish) === undefined)
    throw new ValidationError("an OSD on a file needs osd_id, osd_uuid and keyring");
  const { lvm, raw, encryption } = await abilities(settings);
  if (wish.encrypted && encryption !== null)
    throw new ValidationError(`${wish.block} cannot be encrypted on this host: ${encryption}`);
  if (wish.encrypted && wish.method === "raw")
    throw new ValidationError(`${wish.block} cannot be encrypted by the method raw; use lvm`);
  if (wish.method === "lvm" && lvm !== null)
    throw new ValidationError(`no OSD can be made by lvm on this host: ${lvm}`);
  const byCephVolume = ownIdentity(wish) === undefined;
  const problem = raw ?? (byCephVolume ? (cephVolumeProblem(settings) ?? (await rollbackDanger(settings))) : null);
  if (wish.method === "raw" && problem !== null)
    throw new ValidationError(
      `no OSD can be made by raw on this host: ${problem}${byCephVolume ? "; give osd_id, osd_uuid and keyring" : ""}`,
    );
}

/** Number, uuid and key of a new OSD, where the caller knows them; an OSD by lvm gets them from ceph-volume. */
function ownIdentity({
  method,
  osd_id,
  osd_uuid,
  keyring,
}: Wish): { osd_id: number; osd_uuid: string; keyring: string } | undefined {
  if (method === "lvm" || osd_id === null || osd_uuid === null || keyring === null) return undefined;
  return { osd_id, osd_uuid, keyring };
}

/** Leaves nothing of an attempt of ours that was interrupted; refuses what is anybody else's. */
async function makeEmpty(settings: AgentSettings, wish: Wish, path: string): Promise<void> {
  if (wish.method !== "file") await checkFree(path);
  // Also what an attempt of ours began: a program of it may have outlived the agent.
  await checkNotOpen(path, path);
  const label = await readLabel(path);
  if (label === undefined) {
    const found = wish.method === "file" ? await partsBelow(settings, path) : await signatures(path);
    if (found.length > 0) throw new ValidationError(`${path} is not empty (${found.join(", ")}): zap it first`);
    return;
  }
  const { osdUuid, osdId, clusterFsid, complete, use } = label;
  if (complete && clusterFsid !== wish.fsid)
    throw new ValidationError(`${path} holds osd.${osdId} of another cluster (${clusterFsid}): zap it first`);
  if (!complete && (osdUuid === wish.osd_uuid || (await isLeftover(settings, osdUuid))))
    return eraseDevice(settings, path);
  const what = use === "block" ? "an OSD" : `the ${use} of an OSD`;
  throw new ValidationError(`${path} holds ${what} (${osdUuid}) that this agent did not begin: zap it first`);
}

/** Refuses a device of which no part can be made: it has to be empty, or have nothing but parts of OSDs. */
async function checkDivisible(settings: AgentSettings, wish: Wish, path: string): Promise<void> {
  const label = await readLabel(path);
  if (label !== undefined)
    throw new ValidationError(`${path} holds the ${label.use} of an OSD (${label.osdUuid}), and is not divided`);
  if (wish.method === "file") return;
  const device = deviceAt(path, await blockDevices());
  checkUnused(device, await devicesInUse());
  // Volumes are ceph-volume's own: it finds its group on the device, and makes one on an empty one.
  if (wish.method === "lvm") {
    const osds = await osdsOnHost(settings);
    const shared = osds.some((osd) => osd.method === "lvm" && devicesOf(osd).some((other) => other.path === path));
    return shared ? undefined : makeEmpty(settings, wish, path);
  }
  const why = indivisible(device);
  if (why !== null) throw new ValidationError(`${path} cannot be divided: ${why}`);
  if (!(await checkDivided(device))) await makeEmpty(settings, wish, path);
}

function checkUnused(device: BlockDevice, uses: Uses): void {
  const use = useOf(device, uses);
  if (use !== undefined) throw new ValidationError(`${device.path} is in use: ${use}`);
  if (device.ro) throw new ValidationError(`${device.path} is read-only`);
}

async function checkFree(path: string): Promise<void> {
  const device = deviceAt(path, await blockDevices());
  checkUnused(device, await devicesInUse());
  const [child] = device.children ?? [];
  if (child !== undefined) throw new ValidationError(`${path} is in use: ${child.path} (${child.type}) is on it`);
}

async function makeOwn(settings: AgentSettings, wish: Wish, devices: Devices): Promise<HostOsd> {
  const identity = ownIdentity(wish);
  if (identity === undefined) throw new ValidationError("osd_id, osd_uuid and keyring are to be given together");
  const { fsid, method } = wish;
  await eraseFoundParts(settings, wish, identity.osd_uuid, devices);
  try {
    const parts = await makeParts(settings, wish, identity.osd_uuid, devices);
    return await makeStore(settings, { ...identity, fsid, method, devices, parts });
  } catch (error) {
    await removeUnfinished(osdFolder(settings, identity.osd_id));
    for (const { use, path } of devicesOf({ devices }))
      if (sizeOf(wish, use) !== null) await dropPart(settings, path, identity.osd_uuid);
    throw error;
  }
}

/** Before anything is made, for a failure of that takes the parts away: those that are refused here stay. */
async function eraseFoundParts(settings: AgentSettings, wish: Wish, uuid: string, devices: Devices): Promise<void> {
  for (const { use, path } of devicesOf({ devices })) {
    const part = sizeOf(wish, use) === null ? undefined : await partOf(settings, path, uuid);
    if (part === undefined) continue;
    const label = await readLabel(part);
    if (label !== undefined && (label.osdUuid !== uuid || label.complete))
      throw new ValidationError(`${part} holds the ${label.use} of an OSD (${label.osdUuid}): zap ${path} first`);
    await checkNotOpen(part, part);
    await eraseDevice(settings, part);
  }
}

/** The parts that it is to have, empty: those of an attempt that was interrupted are taken again. */
async function makeParts(
  settings: AgentSettings,
  wish: Wish,
  uuid: string,
  devices: Devices,
): Promise<NonNullable<HostOsd["parts"]>> {
  const parts: [string, string][] = [];
  for (const { use, path } of devicesOf({ devices })) {
    const size = sizeOf(wish, use);
    if (size === null) continue;
    const part = (await partOf(settings, path, uuid)) ?? (await makePart(settings, path, uuid, size));
    await eraseDevice(settings, part);
    parts.push([use, part]);
  }
  return Object.fromEntries(parts);
}
