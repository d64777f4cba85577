/** OSDs and devices: the inventory, creating, replacing and removing OSDs, erasing and lighting devices. */
import {
  type Backend,
  checkDriveGroup,
  checkPlacement,
  type Device,
  type DriveGroupSpec,
  NotFoundError,
  osdsOn,
  pathsOf,
  serviceName,
  ValidationError,
  type WriteCall,
} from "../../index.ts";
import { type Cluster, type Host, now } from "./cluster.ts";
import { daemonName } from "./daemon.ts";
import { startSteps } from "./daemons.ts";
import { osdIdsOf, queueRemoval, removalRows, removalSteps, stopRemoval } from "./osd-removal.ts";
import { makeOsd, osdHosts, osdsWanted, zap, zapOsd } from "./osds.ts";
import type { Pace } from "./pace.ts";

export function osdReads(cluster: Cluster) {
  return {
    getInventory({ refresh }) {
      if (refresh) for (const device of allDevices(cluster)) device.created = now();
      return cluster.inventory();
    },
    removeOsdsStatus: () => removalRows(cluster),
  } satisfies Backend;
}

export function osdWrites(cluster: Cluster, pace: Pace) {
  return {
    createOsds({ drive_group: spec, skip_validation: skip }, call) {
      const hosts = checkedHosts(cluster, spec);
      if (!skip) for (const host of hosts) checkPaths(cluster, spec, host);
      return create(cluster, pace, call, spec, hosts);
    },
    replaceOsds({ drive_group: spec }, call) {
      const hosts = checkedHosts(cluster, spec);
      for (const host of hosts) destroyClaimed(cluster, spec, host);
      const names = hosts.map(({ hostname }) => hostname);
      if (!call.resumed && ![...cluster.destroyed.values()].some((hostname) => names.includes(hostname))) {
        throw new ValidationError(
          `no OSD on ${names.join(", ")} waits to be replaced; name some in osd_id_claims, or remove them with --replace first`,
        );
      }
      return create(cluster, pace, call, spec, hosts);
    },
    removeOsds({ osd_ids: texts, replace, force, zap: erase, no_destroy }, call) {
      // After a restart those that are gone are done.
      const ids = osdIdsOf(cluster, call.resumed ? texts.filter((text) => cluster.daemons.has(`osd.${text}`)) : texts);
      for (const id of ids) queueRemoval(cluster, id, { replace, force, zap: erase, no_destroy });
      return pace.converge(call, "Scheduled OSD(s) for removal.", () => removalSteps(cluster, ids));
    },
    stopRemoveOsds({ osd_ids: texts }, call) {
      const missing = texts.filter((text) => !cluster.removals.has(Number(text)));
      if (missing.length > 0 && !call.resumed)
        throw new NotFoundError(
          `OSD ${missing.join(", ")} is not being removed; 'ceph orch osd rm status' lists the removals`,
        );
      for (const text of texts) stopRemoval(cluster, Number(text));
      return "Stopped OSD(s) removal";
    },
    setOsdSpec({ service_name: name, osd_ids: texts }) {
      const { spec } = cluster.service(name);
      if (spec.service_type !== "osd") throw new ValidationError(`service ${name} is not of OSDs`);
      const ids = osdIdsOf(cluster, texts);
      for (const id of ids) {
        Object.assign(cluster.daemon(`osd.${id}`), { service_name: name, osdspec_affinity: spec.service_id ?? "" });
      }
      return `Updated service for osd ${ids.join(",")}`;
    },
    zapDevice({ host: hostname, path }) {
      const device = cluster.device(hostname, path);
      const users = osdsOn(device).filter((id) => cluster.daemons.has(`osd.${id}`));
      if (users.length > 0) {
        const names = users.map((id) => `osd.${id}`).join(", ");
        throw new ValidationError(
          `device ${path} on host ${hostname} is in use by ${names}; remove that with 'ceph orch osd rm' first`,
        );
      }
      zap(device);
      return `zap successful for ${path} on ${hostname}`;
    },
    replaceDevice({ hostname, device: path, clear, yes_i_really_mean_it: really }, call) {
      const device = cluster.device(hostname, path.startsWith("/") ? path : `/dev/${path}`);
      if (clear) {
        device.being_replaced = false;
        return `Device ${device.path} on host ${hostname} is no longer marked as being replaced`;
      }
      if (!really)
        throw new ValidationError(
          `replacing ${device.path} on host ${hostname} destroys its OSDs; --yes-i-really-mean-it does it`,
        );
      device.being_replaced = true;
      const ids = osdsOn(device).filter((id) => cluster.daemons.has(`osd.${id}`));
      for (const id of ids) queueRemoval(cluster, id, { replace: true, zap: true });
      const text = `Scheduled to destroy osds: ${ids.join(", ")} and mark ${device.path} as being replaced.`;
      return pace.converge(call, text, () => removalSteps(cluster, ids));
    },
    blinkDeviceLight({ ident_fault: light, on, locations }) {
      const devices = locations.map(({ host, path, dev }) => lightable(cluster.host(host), path, dev));
      return devices.map((device, index) => {
        setLight(device, light === "ident" ? "IDENTstatus" : "FAILstatus", on);
        return `Set ${light} light for ${locations[index]?.host ?? ""}:${device.path} ${on ? "on" : "off"}`;
      });
    },
  } satisfies Backend;
}

function allDevices(cluster: Cluster): Device[] {
  return [...cluster.hosts.values()].flatMap(({ devices }) => devices);
}

function checkedHosts(cluster: Cluster, spec: DriveGroupSpec): Host[] {
  checkDriveGroup(spec);
  const pattern = spec.placement?.host_pattern;
  // `ceph orch daemon add osd HOST:DEVICE` passes its host on as a pattern.
  if (typeof pattern === "string" && /^[A-Za-z0-9.-]+$/.test(pattern)) cluster.host(pattern);
  checkPlacement(spec, cluster.hosts.values());
  return osdHosts(cluster, spec);
}

/** Paths that are asked for by name have to be there, and free or in use by an OSD already. */
function checkPaths(cluster: Cluster, spec: DriveGroupSpec, host: Host): void {
  const { data_devices: data, db_devices: db, wal_devices: wal } = spec.spec ?? {};
  for (const path of [data, db, wal].flatMap(pathsOf)) {
    const device = cluster.device(host.hostname, path);
    const used = osdsOn(device).some((id) => cluster.daemons.has(`osd.${id}`));
    if (device.available === true || used) continue;
    const reasons = device.rejected_reasons?.join(", ") ?? "";
    throw new ValidationError(
      `device ${path} on host ${host.hostname} is not available: ${reasons === "" ? "in use" : reasons}`,
    );
  }
}

function create(cluster: Cluster, pace: Pace, call: WriteCall, spec: DriveGroupSpec, hosts: readonly Host[]) {
  const made = hosts.map((host) => ({
    host,
    osds: osdsWanted(cluster, spec, host).map((layout) => makeOsd(cluster, spec, host, layout)),
  }));
  const texts = made.map(({ host: { hostname }, osds }) =>
    osds.length === 0
      ? `Created no osd(s) on host ${hostname}; already created?`
      : `Created osd(s) ${osds.map(({ daemon_id }) => daemon_id).join(",")} on host '${hostname}'`,
  );
  // Those of an earlier run, too: it may have ended before it started them.
  const names = hosts.flatMap(({ hostname }) =>
    cluster.daemonsOf(serviceName(spec)).flatMap((osd) => (osd.hostname === hostname ? daemonName(osd) : [])),
  );
  return pace.converge(call, texts.join("\n"), () => startSteps(cluster, names));
}

/** OSDs that a drive group claims make room at once: their devices are erased, their ids kept. */
function destroyClaimed(cluster: Cluster, spec: DriveGroupSpec, { hostname }: Host): void {
  const claims = new Map(Object.entries(spec.spec?.osd_id_claims ?? {}));
  for (const text of claims.get(hostname) ?? []) {
    const id = Number(text);
    if (cluster.destroyed.get(id) === hostname) continue;
    if (cluster.daemons.get(`osd.${text}`)?.hostname !== hostname)
      throw new NotFoundError(`host ${hostname} has no OSD ${text} to replace`);
    cluster.daemons.delete(`osd.${id}`);
    cluster.removals.delete(id);
    cluster.destroyed.set(id, hostname);
    zapOsd(cluster, id, hostname);
  }
}

/** Ceph names a device by its kernel name (`sdb`), and by a path that may be another than ours, or empty. */
function lightable(host: Host, path: string, name: string): Device {
  const paths = [path, name, `/dev/${name}`];
  const device = host.devices.find((candidate) => paths.includes(candidate.path) || candidate.device_id === name);
  if (device === undefined)
    throw new NotFoundError(
      `host ${host.hostname} has no device ${path === "" ? name : path}; 'ceph orch device ls ${host.hostname}' lists its devices`,
    );
  return device;
}

/** In the words of libstoragemgmt, which `ceph orch device ls --wide` shows. */
function setLight(device: Device, led: "IDENTstatus" | "FAILstatus", on: boolean): void {
  const known = device.lsm_data?.["ledSupport"];
  const leds = typeof known === "object" && known !== null && !Array.isArray(known) ? known : {};
  const all = { IDENTsupport: "Supported", IDENTstatus: "Off", FAILsupport: "Supported", FAILstatus: "Off" };
  device.lsm_data = { ...device.lsm_data, ledSupport: { ...all, ...leds, [led]: on ? "On" : "Off" } };
}
