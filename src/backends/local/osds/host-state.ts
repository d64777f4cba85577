/** The devices of the host, the OSDs on them and those being made, read together. */
import { createHash } from "node:crypto";
import { z } from "zod";

import type { AgentDescription, Daemon, HostDevice, HostOsd } from "../../../agent/client.ts";
import type { Device } from "../../../index.ts";
import type { Site } from "../site.ts";
import { MAKING, type Making, making } from "./making-record.ts";

export interface KnownDevice {
  readonly kind: HostDevice["kind"];
  readonly device: Device;
  /** How many bytes each part may have that can still be made of it. */
  readonly gaps: readonly number[];
  /** Why it cannot be divided without LVM; null where it can. */
  readonly indivisible: string | null;
}

export interface HostState {
  readonly host: AgentDescription;
  readonly devices: readonly KnownDevice[];
  /** All OSDs on the devices, those of other clusters too. */
  readonly osds: readonly HostOsd[];
  readonly daemons: ReadonlyMap<string, Daemon>;
  /** By the key of their record. */
  readonly making: ReadonlyMap<string, Making>;
}

/** The key prefix of the devices that are marked as being replaced. */
export const REPLACING = "replacing/";
export const replacing = z.strictObject({ path: z.string() });

const json = z.json();

/** What is used of the agent's device; the rest is left out. */
const deviceShape = z.object({
  path: z.string(),
  available: z.boolean().nullable().default(null),
  rejected_reasons: z.array(z.string()).default([]),
  sys_api: z.record(z.string(), json).default({}),
  lvs: z.array(z.record(z.string(), json)).nullable().default([]),
  device_id: z.string().nullable().default(null),
  lsm_data: z.record(z.string(), json).default({}),
  created: z.string().nullable().default(null),
  human_readable_type: z.enum(["hdd", "ssd", "unknown"]).default("unknown"),
  ceph_device: z.boolean().nullable().default(null),
  ceph_device_lvm: z.boolean().nullable().default(null),
  crush_device_class: z.string().nullable().default(null),
});

/** Asks the agent for all of it. `refresh` has it look at the devices again. */
export async function readHostState(site: Site, refresh = false): Promise<HostState> {
  const { loop_devices, file_devices } = site.options;
  const [host, found, osds, daemons, made, marked] = await Promise.all([
    site.describe(),
    site.agent.request("host/devices", { loop_devices, file_devices: file_devices ?? null, refresh }),
    site.agent.request("osd/list", {}),
    site.agent.request("daemon/list", {}),
    site.records.list(MAKING, making),
    site.records.list(REPLACING, replacing),
  ]);
  const named = new Map(daemons.map((daemon) => [daemon.name as string, daemon]));
  const paths = new Set([...marked.values()].map(({ path }) => path));
  const devices = found.map(({ device, ...rest }) => {
    const shape = deviceShape.parse(device);
    return { ...rest, device: { ...withOsds(shape, osds, named), being_replaced: paths.has(shape.path) } };
  });
  return { host, devices, osds, daemons: named, making: made };
}

/** The OSDs that have something on a device. */
export function osdsAt(osds: readonly HostOsd[], path: string): HostOsd[] {
  return osds.filter(({ devices }) => Object.values(devices).includes(path));
}

/** All paths of an OSD. */
export function pathsOfOsd({ devices }: HostOsd): string[] {
  return Object.values(devices).filter((path) => path !== undefined);
}

/** A device is not free while an OSD is on it, whatever ceph-volume says of it. */
function withOsds(
  device: z.output<typeof deviceShape>,
  osds: readonly HostOsd[],
  daemons: ReadonlyMap<string, Daemon>,
): Device {
  const users = osdsAt(osds, device.path);
  if (users.length === 0) return device;
  const told = (device.lvs ?? []).filter(({ osd_id: id }) => id !== undefined && id !== null);
  const missing = users.filter(({ osd_id: id }) => !told.some((volume) => Number(volume["osd_id"]) === id));
  const volumes = missing.map((osd) => ({
    name: `osd-${useOf(osd, device.path)}-${osd.osd_uuid}`,
    osd_id: String(osd.osd_id),
    osd_fsid: osd.osd_uuid,
    cluster_fsid: osd.fsid ?? "",
    type: useOf(osd, device.path),
    osdspec_affinity: daemons.get(`osd.${osd.osd_id}`)?.labels["osdspec_affinity"] ?? "",
  }));
  return {
    ...device,
    available: false,
    rejected_reasons: device.rejected_reasons.length === 0 ? ["Has an OSD"] : device.rejected_reasons,
    lvs: [...(device.lvs ?? []), ...volumes],
    ceph_device: true,
    ceph_device_lvm: device.ceph_device_lvm ?? true,
  };
}

function useOf({ devices }: HostOsd, path: string): string {
  return Object.entries(devices).find(([, used]) => used === path)?.[0] ?? "block";
}

/** A short name of a path, for the key of a record. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
