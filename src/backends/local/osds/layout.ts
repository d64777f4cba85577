/** What a drive group asks of this host: checked first and as a whole, then as a list of OSDs to make. Changes nothing. */
import type { OsdMethod } from "../../../agent/client.ts";
import {
  checkDriveGroup,
  type Device,
  type DriveGroupSpec,
  deviceClassOf,
  LEAST_PARTS,
  NotFoundError,
  type OsdLayout,
  osdLayouts,
  osdsOn,
  pathsOf,
  serviceName,
  ValidationError,
} from "../../../index.ts";
import type { LocalOptions } from "../options.ts";
import type { HostState, KnownDevice } from "./host-state.ts";
import type { Making } from "./making-record.ts";

const MIB = 1024 ** 2;

/** An OSD that is to be made. */
export interface Wish {
  readonly layout: OsdLayout;
  readonly method: OsdMethod;
}

export interface Wishes {
  readonly wishes: readonly Wish[];
  /** What the operator should know about devices that were passed over. */
  readonly notes: readonly string[];
  /** True where devices match that carry the group's OSDs already. */
  readonly made: boolean;
}

/** The OSDs that a drive group lacks on this host. Throws for what the host or this backend cannot do. */
export function wishesOf(spec: DriveGroupSpec, state: HostState, options: LocalOptions): Wishes {
  checkFields(spec);
  const layouts = osdLayouts(
    spec,
    layoutDevices(state),
    (id) => isOwn(spec, state, id),
    ({ path }) => gapsOf(state, path),
  );
  const complete = layouts.filter((layout) => lacks(spec, layout) === undefined);
  const wishes = complete.map((layout) => ({ layout, method: methodFor(spec, layout, state, options) }));
  checkAbilities(spec, wishes, state);
  checkDivisions(spec, wishes, state);
  const left = layouts.filter((layout) => !complete.includes(layout));
  return {
    wishes,
    notes: left.map((layout) => `${layout.data} is left out: no place for it on ${lacks(spec, layout) ?? ""}`),
    made: namesUsed(spec, state),
  };
}

/** Whether an OSD that is there, or being made, was made for this drive group. */
function isOwn(spec: DriveGroupSpec, state: HostState, id: number): boolean {
  const service = serviceName(spec);
  if (id < 0) return [...state.making.values()][-1 - id]?.service === service;
  return state.daemons.get(`osd.${id}`)?.service === service;
}

/** As they are once all that is being made is there: those OSDs stand in with negative ids. */
function layoutDevices({ devices, making }: HostState): Device[] {
  const records = [...making.values()];
  return devices.map(({ device }) => {
    const coming = records.flatMap((record, index) =>
      [record.data, record.block_db, record.block_wal].includes(device.path) ? [{ osd_id: -1 - index }] : [],
    );
    if (coming.length === 0) return device;
    return { ...device, available: false, lvs: [...(device.lvs ?? []), ...coming] };
  });
}

/** Where there is room on a device that OSDs share, once all that is being made is there. */
function gapsOf({ devices, making }: HostState, path: string): number[] {
  const gaps = [...(devices.find(({ device }) => device.path === path)?.gaps ?? [])];
  for (const record of making.values()) {
    for (const size of sizesOn(record, path)) {
      if (size === null) return [];
      const index = gaps.findIndex((gap) => gap >= size);
      if (index >= 0) gaps[index] = (gaps[index] ?? 0) - size;
    }
  }
  return gaps;
}

/** What an OSD that is being made gets of a device; null for all of it. */
function sizesOn(record: Making, path: string): (number | null)[] {
  const { data, data_size, block_db, db_size, block_wal, wal_size } = record;
  const stores = [
    { path: data, size: data_size },
    { path: block_db, size: db_size },
    { path: block_wal, size: wal_size },
  ];
  return stores.filter((store) => store.path === path).map(({ size }) => size);
}

/** The field of the spec that has no device left for this OSD. */
function lacks(spec: DriveGroupSpec, layout: OsdLayout): string | undefined {
  if (spec.spec?.db_devices !== undefined && layout.block_db === undefined) return "db_devices";
  return spec.spec?.wal_devices !== undefined && layout.block_wal === undefined ? "wal_devices" : undefined;
}

/** Whether devices that the spec names, or OSDs of its service, are in use as it wants them. */
function namesUsed(spec: DriveGroupSpec, state: HostState): boolean {
  const paths = pathsOf(spec.spec?.data_devices);
  const used = layoutDevices(state).filter((device) => osdsOn(device).length > 0);
  if (paths.length > 0) return used.some(({ path }) => paths.includes(path));
  return used.some((device) => osdsOn(device).some((id) => isOwn(spec, state, id)));
}

/** What Ceph lets through and this backend cannot make. (Of a NotSupportedError, `ceph orch` would not tell the reason.) */
function checkFields(spec: DriveGroupSpec): void {
  checkDriveGroup(spec);
  const name = serviceName(spec);
  const { journal_devices: journals, journal_size: journal, tpm2 } = spec.spec ?? {};
  const { data_allocate_fraction: fraction = 1 } = spec.spec ?? {};
  const { db_devices: db, wal_devices: wal, ...fields } = spec.spec ?? {};
  if (journals !== undefined)
    throw new ValidationError(`${name}: journal_devices: bluestore keeps no journal; use db_devices or wal_devices`);
  if (journal !== undefined)
    throw new ValidationError(`${name}: journal_size: bluestore keeps no journal; leave it out`);
  if (tpm2 === true) throw new ValidationError(`${name}: tpm2 is not supported by the local backend; leave it out`);
  if (!(fraction > 0 && fraction <= 1))
    throw new ValidationError(`${name}: data_allocate_fraction ${fraction} is not above 0 and at most 1`);
  for (const [field, devices] of [["db", db] as const, ["wal", wal] as const]) {
    const idle = [`block_${field}_size`, `${field}_slots`].find((one) => Object.hasOwn(fields, one));
    if (devices === undefined && idle !== undefined)
      throw new ValidationError(`${name}: ${idle} says nothing without ${field}_devices; name some, or leave it out`);
  }
}

/** On a file if the device is one; on a disk as the spec says, else the option, else by LVM where the host has it. */
function methodFor(spec: DriveGroupSpec, layout: OsdLayout, state: HostState, options: LocalOptions): OsdMethod {
  const kinds = [layout.data, layout.block_db, layout.block_wal].flatMap((path) =>
    path === undefined ? [] : [kindOf(state, path)],
  );
  if (kinds.every((kind) => kind === "file")) return "file";
  if (kinds.includes("file"))
    throw new ValidationError(`${serviceName(spec)}: ${layout.data} would be an OSD on a file and a disk at once`);
  const { lvm } = state.host.abilities;
  const method = spec.spec?.method ?? (options.osd_method === "auto" ? undefined : options.osd_method);
  if (method !== "lvm" || lvm === null) return method ?? (lvm === null ? "lvm" : "raw");
  throw new ValidationError(
    `no OSD can be made on ${layout.data} of host ${state.host.hostname} by method lvm: ${lvm}`,
  );
}

function kindOf(state: HostState, path: string): KnownDevice["kind"] | undefined {
  return deviceAt(state, path)?.kind;
}

/** What is asked for beyond a plain OSD, and this host cannot do. */
function checkAbilities(spec: DriveGroupSpec, wishes: readonly Wish[], { host }: HostState): void {
  const name = serviceName(spec);
  const problem = host.binaries.osd.problem;
  if (problem !== null) throw new ValidationError(`${name} cannot run on ${host.hostname}: ${problem}`);
  if (spec.spec?.encrypted !== true) return;
  const whole = wishes.find(({ method }) => method !== "lvm");
  const byMethod = whole === undefined ? null : `OSDs on ${whole.layout.data} are made by method ${whole.method}`;
  const why = host.abilities.encryption ?? byMethod;
  if (why !== null) throw new ValidationError(`${name}: encrypted: not possible on host ${host.hostname}: ${why}`);
}

/** Devices that OSDs are to share have to be such as can be divided, and large enough. */
function checkDivisions(spec: DriveGroupSpec, wishes: readonly Wish[], state: HostState): void {
  const name = serviceName(spec);
  const { hostname } = state.host;
  for (const { layout, method } of wishes) {
    for (const { path, size, least, fields } of storesOf(layout)) {
      if (path === undefined || size === undefined) continue;
      const [given] = Object.entries(spec.spec ?? {}).filter(([field]) => fields.includes(field));
      const asked = given === undefined ? "several OSDs on one device" : `${given[0]} ${valueText(given[1])}`;
      const why = method === "lvm" ? null : deviceAt(state, path)?.indivisible;
      if (why !== null && why !== undefined)
        throw new ValidationError(`${name}: ${asked}: ${path} of host ${hostname} cannot be divided: ${why}`);
      if (size < least)
        throw new ValidationError(
          `${name}: ${asked}: an OSD would get ${megabytes(size)} of ${path} of host ${hostname}, and ${megabytes(least)} is the least`,
        );
    }
  }
}

interface PartOfDevice {
  readonly path: string | undefined;
  readonly size: number | undefined;
  readonly least: number;
  /** The fields of a spec that divide such devices. */
  readonly fields: readonly string[];
}

function storesOf(layout: OsdLayout): PartOfDevice[] {
  const { data, data_size, block_db, block_db_size, block_wal, block_wal_size } = layout;
  return [
    { path: data, size: data_size, least: LEAST_PARTS.data, fields: ["osds_per_device", "data_allocate_fraction"] },
    { path: block_db, size: block_db_size, least: LEAST_PARTS.db, fields: ["block_db_size", "db_slots"] },
    { path: block_wal, size: block_wal_size, least: LEAST_PARTS.wal, fields: ["block_wal_size", "wal_slots"] },
  ];
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / MIB)} MB`;
}

function deviceAt({ devices }: HostState, path: string): KnownDevice | undefined {
  return devices.find(({ device }) => device.path === path);
}

/** Devices that are asked for by name have to be there, and free or an OSD's already. */
export function checkPaths(spec: DriveGroupSpec, state: HostState): void {
  const { hostname } = state.host;
  const { data_devices: data, db_devices: db, wal_devices: wal } = spec.spec ?? {};
  for (const path of [data, db, wal].flatMap(pathsOf)) {
    const device = knownDevice(state, path);
    if (device.being_replaced === true)
      throw new ValidationError(
        `device ${path} on host ${hostname} is marked as being replaced; 'ceph orch device replace ${hostname} ${path} --clear' takes the mark back`,
      );
    if (device.available === true || usedHere(state, path)) continue;
    const reasons = device.rejected_reasons?.join(", ") ?? "";
    throw new ValidationError(
      `device ${path} on host ${hostname} is not available: ${reasons === "" ? "in use" : reasons}`,
    );
  }
}

/** A drive group that no device of the host is meant by, free or in use, is a mistake of who wrote it. */
export function checkMatches(spec: DriveGroupSpec, { devices, host: { hostname } }: HostState): void {
  const asFree = devices.map(({ device }) => ({ ...device, available: true, lvs: [] }));
  if (osdLayouts(spec, asFree, () => false).length > 0) return;
  throw new ValidationError(
    `${serviceName(spec)}: data_devices match no device of host ${hostname}; 'ceph orch device ls ${hostname}' lists its devices`,
  );
}

/** Whether an OSD of this cluster that runs by the agent, or one being made, is on it. */
function usedHere(state: HostState, path: string): boolean {
  const device = layoutDevices(state).find((candidate) => candidate.path === path);
  return device !== undefined && osdsOn(device).some((id) => id < 0 || state.daemons.has(`osd.${id}`));
}

/** The device of that path, or NotFoundError. */
export function knownDevice({ devices, host: { hostname } }: HostState, path: string): Device {
  const known = devices.find(({ device }) => device.path === path);
  if (known !== undefined) return known.device;
  throw new NotFoundError(
    `host ${hostname} has no device ${path}; 'ceph orch device ls ${hostname}' lists its devices`,
  );
}

/** The CRUSH device class for an OSD of the drive group; null leaves it to Ceph. */
export function classFor(spec: DriveGroupSpec, { data }: OsdLayout): string | null {
  return deviceClassOf(spec, data) ?? null;
}
