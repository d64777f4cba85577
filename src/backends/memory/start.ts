/** The state that a cluster starts with: what the options list, and what they have made up. */
import {
  type DaemonDescription,
  type DriveGroupSpec,
  type ServiceSpec,
  serviceOf,
  serviceType,
  ValidationError,
} from "../../index.ts";
import { Cluster, type Host } from "./cluster.ts";
import { daemonName, newDaemon, newOsd, setStatus } from "./daemon.ts";
import { generatedHosts } from "./generate.ts";
import type { MemoryOptions } from "./options.ts";
import { makeOsd } from "./osds.ts";
import { Unrest } from "./pace.ts";
import { allSteps } from "./schedule.ts";
import { checkSpec, expand, putService } from "./services.ts";

/** Daemons of every generated host, before its OSDs. */
const EVERYWHERE: readonly ServiceSpec[] = [
  { service_type: "crash", service_name: "crash", placement: { host_pattern: "*" } },
  { service_type: "node-exporter", service_name: "node-exporter", placement: { host_pattern: "*" } },
];

/** Unmanaged, so that the devices that are left stay free. */
const GENERATED_OSDS: DriveGroupSpec = {
  service_type: "osd",
  service_id: "generated",
  service_name: "osd.generated",
  placement: { host_pattern: "*" },
  unmanaged: true,
  spec: { data_devices: { all: true } },
};

/** Throws ValidationError or NotFoundError where the options contradict themselves. */
export function startCluster(options: MemoryOptions, version: string): Cluster {
  const cluster = new Cluster(version, options.generate.devices_per_host);
  for (const host of options.hosts) cluster.putHost(host);
  for (const { name, addr, labels, devices } of options.inventory) {
    const host = cluster.putHost({
      hostname: name,
      ...(addr === undefined ? {} : { addr }),
      ...(labels === undefined ? {} : { labels }),
    });
    host.devices = structuredClone(devices);
  }
  const generated = generatedHosts(options.generate.hosts).map((spec) => cluster.putHost(spec));
  for (const daemon of options.daemons) putDaemon(cluster, daemon);
  generateDaemons(cluster, generated, options.generate.daemons_per_host);
  for (const spec of options.services.flatMap(expand)) {
    checkSpec(cluster, spec);
    putService(cluster, spec);
  }
  checkDetails(cluster);
  settle(cluster);
  return cluster;
}

function putDaemon(cluster: Cluster, given: DaemonDescription): void {
  if (given.hostname !== undefined) cluster.host(given.hostname);
  const daemon = {
    status: 1 as const,
    status_desc: "running",
    ...structuredClone(given),
    service_name: serviceOf(given),
    daemon_name: daemonName(given),
  };
  cluster.daemons.set(daemonName(daemon), daemon);
}

/** A service that only has daemons is described by its name, which does not do for every type. */
function checkDetails(cluster: Cluster): void {
  for (const [name, { service_name: service = "" }] of cluster.daemons) {
    if (cluster.services.has(service) || serviceType(service.split(".")[0] ?? "")?.detailed !== true) continue;
    throw new ValidationError(
      `daemon ${name} is of service ${service}, whose spec is needed, too: list it under services`,
    );
  }
}

function generateDaemons(cluster: Cluster, hosts: readonly Host[], perHost: number): void {
  const everywhere = EVERYWHERE.slice(0, perHost);
  const osds = perHost - everywhere.length;
  for (const spec of hosts.length === 0 ? [] : everywhere) {
    putService(cluster, spec);
    for (const { hostname } of hosts) add(cluster, newDaemon(cluster, spec, spec.service_type, hostname));
  }
  if (hosts.length > 0 && osds > 0) putService(cluster, GENERATED_OSDS);
  const first = firstFreeOsd(cluster);
  hosts.forEach((host, index) => {
    for (let nth = 0; nth < osds; nth++) add(cluster, generatedOsd(cluster, host, nth, first + index * osds + nth));
  });
}

/** Without a device where there are not enough. */
function generatedOsd(cluster: Cluster, host: Host, nth: number, id: number): DaemonDescription {
  const path = host.devices[nth]?.path;
  if (path === undefined) return newOsd(cluster, id, host.hostname, GENERATED_OSDS);
  return makeOsd(cluster, GENERATED_OSDS, host, { data: path }, id);
}

function firstFreeOsd(cluster: Cluster): number {
  const ids = [...cluster.daemons.values()].map(({ daemon_type, daemon_id }) =>
    daemon_type === "osd" ? Number(daemon_id) : -1,
  );
  return Math.max(-1, ...ids.filter(Number.isInteger)) + 1;
}

/** The state at the start is one that has come to rest. */
function settle(cluster: Cluster): void {
  const unrest = new Unrest();
  for (let steps = allSteps(cluster); steps.length > 0; ) {
    for (const step of steps) step.run();
    const left = allSteps(cluster);
    unrest.check(steps.length, left);
    steps = left;
  }
}

function add(cluster: Cluster, daemon: DaemonDescription): void {
  setStatus(daemon, "running");
  cluster.daemons.set(daemonName(daemon), daemon);
}
