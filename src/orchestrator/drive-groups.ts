/** Which devices of a host a drive group would make OSDs of. Reads only. */
import { ValidationError } from "./errors.ts";
import type { Device, DeviceSelection, DriveGroupSpec } from "./generated/types.ts";

/** One OSD and the devices it would be made of. */
export interface OsdLayout {
  readonly data: string;
  readonly block_db?: string;
  readonly block_wal?: string;
}

const BYTES: Record<string, number> = { K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** The OSDs that a drive group still lacks on a host. `isOwn` tells which OSDs belong to it already. */
export function osdLayouts(
  spec: DriveGroupSpec,
  devices: readonly Device[],
  isOwn: (osdId: number) => boolean,
): OsdLayout[] {
  const { data_devices: data, db_devices: db, wal_devices: wal, filter_logic: logic = "AND" } = spec.spec ?? {};
  if (data === undefined) return [];
  // As Ceph: data devices are chosen first, then logs, then databases, and no device twice; but one that is named stays for its use.
  const named = [...pathsOf(db), ...pathsOf(wal)];
  const open = devices.filter(({ path }) => !named.includes(path) || pathsOf(data).includes(path));
  const dataDevices = select(data, logic, open, isOwn);
  const walDevices = wal === undefined ? [] : select(wal, logic, without(devices, dataDevices), isOwn);
  const dbDevices = db === undefined ? [] : select(db, logic, without(devices, [...dataDevices, ...walDevices]), isOwn);
  const dbs = slots(dbDevices, spec.spec?.db_slots, spec.spec?.block_db_size);
  const wals = slots(walDevices, spec.spec?.wal_slots, spec.spec?.block_wal_size);
  return dataDevices.flatMap(({ path }) =>
    Array.from({ length: spec.spec?.osds_per_device ?? 1 }, () => {
      const dbDevice = dbs.next();
      const walDevice = wals.next();
      return {
        data: path,
        ...(dbDevice === undefined ? {} : { block_db: dbDevice }),
        ...(walDevice === undefined ? {} : { block_wal: walDevice }),
      };
    }),
  );
}

/** Hands devices out in turn, each as often as it has places: `limit` says how many, or the size of one. */
function slots(
  devices: readonly Device[],
  limit: number | undefined,
  size: number | string | undefined,
): { next(): string | undefined } {
  const open = devices.map(({ path, sys_api: api }) => ({
    path,
    given: 0,
    places: limit ?? (size === undefined ? Infinity : Math.floor(Number(api?.["size"] ?? 0) / volumeSize(size))),
  }));
  return {
    next() {
      const [first] = open.filter(({ given, places }) => given < places).sort((one, other) => one.given - other.given);
      if (first === undefined) return undefined;
      first.given += 1;
      return first.path;
    },
  };
}

/** Bytes of a volume; ceph-volume reads the units of its sizes as powers of 1024. */
function volumeSize(size: number | string): number {
  const [, value, unit = ""] = /^(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B)?$/i.exec(String(size)) ?? [];
  if (value === undefined)
    throw new ValidationError(`size ${JSON.stringify(size)} is not a number of bytes, or one with K, M, G or T`);
  return Number(value) * 1024 ** " KMGT".indexOf(unit === "" ? " " : unit.toUpperCase());
}

/** The free devices that a selection takes; those that it took before count for its limit. */
function select(
  selection: DeviceSelection,
  logic: "AND" | "OR",
  devices: readonly Device[],
  isOwn: (osdId: number) => boolean,
): Device[] {
  const matching = devices.filter((device) => matches(selection, logic, device));
  const taken = matching.filter((device) => osdsOn(device).some(isOwn)).length;
  const free = matching.filter((device) => device.available === true && device.being_replaced !== true);
  const limit = selection.limit ?? 0;
  return limit === 0 ? free : free.slice(0, Math.max(0, limit - taken));
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
