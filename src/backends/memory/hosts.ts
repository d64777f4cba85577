/** Hosts: adding, removing, labelling, draining and resting them. */
import {
  type Backend,
  type DaemonDescription,
  type Device,
  type HostSpec,
  NO_CONF_KEYRING,
  NO_SCHEDULE,
  OrchestratorError,
  ValidationError,
} from "../../index.ts";
import { type Cluster, type Host, now } from "./cluster.ts";
import { daemonName, isRunning, setStatus } from "./daemon.ts";
import { queueRemoval, removalSteps, stopRemoval } from "./osd-removal.ts";
import type { Pace, Step } from "./pace.ts";
import { allSteps } from "./schedule.ts";

const EBUSY = 16;

/** Such a host gets no keyring of an administrator. */

export function hostReads(cluster: Cluster) {
  return {
    getHosts: () => [...cluster.hosts.values()].map(hostSpec),
    getFacts({ hostname }) {
      const hosts = hostname === null ? [...cluster.hosts.values()] : [cluster.host(hostname)];
      return hosts.map(facts);
    },
    hostOkToStop({ hostname }) {
      const reason = whyNotStop(cluster, cluster.host(hostname));
      if (reason !== undefined) throw new OrchestratorError(reason, { errno: EBUSY });
      return `It is presumed safe to stop host ${hostname}`;
    },
  } satisfies Backend;
}

export function hostWrites(cluster: Cluster, pace: Pace, fsid: string) {
  return {
    addHost({ host_spec: spec }, call) {
      if (!/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(spec.hostname)) {
        throw new ValidationError(
          `hostname ${JSON.stringify(spec.hostname)} is not a host name (letters, digits, dots and dashes)`,
        );
      }
      const host = cluster.putHost(spec);
      return pace.convergeIfNeeded(call, `Added host '${host.hostname}' with addr '${host.addr}'`, () =>
        allSteps(cluster),
      );
    },
    removeHost({ host: hostname, force, offline }, call) {
      const text = `Removed ${offline ? "offline" : ""} host '${hostname}'`;
      if (call.resumed && !cluster.hosts.has(hostname)) return text;
      checkHostRemoval(cluster, cluster.host(hostname), force, offline);
      for (const daemon of cluster.daemonsOn(hostname)) forget(cluster, daemon);
      for (const [id, host] of cluster.destroyed) if (host === hostname) cluster.destroyed.delete(id);
      cluster.hosts.delete(hostname);
      return pace.convergeIfNeeded(call, text, () => allSteps(cluster));
    },
    updateHostAddr({ host: hostname, addr }) {
      cluster.host(hostname).addr = addr;
      return `Updated host '${hostname}' addr to '${addr}'`;
    },
    addHostLabel({ host: hostname, label }, call) {
      addLabels(cluster.host(hostname), [label]);
      return pace.convergeIfNeeded(call, `Added label ${label} to host ${hostname}`, () => allSteps(cluster));
    },
    removeHostLabel({ host: hostname, label }, call) {
      const host = cluster.host(hostname);
      if (!host.labels.includes(label)) return `Host ${hostname} does not have label '${label}'`;
      removeLabels(host, [label]);
      return pace.convergeIfNeeded(call, `Removed label ${label} from host ${hostname}`, () => allSteps(cluster));
    },
    drainHost({ hostname, keep_conf_keyring: keepKeyring, zap_osd_devices: zap }, call) {
      const host = cluster.host(hostname);
      const daemons = cluster.daemonsOn(hostname);
      addLabels(host, keepKeyring ? [NO_SCHEDULE] : [NO_SCHEDULE, NO_CONF_KEYRING]);
      const osds = osdIds(daemons);
      for (const id of osds) queueRemoval(cluster, id, { zap });
      const text = `Scheduled to remove the following daemons from host '${hostname}'\n${table(daemons)}`;
      return pace.converge(call, text, () => [...allSteps(cluster), ...removalSteps(cluster, osds)]);
    },
    stopDrainHost({ hostname }, call) {
      const host = cluster.host(hostname);
      removeLabels(host, [NO_SCHEDULE, NO_CONF_KEYRING]);
      for (const id of osdIds(cluster.daemonsOn(hostname))) stopRemoval(cluster, id);
      return pace.convergeIfNeeded(call, `Stopped draining host '${hostname}'`, () => allSteps(cluster));
    },
    enterHostMaintenance({ hostname, force, yes_i_really_mean_it: really }, call) {
      const host = cluster.host(hostname);
      const reason = force || really ? undefined : whyNotStop(cluster, host);
      if (reason !== undefined)
        throw new OrchestratorError(`${reason}; --force does it all the same`, { errno: EBUSY });
      host.status = "maintenance";
      const text = `Daemons for Ceph cluster ${fsid} stopped on host ${hostname}. Host ${hostname} moved to maintenance mode`;
      return pace.converge(call, text, () => (host.status === "maintenance" ? restSteps(cluster, host) : []));
    },
    exitHostMaintenance({ hostname }, call) {
      const host = cluster.host(hostname);
      if (host.status !== "maintenance" && !call.resumed)
        throw new ValidationError(`host ${hostname} is not in maintenance mode`);
      host.status = "";
      const text = `Ceph cluster ${fsid} on ${hostname} has exited maintenance mode`;
      return pace.converge(call, text, () =>
        host.status === "" ? [...wakeSteps(cluster, host), ...allSteps(cluster)] : [],
      );
    },
    rescanHost({ hostname }) {
      const { devices } = cluster.host(hostname);
      for (const device of devices) device.created = now();
      return `Ok. 1 adapters detected: 1 rescanned, 0 skipped, 0 failed (0.00s)`;
    },
  } satisfies Backend;
}

function hostSpec({ hostname, addr, labels, status, location, oob }: Host): HostSpec {
  return {
    hostname,
    addr,
    labels: [...labels],
    status,
    ...(location === undefined ? {} : { location }),
    ...(oob === undefined ? {} : { oob }),
  };
}

function addLabels(host: Host, labels: readonly string[]): void {
  host.labels = [...new Set([...host.labels, ...labels])];
}

function removeLabels(host: Host, labels: readonly string[]): void {
  host.labels = host.labels.filter((label) => !labels.includes(label));
}

function osdIds(daemons: readonly DaemonDescription[]): number[] {
  return daemons.filter(({ daemon_type }) => daemon_type === "osd").map(({ daemon_id }) => Number(daemon_id));
}

function checkHostRemoval(cluster: Cluster, { hostname, status }: Host, force: boolean, offline: boolean): void {
  if (offline && !force) throw new ValidationError(`removing offline host ${hostname} needs --force`);
  if (offline && status !== "offline")
    throw new ValidationError(`host ${hostname} is not offline; remove it without --offline`);
  const daemons = cluster.daemonsOn(hostname);
  if (daemons.length === 0 || force) return;
  throw new ValidationError(
    `Not allowed to remove ${hostname} from cluster. The following daemons are running in the host:\n${table(daemons)}\n` +
      `Please run 'ceph orch host drain ${hostname}' to remove daemons from host`,
  );
}

function table(daemons: readonly DaemonDescription[]): string {
  const rows = [
    ["type", "id"],
    ["-".repeat(20), "-".repeat(15)],
    ...daemons.map(({ daemon_type, daemon_id }) => [daemon_type, daemon_id]),
  ];
  return rows.map(([type = "", id = ""]) => `${type.padEnd(20)} ${id.padEnd(15)}`).join("\n");
}

function forget(cluster: Cluster, daemon: DaemonDescription): void {
  cluster.daemons.delete(daemonName(daemon));
  if (daemon.daemon_type === "osd") cluster.removals.delete(Number(daemon.daemon_id));
}

/** A cluster needs most of its mons, and a mgr. */
function whyNotStop(cluster: Cluster, { hostname }: Host): string | undefined {
  const running = (type: string): DaemonDescription[] =>
    [...cluster.daemons.values()].filter((daemon) => daemon.daemon_type === type && isRunning(daemon));
  const elsewhere = (daemon: DaemonDescription): boolean => daemon.hostname !== hostname;
  const [mons, mgrs] = [running("mon"), running("mgr")];
  const left = { mons: mons.filter(elsewhere).length, mgrs: mgrs.filter(elsewhere).length };
  if (left.mons < mons.length && left.mons <= mons.length / 2) {
    return `it is not safe to stop host ${hostname}: only ${left.mons} of ${mons.length} mons would be left`;
  }
  if (left.mgrs < mgrs.length && left.mgrs === 0)
    return `it is not safe to stop host ${hostname}: no mgr would be left`;
  return undefined;
}

function restSteps(cluster: Cluster, host: Host): Step[] {
  return cluster
    .daemonsOn(host.hostname)
    .filter(isRunning)
    .map((daemon) => ({
      text: `stopping ${daemonName(daemon)}`,
      run() {
        host.resting.add(daemonName(daemon));
        setStatus(daemon, "stopped");
      },
    }));
}

function wakeSteps(cluster: Cluster, host: Host): Step[] {
  return [...host.resting].map((name) => ({
    text: `starting ${name}`,
    run() {
      host.resting.delete(name);
      const daemon = cluster.daemons.get(name);
      if (daemon !== undefined) setStatus(daemon, "running");
    },
  }));
}

function facts({ hostname, devices, addr }: Host) {
  const capacity = (kind: string): number[] =>
    devices.filter((device) => device.human_readable_type === kind).map(size);
  const [hdds, ssds] = [capacity("hdd"), capacity("ssd")];
  return {
    hostname,
    fqdn: hostname,
    addr,
    arch: "x86_64",
    kernel: "6.12.0",
    operating_system: "Memory OS",
    vendor: "orchbridge",
    model: "memory",
    cpu_model: "Imaginary",
    cpu_count: 1,
    cpu_cores: 8,
    cpu_threads: 16,
    memory_total_kb: 33_554_432,
    memory_free_kb: 16_777_216,
    hdd_count: hdds.length,
    hdd_capacity_bytes: hdds.reduce((sum, bytes) => sum + bytes, 0),
    flash_count: ssds.length,
    flash_capacity_bytes: ssds.reduce((sum, bytes) => sum + bytes, 0),
    nic_count: 1,
  };
}

function size(device: Device): number {
  return Number(device.sys_api?.["size"] ?? 0);
}
