/** OSDs and their devices: what a drive group lacks, making it, and taking devices back. */
import {
  type DaemonDescription,
  type Device,
  type DriveGroupSpec,
  matchingHosts,
  NO_SCHEDULE,
  type OsdLayout,
  type OsdPreview,
  osdLayouts,
  osdsOn,
  placementOf,
  previewOf,
  serviceName,
} from "../../index.ts";
import type { Cluster, Host } from "./cluster.ts";
import { newOsd, setStatus } from "./daemon.ts";
import type { Step } from "./pace.ts";

/** The hosts that a drive group is for, drained and unreachable ones left out. */
export function osdHosts(cluster: Cluster, spec: DriveGroupSpec): Host[] {
  return matchingHosts(placementOf(spec), cluster.hosts.values())
    .map((hostname) => cluster.host(hostname))
    .filter(({ labels, status }) => status === "" && !labels.includes(NO_SCHEDULE));
}

/** The OSDs that a drive group lacks on a host. */
export function osdsWanted(cluster: Cluster, spec: DriveGroupSpec, host: Host): OsdLayout[] {
  const service = serviceName(spec);
  return osdLayouts(spec, host.devices, (id) => cluster.daemons.get(`osd.${id}`)?.service_name === service);
}

/** The steps to the OSDs that an applied drive group lacks, host by host. */
export function missingOsds(cluster: Cluster, spec: DriveGroupSpec): Step[] {
  if (spec.unmanaged === true) return [];
  return osdHosts(cluster, spec).flatMap((host) => {
    const wanted = osdsWanted(cluster, spec, host);
    if (wanted.length === 0) return [];
    return {
      text: `creating ${wanted.length} OSD(s) of ${serviceName(spec)} on ${host.hostname}`,
      run(): void {
        for (const layout of wanted) setStatus(makeOsd(cluster, spec, host, layout), "running");
      },
    };
  });
}

/** Makes an OSD, starting, of the devices it is laid out on; an id kept on that host for a replacement comes first. */
export function makeOsd(
  cluster: Cluster,
  spec: DriveGroupSpec,
  host: Host,
  layout: OsdLayout,
  id = nextOsdId(cluster, host.hostname),
): DaemonDescription {
  const daemon = newOsd(cluster, id, host.hostname, spec);
  cluster.destroyed.delete(id);
  cluster.daemons.set(`osd.${id}`, daemon);
  const uses = Object.entries({ block: layout.data, db: layout.block_db, wal: layout.block_wal });
  for (const [use, path] of uses) {
    if (path !== undefined) putVolume(cluster.device(host.hostname, path), use, id, spec);
  }
  return daemon;
}

function nextOsdId(cluster: Cluster, hostname: string): number {
  const [kept] = [...cluster.destroyed].filter(([, host]) => host === hostname).sort(([one], [other]) => one - other);
  if (kept !== undefined) return kept[0];
  let id = 0;
  while (cluster.daemons.has(`osd.${id}`) || cluster.destroyed.has(id)) id++;
  return id;
}

function putVolume(device: Device, use: string, osdId: number, spec: DriveGroupSpec): void {
  const volume = {
    name: `osd-${use}-${osdId}`,
    osd_id: String(osdId),
    ...(spec.service_id === undefined ? {} : { osdspec_affinity: spec.service_id }),
  };
  device.lvs = [...(device.lvs ?? []), volume];
  device.available = false;
  device.rejected_reasons = ["LVM detected", "locked"];
  device.ceph_device = true;
  device.ceph_device_lvm = true;
  device.being_replaced = false;
  if (spec.spec?.crush_device_class !== undefined) device.crush_device_class = spec.spec.crush_device_class;
}

/** Erases a device, so that it can be used again. What has nothing to do with its contents still speaks against it. */
export function zap(device: Device): void {
  const reasons = (device.rejected_reasons ?? []).filter((reason) =>
    /^insufficient space \(<|^removable|^read-?only/i.test(reason),
  );
  device.lvs = [];
  device.rejected_reasons = reasons;
  device.available = reasons.length === 0;
  device.ceph_device = false;
  device.ceph_device_lvm = false;
}

/** Takes an OSD's volumes off its host's devices and erases those that carry nothing else then. */
export function zapOsd(cluster: Cluster, osdId: number, hostname: string): void {
  for (const device of cluster.hosts.get(hostname)?.devices ?? []) {
    if (!osdsOn(device).includes(osdId)) continue;
    device.lvs = (device.lvs ?? []).filter(({ osd_id: id }) => Number(id) !== osdId);
    if (device.lvs.length === 0) zap(device);
  }
}

/** What a drive group would do, host by host, as `ceph orch apply osd --dry-run` shows it. */
export function osdPreview(cluster: Cluster, spec: DriveGroupSpec): { [hostname: string]: OsdPreview[] } {
  const rows = osdHosts(cluster, spec).map((host): [string, OsdPreview[]] => {
    const data = osdsWanted(cluster, spec, host).map(previewOf);
    const notes = data.length === 0 ? [`${host.hostname} has no free device that ${serviceName(spec)} asks for`] : [];
    return [host.hostname, [{ osdspec: spec.service_id ?? "osd", data, notes }]];
  });
  return Object.fromEntries(rows);
}
