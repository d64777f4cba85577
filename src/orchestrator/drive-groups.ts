/** Which devices of a host a drive group would make OSDs of. Reads only. */
import { ValidationError } from "./errors.ts";
import type { Device, DeviceSelection, DriveGroupSpec, OsdPreviewDevices } from "./generated/types.ts";

/** One OSD and the devices it would be made of. A size says how much of a device it gets; left out, it gets all of it. */
export interface OsdLayout {
  readonly data: string;
  readonly data_size?: number;
  readonly block_db?: string;
  readonly block_db_size?: number;
  readonly block_wal?: string;
  readonly block_wal_size?: number;
}

/** How many bytes each part may have that can still be made of a device which OSDs of the drive group share. */
export type Gaps = (device: Device) => readonly number[];

const BYTES: Record<string, number> = { K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

const MIB = 1024 ** 2;
/** What a partition table or LVM takes of a device, generously, and what the size of a part is a multiple of: an extent of LVM. */
const OVERHEAD = 8 * MIB;
const UNIT = 4 * MIB;

/** The least sizes of an OSD's parts: below them BlueStore has no room for its own. */
export const LEAST_PARTS = { data: 1024 * MIB, db: 256 * MIB, wal: 64 * MIB } as const;

/**
 * The OSDs that a drive group still lacks on a host. `isOwn` tells which OSDs belong to it already; `gaps` where there is room
 * beside them.
 */
export function osdLayouts(
  spec: DriveGroupSpec,
  devices: readonly Device[],
  isOwn: (osdId: number) => boolean,
  gaps: Gaps = () => [],
): OsdLayout[] {
  const { data_devices: data, db_devices: db, wal_devices: wal, filter_logic: logic = "AND" } = spec.spec ?? {};
  if (data === undefined) return [];
  // As Ceph: data devices are chosen first, then logs, then databases, and no device twice; but one that is named stays for its use.
  const named = [...pathsOf(db), ...pathsOf(wal)];
  const open = devices.filter(({ path }) => !named.includes(path) || pathsOf(data).includes(path));
  const choose = (selection: DeviceSelection | undefined, from: readonly Device[]): Device[] =>
    selection === undefined ? [] : select(selection, logic, from, isOwn, gaps);
  const dataDevices = choose(data, open);
  const walDevices = choose(wal, without(devices, dataDevices));
  const dbDevices = choose(db, without(devices, [...dataDevices, ...walDevices]));
  const stores = dataDevices.flatMap((device) => dataStores(spec, device, gaps));
  const { db_slots: dbSlots, wal_slots: walSlots, block_db_size: dbSize, block_wal_size: walSize } = spec.spec ?? {};
  const dbs = slots(withRoom(dbDevices, LEAST_PARTS.db, gaps), stores.length, dbSlots, dbSize, gaps);
  const wals = slots(withRoom(walDevices, LEAST_PARTS.wal, gaps), stores.length, walSlots, walSize, gaps);
  return stores.map((store) => {
    const dbStore = dbs.next();
    const walStore = wals.next();
    return {
      data: store.path,
      ...(store.size === undefined ? {} : { data_size: store.size }),
      ...(dbStore === undefined ? {} : { block_db: dbStore.path }),
      ...(dbStore?.size === undefined ? {} : { block_db_size: dbStore.size }),
      ...(walStore === undefined ? {} : { block_wal: walStore.path }),
      ...(walStore?.size === undefined ? {} : { block_wal_size: walStore.size }),
    };
  });
}

/** A device for an OSD, or so many bytes of it. */
interface Store {
  readonly path: string;
  readonly size?: number;
}

/** The OSDs that a data device lacks; of one that is shared, each gets the same part. */
function dataStores(spec: DriveGroupSpec, device: Device, gaps: Gaps): Store[] {
  const { osds_per_device: count = 1, data_allocate_fraction: fraction = 1 } = spec.spec ?? {};
  const { path } = device;
  if (count === 1 && fraction === 1) return isFree(device) ? [{ path }] : [];
  const size = partSize((bytesOf(device) * fraction) / count);
  const places = isFree(device) ? count : Math.min(count - osdsOn(device).length, fitting(gaps(device), size));
  return Array.from({ length: Math.max(0, places) }, () => ({ path, size }));
}

/** What can be divided among OSDs. */
function bytesOf({ sys_api: api }: Device): number {
  return Math.max(0, Number(api?.["size"] ?? 0) - OVERHEAD);
}

function partSize(bytes: number): number {
  return Math.floor(bytes / UNIT) * UNIT;
}

/** How many parts of that size fit into the gaps. */
function fitting(gaps: readonly number[], size: number): number {
  return size === 0 ? 0 : gaps.reduce((sum, gap) => sum + Math.floor(gap / size), 0);
}

/** What even shares leave of a device that is full is no place for another one. */
function withRoom(devices: readonly Device[], least: number, gaps: Gaps): Device[] {
  return devices.filter((device) => isFree(device) || gaps(device).some((gap) => partSize(gap) >= least));
}

/**
 * Hands devices out in turn, each as often as it has places: `limit` says how many, or the size of one, or else the OSDs are
 * spread evenly. A device is divided where several are to have a place on it, or a size is given.
 */
function slots(
  devices: readonly Device[],
  wanted: number,
  limit: number | undefined,
  size: number | string | undefined,
  gaps: Gaps,
): { next(): Store | undefined } {
  const spread = Math.ceil(wanted / Math.max(1, devices.length));
  const open = devices.map((device) => {
    const places = limit ?? spread;
    const given = osdsOn(device).length;
    const part = partOf(device, places, limit, size, gaps);
    const room = isFree(device) ? [bytesOf(device)] : gaps(device);
    const fits = part === undefined ? (isFree(device) ? 1 : 0) : fitting(room, part);
    const most = limit === undefined ? fits : Math.min(limit - given, fits);
    return { path: device.path, given, left: Math.max(0, most), part };
  });
  return {
    next() {
      const [first] = open.filter(({ left }) => left > 0).sort((one, other) => one.given - other.given);
      if (first === undefined) return undefined;
      first.given += 1;
      first.left -= 1;
      return { path: first.path, ...(first.part === undefined ? {} : { size: first.part }) };
    },
  };
}

/** How many bytes of a device each OSD gets; undefined for all of it. */
function partOf(
  device: Device,
  places: number,
  limit: number | undefined,
  size: number | string | undefined,
  gaps: Gaps,
): number | undefined {
  if (size !== undefined) return sized(device, volumeSize(size));
  if (isFree(device)) return places <= 1 ? undefined : partSize(bytesOf(device) / places);
  if (limit !== undefined) return partSize(bytesOf(device) / limit);
  return evenPart(device, places, gaps(device));
}

/**
 * Over how many OSDs it was spread once is not known any more. So it is spread over those that it has and as many more as then
 * find a place; where even one finds none, that one gets the largest gap.
 */
function evenPart(device: Device, most: number, gaps: readonly number[]): number {
  for (let more = most; more > 0; more -= 1) {
    const share = partSize(bytesOf(device) / (osdsOn(device).length + more));
    if (fitting(gaps, share) >= more) return share;
  }
  return partSize(Math.max(0, ...gaps));
}

/** As many as would fit by their size alone get their place: as with ceph-volume, each may be a hundredth smaller for that. */
function sized(device: Device, size: number): number {
  const count = Math.floor(Number(device.sys_api?.["size"] ?? 0) / size);
  const share = partSize(bytesOf(device) / Math.max(1, count));
  return share < size && share >= 0.99 * size ? share : partSize(size + UNIT - 1);
}

/** What `ceph orch apply osd --dry-run` shows of an OSD: sizes as ceph-volume tells them. */
export function previewOf({
  data,
  data_size,
  block_db,
  block_db_size,
  block_wal,
  block_wal_size,
}: OsdLayout): OsdPreviewDevices {
  return {
    data,
    ...(data_size === undefined ? {} : { data_size: sizeText(data_size) }),
    ...(block_db === undefined ? {} : { block_db }),
    ...(block_db_size === undefined ? {} : { block_db_size: sizeText(block_db_size) }),
    ...(block_wal === undefined ? {} : { block_wal }),
    ...(block_wal_size === undefined ? {} : { block_wal_size: sizeText(block_wal_size) }),
  };
}

function sizeText(bytes: number): string {
  const units = ["KB", "MB", "GB", "TB"];
  const power = Math.min(units.length, Math.max(1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)));
  return `${(bytes / 1024 ** power).toFixed(2)} ${units[power - 1] ?? "TB"}`;
}

/** Bytes of a volume; ceph-volume reads the units of its sizes as powers of 1024. */
function volumeSize(size: number | string): number {
  const [, value, unit = ""] = /^(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B)?$/i.exec(String(size)) ?? [];
  if (value === undefined)
    throw new ValidationError(`size ${JSON.stringify(size)} is not a number of bytes, or one with K, M, G or T`);
  return Number(value) * 1024 ** " KMGT".indexOf(unit === "" ? " " : unit.toUpperCase());
}

/** The free devices that a selection takes; those that it took before count for its limit, and are taken again where they have room. */
function select(
  selection: DeviceSelection,
  logic: "AND" | "OR",
  devices: readonly Device[],
  isOwn: (osdId: number) => boolean,
  gaps: Gaps,
): Device[] {
  const matching = devices.filter((device) => matches(selection, logic, device));
  const taken = matching.filter((device) => osdsOn(device).some(isOwn)).length;
  const shared = matching.filter(
    (device) =>
      device.being_replaced !== true &&
      gaps(device).length > 0 &&
      osdsOn(device).length > 0 &&
      osdsOn(device).every(isOwn),
  );
  const free = matching.filter((device) => isFree(device) && !shared.includes(device));
  const limit = selection.limit ?? 0;
  return [...shared, ...(limit === 0 ? free : free.slice(0, Math.max(0, limit - taken)))];
}

function isFree(device: Device): boolean {
  return device.available === true && device.being_replaced !== true;
}

function without(devices: readonly Device[], others: readonly Device[]): Device[] {
  return devices.filter((device) => !others.includes(device));
}

/** The OSDs that have a volume on a device. */
export function osdsOn(device: Device): number[] {
  const ids = (device.lvs ?? []).map(({ osd_id: id }) =>
    typeof id === "string" || typeof id === "number" ? Number(id) : NaN,
  );
  return [...new Set(ids.filter((id) => Number.isInteger(id)))];
}

/** The CRUSH device class that a drive group gives the OSDs on a data device; undefined where Ceph finds it out. */
export function deviceClassOf({ spec }: DriveGroupSpec, path: string): string | undefined {
  const entries = spec?.data_devices?.paths?.filter((entry) => typeof entry !== "string") ?? [];
  return entries.find((entry) => entry.path === path)?.crush_device_class ?? spec?.crush_device_class;
}

/** The paths that a selection names. */
export function pathsOf(selection: DeviceSelection | undefined): string[] {
  return (selection?.paths ?? []).map((path) => (typeof path === "string" ? path : path.path));
}

function matches(selection: DeviceSelection, logic: "AND" | "OR", device: Device): boolean {
  if (selection.all === true) return true;
  const paths = pathsOf(selection);
  if (paths.length > 0) return paths.includes(device.path);
  const { sys_api: api = {} } = device;
  const { model, vendor, size, rotational, actuators } = selection;
  const tests = [
    ...(model === undefined ? [] : [text(api["model"]).includes(model)]),
    ...(vendor === undefined ? [] : [text(api["vendor"]).includes(vendor)]),
    ...(size === undefined ? [] : [sizeMatches(size, sizeOf(api))]),
    ...(rotational === undefined ? [] : [["1", "true"].includes(text(api["rotational"])) === Boolean(rotational)]),
    ...(actuators === undefined ? [] : [Number(api["actuators"] ?? 1) === actuators]),
  ];
  return logic === "OR" ? tests.some(Boolean) : tests.length > 0 && tests.every(Boolean);
}

/** As Ceph takes it: from ceph-volume's text, where `3.64 TB` are powers of 1024 and the spec's 3.64T is meant; else in bytes. */
function sizeOf(api: { readonly [field: string]: unknown }): number {
  const [, value, unit = ""] = /^(\d+(?:\.\d+)?) ?([KMGT])B$/.exec(text(api["human_readable_size"])) ?? [];
  return value === undefined ? Number(api["size"] ?? 0) : Number(value) * (BYTES[unit] ?? 1);
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** `LOW:HIGH`, `LOW:`, `:HIGH`, or one size, met to a hundredth of its unit. */
function sizeMatches(wanted: string, size: number): boolean {
  const [low, high] = wanted.split(":");
  if (high === undefined) {
    const { value, unit } = parseSize(wanted);
    return (size / unit).toFixed(2) === value.toFixed(2);
  }
  return (low === "" || size >= bytes(low ?? "")) && (high === "" || size <= bytes(high));
}

function bytes(words: string): number {
  const { value, unit } = parseSize(words);
  return value * unit;
}

function parseSize(words: string): { value: number; unit: number } {
  const [, value, unit = ""] = /^(\d+(?:\.\d+)?)([KMGT])B?$/i.exec(words) ?? [];
  const factor = BYTES[unit.toUpperCase()];
  if (value === undefined || factor === undefined) {
    throw new ValidationError(
      `size ${JSON.stringify(words)} is not a number with K, M, G or T, as in 10G, 10G: or 10G:4T`,
    );
  }
  return { value: Number(value), unit: factor };
}

/** What Ceph's own check of a drive group asks for; classic callers come without it. */
export function checkDriveGroup(spec: DriveGroupSpec): void {
  const name = spec.service_id === undefined ? "osd" : `osd.${spec.service_id}`;
  const { data_devices, db_devices, wal_devices, journal_devices, data_directories, objectstore } = spec.spec ?? {};
  if (data_directories !== undefined && data_directories.length > 0) {
    throw new ValidationError(`${name}: data_directories are not supported; use data_devices`);
  }
  if (data_devices === undefined) throw new ValidationError(`${name}: data_devices are missing`);
  if (objectstore === "filestore")
    throw new ValidationError(`${name}: objectstore filestore is not supported; use bluestore`);
  for (const [field, selection] of Object.entries({ data_devices, db_devices, wal_devices, journal_devices })) {
    if (selection !== undefined) checkSelection(`${name}: ${field}`, selection, field === "data_devices");
  }
  for (const size of [spec.spec?.block_db_size, spec.spec?.block_wal_size]) if (size !== undefined) volumeSize(size);
}

function checkSelection(where: string, selection: DeviceSelection, mayTakeAll: boolean): void {
  const { all, paths = [], limit: _limit, size, ...rest } = selection;
  const filtered = size !== undefined || Object.values(rest).some((value) => value !== undefined);
  if (all !== true && paths.length === 0 && !filtered)
    throw new ValidationError(`${where} select nothing; give paths, a filter, or all`);
  if (all === true && !mayTakeAll) throw new ValidationError(`${where}: all is only allowed for data_devices`);
  if (all === true && (paths.length > 0 || filtered))
    throw new ValidationError(`${where}: all and other filters exclude each other`);
  if (paths.length > 0 && filtered) throw new ValidationError(`${where}: paths and filters exclude each other`);
  if (size !== undefined) sizeMatches(size, 0);
}
