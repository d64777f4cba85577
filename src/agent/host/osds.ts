/** The OSDs on this host's devices, found by what is written on the devices: whether they run does not matter. */
import { z } from "zod";

import { fsidIn } from "../ceph-conf.ts";
import type { HostOsd } from "../protocol.ts";
import { type AgentSettings, rootOf } from "../settings.ts";
import { type BlockDevice, backingFile, blockDevices, withChildren } from "./block-devices.ts";
import { fileDevices, isFileDevice } from "./file-devices.ts";
import { type BluestoreLabel, readLabel } from "./labels.ts";
import { printed, run } from "./programs.ts";

type Devices = HostOsd["devices"];

/** An OSD's devices, each with what it is for. */
export function devicesOf({ devices }: { readonly devices: Devices }): { use: keyof Devices; path: string }[] {
  return (["block", "db", "wal"] as const).flatMap((use) => {
    const path = devices[use];
    return path === undefined ? [] : { use, path };
  });
}

/** Where an OSD's stores lie: on whole devices, or on parts of them. */
export function storesOf({ devices, parts = {} }: Pick<HostOsd, "devices" | "parts">): Devices {
  const places = devicesOf({ devices }).map(({ use, path }) => [use, parts[use] ?? path] as const);
  return { ...devices, ...Object.fromEntries(places) };
}

/** A device that carries a label. */
export interface Labelled {
  readonly path: string;
  readonly label: BluestoreLabel;
  /** The device that it is a part of; left out for one that is whole. */
  readonly device?: string;
}

/** Kinds of block devices on which a store can lie directly; those of LVM are found by their tags. */
const LABELLED_TYPES = /^(?:disk|part|loop|mpath|crypt|md|raid\d+|linear)$/;

/** Every label on the host's block devices and file devices. */
export async function labelsOnHost(settings: AgentSettings, devices: readonly BlockDevice[]): Promise<Labelled[]> {
  const onDevices = await Promise.all(devices.map((device) => labelsWithin(device)));
  const files = await fileDevices(settings.stateDir);
  const onFiles = await Promise.all(
    files.flatMap(({ path, parts }) => [labelled(path), ...parts.map((part) => labelled(part.path, path))]),
  );
  return [...onDevices, ...onFiles].flat();
}

/**
 * A kernel that knows Atari's partitions may see some in what BlueStore wrote, each with a label of its own
 * (tracker.ceph.com/issues/52060): below a labelled device nothing else is looked at.
 */
async function labelsWithin(device: BlockDevice, parent?: BlockDevice): Promise<Labelled[]> {
  if (device.size === 0 || (device.type === "loop" && backingFile(device.name) === undefined)) return [];
  const whole = device.type === "part" ? parent?.path : undefined;
  const own = LABELLED_TYPES.test(device.type) ? await labelled(device.path, whole) : [];
  if (own.length > 0) return own;
  return (await Promise.all((device.children ?? []).map((child) => labelsWithin(child, device)))).flat();
}

async function labelled(path: string, device?: string): Promise<Labelled[]> {
  try {
    const label = await readLabel(path);
    return label === undefined ? [] : [{ path, label, ...(device === undefined ? {} : { device }) }];
  } catch {
    return []; // no medium, or not ours to open: then it is no OSD's that we could run
  }
}

/** The OSDs of the host's own cluster; all clusters' when the host has no ceph.conf with an fsid. */
export async function osdsOnHost(settings: AgentSettings): Promise<HostOsd[]> {
  const devices = await blockDevices();
  const fsid = fsidIn(settings.conf);
  const osds = [...(await labelledOsds(settings, devices)), ...(await lvmOsds(settings, devices))];
  return osds.filter((osd) => fsid === null || osd.fsid === fsid).toSorted((one, other) => one.osd_id - other.osd_id);
}

/** Those whose stores lie on devices, on files or on parts of them, of any cluster. */
export async function labelledOsds(settings: AgentSettings, devices: readonly BlockDevice[]): Promise<HostOsd[]> {
  return osdsOf(await labelsOnHost(settings, devices), settings.stateDir);
}

/** Finished OSDs, with the devices of theirs that hold DB and WAL. */
export function osdsOf(labels: readonly Labelled[], stateDir: string): HostOsd[] {
  return labels.flatMap((block) => {
    const { osdUuid, osdId, clusterFsid, complete } = block.label;
    if (!complete || osdId === undefined || clusterFsid === undefined) return [];
    const place = (use: "db" | "wal"): Labelled | undefined =>
      labels.find((other) => other.label.use === use && other.label.osdUuid === osdUuid);
    const places = Object.entries({ block, db: place("db"), wal: place("wal") }).flatMap(([use, found]) =>
      found === undefined ? [] : [[use, found] as const],
    );
    const parts = places
      .filter(([, { device }]) => device !== undefined)
      .map(([use, { path }]) => [use, path] as const);
    return {
      osd_id: osdId,
      osd_uuid: osdUuid,
      fsid: clusterFsid,
      method: isFileDevice(stateDir, block.path) ? ("file" as const) : ("raw" as const),
      devices: {
        block: block.device ?? block.path,
        ...Object.fromEntries(places.map(([use, { path, device }]) => [use, device ?? path])),
      },
      ...(parts.length === 0 ? {} : { parts: Object.fromEntries(parts) }),
    };
  });
}

const tag = z.string().optional();
const lvmVolume = z.object({
  type: z.string(),
  path: z.string(),
  devices: z.array(z.string()).default([]),
  tags: z.object({ "ceph.osd_fsid": tag, "ceph.cluster_fsid": tag }).default({}),
});
const lvmList = z.record(z.string(), z.array(lvmVolume));

/** ceph-volume is asked again when the volumes are others, and after this time: it tags a volume a moment after it made it. */
const VOLUMES_MS = 60_000;

let volumesTold: { readonly key: string; readonly until: number; readonly osds: HostOsd[] } | undefined;

/** To be called where ceph-volume made or removed volumes. */
export function forgetVolumes(): void {
  volumesTold = undefined;
}

/** Not tried on a host with a device mapper yet. */
async function lvmOsds(settings: AgentSettings, devices: readonly BlockDevice[]): Promise<HostOsd[]> {
  const hasVolumes = devices.flatMap(withChildren).some(({ type }) => type === "lvm");
  if (!hasVolumes) return [];
  const key = JSON.stringify([rootOf(settings, "osd"), devices]);
  if (volumesTold?.key === key && performance.now() < volumesTold.until) return volumesTold.osds;
  const osds = await listVolumes(settings);
  volumesTold = { key, until: performance.now() + VOLUMES_MS, osds };
  return osds;
}

export async function listVolumes(settings: AgentSettings): Promise<HostOsd[]> {
  const ended = await run("ceph-volume", ["lvm", "list", "--format", "json"], { root: rootOf(settings, "osd") });
  return parseLvmList(printed("ceph-volume", ended));
}

/** What `ceph-volume lvm list` printed. A device is the disk below the volume, by which an operator knows it. */
export function parseLvmList(output: string): HostOsd[] {
  return Object.entries(lvmList.parse(JSON.parse(output))).flatMap(([id, volumes]) => {
    const disk = (use: string): string | undefined => {
      const volume = volumes.find(({ type }) => type === use);
      return volume?.devices[0] ?? volume?.path;
    };
    const block = disk("block");
    const tags = volumes.find(({ type }) => type === "block")?.tags;
    const uuid = tags?.["ceph.osd_fsid"];
    if (block === undefined || uuid === undefined || !/^\d+$/.test(id)) return [];
    const [db, wal] = [disk("db"), disk("wal")];
    return {
      osd_id: Number(id),
      osd_uuid: uuid,
      fsid: tags?.["ceph.cluster_fsid"] ?? null,
      method: "lvm" as const,
      devices: { block, ...(db === undefined ? {} : { db }), ...(wal === undefined ? {} : { wal }) },
    };
  });
}
