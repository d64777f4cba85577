/** The classic data classes, made from today's and turned into them. */
import { ValidationError } from "../errors.ts";
import type {
  ClassicDeviceSelection,
  ClassicDriveGroupSpec,
  ClassicServiceDescription,
  DaemonDescription,
  Device,
  DeviceSelection,
  DriveGroupSpec,
  InventoryDevice,
  InventoryHost,
  InventoryNode,
  OsdCreationSpec,
  ServiceSpec,
  StatelessServiceSpec,
} from "../generated/types.ts";

export function inventoryNode(host: InventoryHost): InventoryNode {
  return { name: host.name, devices: (host.devices ?? []).map(inventoryDevice) };
}

/** As Nautilus makes one from `ceph-volume inventory`, whose words the modern Device still has. */
function inventoryDevice(device: Device): InventoryDevice {
  const api = device.sys_api ?? {};
  const rotates = isRotational(api["rotational"]);
  const size = Number(api["size"] ?? 0);
  const model = [api["vendor"], api["model"]].filter((part) => typeof part === "string" && part !== "") as string[];
  return {
    type: rotates ? "hdd" : "sdd/nvme", // Nautilus's own spelling
    blank: device.available === true,
    id: device.path,
    size: Number.isSafeInteger(size) ? size : 0,
    rotates,
    available: device.available === true,
    dev_id: model.length === 0 ? (device.device_id ?? null) : model.join("/"),
    extended: { ...device },
  };
}

function isRotational(value: unknown): boolean {
  return value === true || value === 1 || value === "1";
}

/** Nautilus describes a service by its daemons. Its command sorts on type, node and instance, so these three are always there. */
export function classicService(daemon: DaemonDescription): ClassicServiceDescription {
  const { daemon_type, service_name: name } = daemon;
  const service = name?.startsWith(`${daemon_type}.`) ? name.slice(daemon_type.length + 1) : name;
  return withoutNulls({
    nodename: daemon.hostname ?? "",
    container_id: daemon.container_id,
    service,
    service_instance: daemon.daemon_id ?? "",
    service_type: daemon_type ?? "",
    version: daemon.version,
    status: classicStatus(daemon.status),
    status_desc: daemon.status_desc,
  });
}

/** The classic classes leave out what is not known. */
export function withoutNulls<T extends object>(fields: { [Key in keyof T]: T[Key] | null | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)) as T;
}

/** Nautilus knows -1 (error), 0 (stopped) and 1 (running); later releases added -2 (unknown) and 2 (starting). */
function classicStatus(status: number | null | undefined): -1 | 0 | 1 | undefined {
  if (status === -1 || status === 0 || status === 1) return status;
  return status === 2 ? 0 : undefined;
}

export function driveGroup(group: ClassicDriveGroupSpec): DriveGroupSpec {
  const spec: Record<string, unknown> = {};
  for (const kind of ["data_devices", "db_devices", "wal_devices", "journal_devices"] as const) {
    const selection = group[kind];
    if (selection !== null && selection !== undefined) spec[kind] = deviceSelection(selection);
  }
  for (const field of ["data_directories", "osds_per_device", "objectstore", "db_slots", "wal_slots"] as const) {
    const value = group[field];
    if (value !== null && value !== undefined) spec[field] = value;
  }
  if (group.encrypted === true) spec["encrypted"] = true;
  Object.assign(spec, hostClaims(group.host_pattern, group.osd_id_claims));
  return {
    service_type: "osd",
    service_name: "osd",
    placement: { host_pattern: group.host_pattern },
    spec,
  };
}

/** The seed interface names one host and its devices. */
export function seedDriveGroup({ format, node, drive_group, osd_id_claims }: OsdCreationSpec): DriveGroupSpec {
  const data_devices = { paths: drive_group?.devices ?? [] };
  const spec = { data_devices, objectstore: format ?? "bluestore", ...hostClaims(node ?? "*", osd_id_claims) };
  return {
    service_type: "osd",
    service_name: "osd",
    placement: { host_pattern: node ?? "*" },
    spec,
  };
}

/**
 * The classic classes say which device takes over which OSD's id; later releases which host has which ids to take over, and so
 * do some callers of the classic ones.
 */
function hostClaims(host: string, claims: { readonly [name: string]: unknown } | undefined): object {
  const ids = new Map<string, unknown[]>();
  for (const [name, value] of Object.entries(claims ?? {})) {
    const listed = Array.isArray(value);
    for (const id of listed ? (value as unknown[]) : [value]) {
      if (!Number.isSafeInteger(id) && !(typeof id === "string" && /^\d+$/.test(id))) {
        throw new ValidationError(`osd_id_claims.${name}: expected the id of an OSD, got ${JSON.stringify(id)}`);
      }
      const of = listed ? name : host;
      ids.set(of, [...(ids.get(of) ?? []), id]);
    }
  }
  return ids.size > 0 ? { osd_id_claims: Object.fromEntries(ids) } : {};
}

function deviceSelection(selection: ClassicDeviceSelection): DeviceSelection {
  return {
    ...(selection.paths != null && selection.paths.length > 0 ? { paths: selection.paths } : {}),
    ...(selection.id_model != null ? { model: selection.id_model } : {}),
    ...(selection.size != null ? { size: selection.size } : {}),
    ...(selection.rotates != null ? { rotational: selection.rotates } : {}),
    ...(selection.count != null ? { limit: selection.count } : {}),
  };
}

/** `name` is the service's id; what a classic module put into `extended` (nfs: pool, namespace) becomes the spec. */
export function statelessSpec(service_type: string, classic: StatelessServiceSpec): ServiceSpec {
  const label = classic.placement?.label;
  const spec = {
    service_type,
    service_id: classic.name,
    service_name: `${service_type}.${classic.name}`,
    // Mimic gives a range, of which later releases can keep the lower end.
    placement: { count: classic.count ?? Math.max(1, classic.min_size ?? 1), ...(label == null ? {} : { label }) },
    ...(Object.keys(classic.extended ?? {}).length > 0 ? { spec: { config: textValues(classic.extended ?? {}) } } : {}),
  };
  // The union by service_type cannot be narrowed by a type that is only known when it arrives.
  return spec as unknown as ServiceSpec;
}

/** Later releases removed nfs's pool and namespace from its spec; they travel as `config`, whose values are text. */
function textValues(extended: { readonly [key: string]: unknown }): Record<string, string> {
  return Object.fromEntries(
    Object.entries(extended).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}
