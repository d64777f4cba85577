/** One device of the host in Ceph's words, from what the kernel, ceph-volume and the labels say of it. */
import { type Device, type Json, ValidationError } from "../../index.ts";
import type { HostDevice, HostOsd } from "../protocol.ts";
import { type BlockDevice, type Uses, useOf, withChildren } from "./block-devices.ts";
import type { FileDevice } from "./file-devices.ts";
import type { Inventory, InventoryDevice } from "./inventory.ts";
import { devicesOf, type Labelled, storesOf } from "./osds.ts";
import { gapsBetween, indivisible, partitionExtents } from "./parts.ts";

/** All that is known of the host's devices at one time. */
export interface Findings {
  readonly uses: Uses;
  readonly inventory: Inventory;
  readonly osds: readonly HostOsd[];
  readonly labels: readonly Labelled[];
  /** By path what the agent itself found on a device that is not in use. */
  readonly probed: ReadonlyMap<string, readonly string[]>;
  /** The host's own cluster. */
  readonly fsid: string | null;
}

const GIB = 1024 ** 3;
/** ceph-volume's own limit. */
const LEAST_DISK = 5 * GIB;
const LEAST_FILE = GIB;
/** What LVM takes for itself, generously. */
const LVM_OWN = 8 * 1024 ** 2;

/** A disk or loop device. */
export function blockDevice(device: BlockDevice, findings: Findings): HostDevice {
  const said = usable(device, findings.inventory.devices.get(device.path));
  const reasons = reasonsAgainst(device, said, findings);
  const paths = withChildren(device).map(({ path }) => path);
  const {
    ceph_device_lvm: lvm,
    ceph_device: ceph,
    crush_device_class: deviceClass,
    being_replaced: replaced,
  } = said ?? {};
  const volumes = [...ownVolumes(said, findings.fsid), ...volumesOn(paths, findings.osds, said)];
  const result: Device = {
    path: device.path,
    available: reasons.length === 0,
    rejected_reasons: reasons,
    sys_api: sysApi(device, said),
    lvs: volumes,
    device_id: said?.device_id ? said.device_id : deviceId(device),
    lsm_data: said?.lsm_data ?? {},
    human_readable_type: device.rota ? "hdd" : "ssd",
    ...(typeof lvm === "boolean" ? { ceph_device_lvm: lvm } : { ceph_device: ceph === true || volumes.length > 0 }),
    ...(deviceClass === undefined ? {} : { crush_device_class: deviceClass }),
    ...(typeof replaced === "boolean" ? { being_replaced: replaced } : {}),
  };
  return {
    device: asJson(result),
    kind: device.type === "loop" ? "loop" : "disk",
    gaps: result.available === true ? gapsBetween(device.size, []) : gapsOn(device, findings),
    indivisible: indivisible(device),
  };
}

/** What is left of a device on which there is nothing but parts of this cluster's OSDs. */
function gapsOn(device: BlockDevice, { labels, osds }: Findings): number[] {
  const { children = [], size } = device;
  const isOurs = (path: string): boolean => {
    const label = labels.find((one) => one.path === path)?.label;
    return label !== undefined && osds.some(({ osd_uuid: uuid }) => uuid === label.osdUuid);
  };
  if (children.length === 0) return [];
  if (children.every(({ type, path }) => type === "part" && isOurs(path)))
    return gapsBetween(size, partitionExtents(device));
  // Volumes need not lie together. Not tried on a host with a device mapper yet.
  if (children.every(({ type, name }) => type === "lvm" && name.startsWith("ceph--")))
    return [Math.max(0, size - LVM_OWN - children.reduce((sum, volume) => sum + volume.size, 0))];
  return [];
}

/** Nautilus' ceph-volume takes no loop device whatever is on it; ceph-osd does. */
function usable(device: BlockDevice, said: InventoryDevice | undefined): InventoryDevice | undefined {
  const refused = said?.rejected_reasons.some((reason) => reason.startsWith("Device type is not acceptable"));
  return device.type === "loop" && refused === true ? undefined : said;
}

/** Every reason for which no OSD can be made on it, the kernel's before ceph-volume's. */
function reasonsAgainst(device: BlockDevice, said: InventoryDevice | undefined, findings: Findings): string[] {
  const { path, size, ro, rm, children = [] } = device;
  const use = useOf(device, findings.uses);
  const reasons = [
    ...(use === undefined ? [] : [use]),
    ...(ro ? ["read-only"] : []),
    ...(rm ? ["removable"] : []),
    ...(size < LEAST_DISK ? ["Insufficient space (<5GB)"] : []),
    ...(children.some(({ type }) => type === "part") ? ["Has partitions"] : []),
    ...(children.some(({ type }) => type === "lvm") ? ["LVM detected"] : []),
    ...labelReasons(
      findings.labels.filter((label) => withChildren(device).some((part) => part.path === label.path)),
      findings.fsid,
    ),
    ...(said?.available === false ? said.rejected_reasons : (findings.probed.get(path) ?? [])),
  ];
  if (said?.available === false && reasons.length === 0) reasons.push("ceph-volume says that it is not available");
  return [...new Set(reasons)];
}

function labelReasons(labels: readonly Labelled[], fsid: string | null): string[] {
  return labels.flatMap(({ label }) => {
    const { clusterFsid, osdId, osdUuid, complete, use } = label;
    if (use !== "block") return [`Has the ${use} of the OSD ${osdUuid}`];
    if (!complete) return [`Has an OSD whose making was interrupted (${osdUuid})`];
    return clusterFsid === fsid
      ? ["Has BlueStore device label"]
      : [`Has osd.${osdId} of another cluster (${clusterFsid})`];
  });
}

/** What the kernel says wins; the rest is ceph-volume's. */
function sysApi(device: BlockDevice, said: InventoryDevice | undefined): Record<string, Json> {
  const { path, name, size, rota, ro, rm, model, vendor, serial, rev, type, tran } = device;
  return {
    ...whole(said?.sys_api ?? {}),
    path,
    devname: name,
    type,
    size,
    human_readable_size: `${(size / GIB).toFixed(2)} GB`,
    rotational: rota ? "1" : "0",
    ro: ro ? "1" : "0",
    removable: rm ? "1" : "0",
    ...named({ model, vendor, serial, rev, transport: tran }),
  };
}

function named(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}

/** Sizes are floats since 18, and a JSON number of ours shall be a whole one. */
function whole(values: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, typeof value === "number" ? Math.round(value) : value]),
  );
}

/** Vendor, model and serial number, as in `ceph device ls`; a number of a bus is no name. */
function deviceId({ vendor, model, serial }: BlockDevice): string {
  if (model === "" || serial === "") return "";
  const words = [
    ...(vendor === "" || vendor.startsWith("0x") || model.startsWith(vendor) ? [] : [vendor]),
    model,
    serial,
  ];
  return words.join("_").replaceAll(/\s+/g, "_");
}

/** ceph-volume's logical volumes; of another cluster's OSD without the number, which is not one of ours. */
function ownVolumes(said: InventoryDevice | undefined, fsid: string | null): Record<string, Json>[] {
  return (said?.lvs ?? []).map(({ osd_id: id, ...volume }) => {
    const foreign = fsid !== null && typeof volume["cluster_fsid"] === "string" && volume["cluster_fsid"] !== fsid;
    return id === undefined || foreign ? volume : { ...volume, osd_id: id };
  });
}

/** The OSDs on some paths in the shape of logical volumes, but for those that ceph-volume tells of. */
function volumesOn(paths: readonly string[], osds: readonly HostOsd[], said?: InventoryDevice): Record<string, Json>[] {
  const told = new Set((said?.lvs ?? []).map(({ osd_fsid: uuid }) => uuid));
  return osds
    .filter((osd) => !told.has(osd.osd_uuid))
    .flatMap((osd) =>
      devicesOf(osd)
        .filter(({ path }) => paths.includes(path))
        .map(({ use, path }) => ({
          name: storesOf(osd)[use] ?? path,
          type: use,
          osd_id: String(osd.osd_id),
          osd_fsid: osd.osd_uuid,
          cluster_fsid: osd.fsid,
        })),
    );
}

/** A file device. `rotational`: of the disk that its file system is on. */
export function fileDevice(
  file: FileDevice,
  rotational: boolean,
  unheld: string | undefined,
  findings: Findings,
): HostDevice {
  const { path, size, parts } = file;
  const volumes = volumesOn([path], findings.osds);
  const reasons = [
    ...(size < LEAST_FILE ? ["Insufficient space (<1GB)"] : []),
    ...labelReasons(
      findings.labels.filter((label) => label.path === path || label.device === path),
      findings.fsid,
    ),
    ...(unheld === undefined ? [] : [unheld]),
  ];
  const name = path.slice(path.lastIndexOf("/") + 1);
  const result: Device = {
    path,
    available: reasons.length === 0,
    rejected_reasons: reasons,
    sys_api: {
      path,
      devname: name,
      type: "file",
      size,
      human_readable_size: `${(size / GIB).toFixed(2)} GB`,
      rotational: rotational ? "1" : "0",
      ro: "0",
      removable: "0",
      model: "file",
      vendor: "",
    },
    lvs: volumes,
    device_id: "",
    lsm_data: {},
    human_readable_type: rotational ? "hdd" : "ssd",
    ceph_device: volumes.length > 0,
  };
  const taken = parts.reduce((sum, part) => sum + part.size, 0);
  const ours = parts.every(({ uuid }) => findings.osds.some((osd) => osd.osd_uuid === uuid));
  return {
    device: asJson(result),
    kind: "file",
    gaps: result.available === true || (parts.length > 0 && ours) ? [Math.max(0, size - taken)] : [],
    indivisible: null,
  };
}

/** A Device is JSON by its schema, which its type does not say. */
function asJson(device: Device): Record<string, Json> {
  const values = Object.entries(device).filter(([, value]) => value !== undefined);
  return Object.fromEntries(values) as Record<string, Json>;
}

/** The device of that path; throws when the host has none. */
export function deviceAt(path: string, devices: readonly BlockDevice[]): BlockDevice {
  const found = devices.flatMap(withChildren).find((device) => device.path === path);
  if (found === undefined) throw new ValidationError(`${path} is not a block device of this host`);
  return found;
}
