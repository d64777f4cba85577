/** How a daemon is named, described and changes its state. */
import { isIP } from "node:net";
import { type AnySpec, type DaemonDescription, placedHost, serviceName, serviceType } from "../../index.ts";
import { type Cluster, event, now } from "./cluster.ts";
import { hex, letters, number } from "./digest.ts";

const CEPH_IMAGE = "quay.io/ceph/ceph";

/** Daemons that are not Ceph's own: an upgrade of Ceph leaves them alone. */
const OTHER_IMAGES = new Map<string, readonly [image: string, version: string]>([
  ["prometheus", ["prometheus/prometheus", "2.51.0"]],
  ["alertmanager", ["prometheus/alertmanager", "0.27.0"]],
  ["node-exporter", ["prometheus/node-exporter", "1.7.0"]],
  ["grafana", ["ceph/grafana", "10.4.0"]],
  ["loki", ["grafana/loki", "3.0.0"]],
  ["promtail", ["grafana/promtail", "3.0.0"]],
  ["haproxy", ["ceph/haproxy", "2.3"]],
  ["keepalived", ["ceph/keepalived", "2.2.4"]],
  ["snmp-gateway", ["maxwo/snmp-notifier", "1.2.1"]],
  ["elasticsearch", ["elastic/elasticsearch", "6.8.23"]],
  ["jaeger-agent", ["jaegertracing/jaeger-agent", "1.29"]],
  ["jaeger-collector", ["jaegertracing/jaeger-collector", "1.29"]],
  ["jaeger-query", ["jaegertracing/jaeger-query", "1.29"]],
  ["nvmeof", ["ceph/nvmeof", "1.5"]],
  ["smb", ["samba/samba-server", "4.21"]],
  ["mgmt-gateway", ["ceph/nginx", "1.26.1"]],
  ["oauth2-proxy", ["oauth2-proxy/oauth2-proxy", "7.6.0"]],
]);

const STATES = { error: -1, stopped: 0, running: 1, starting: 2 } as const;

const MIB = 1024 * 1024;

const EVENTS_KEPT = 5;

export function isCephDaemon(daemon: DaemonDescription): boolean {
  return !OTHER_IMAGES.has(daemon.daemon_type) && daemon.daemon_type !== "container";
}

export function cephImage(version: string): string {
  return `${CEPH_IMAGE}:v${version}`;
}

export function daemonName(daemon: DaemonDescription): string {
  return `${daemon.daemon_type}.${daemon.daemon_id}`;
}

/** A daemon of a service, starting on a host; the caller adds it to the cluster. */
export function newDaemon(cluster: Cluster, spec: AnySpec, daemonType: string, hostname: string): DaemonDescription {
  const service = serviceName(spec);
  const present = cluster.daemonsOf(service);
  const traits = serviceType(spec.service_type);
  const rank = traits?.ranked === true ? freeRank(present) : undefined;
  const onHost = present.filter((daemon) => daemon.hostname === hostname && daemon.daemon_type === daemonType);
  const ports = daemonType === "keepalived" ? [] : (traits?.ports(spec) ?? []).map((port) => port + onHost.length);
  const ip = daemonIp(cluster, spec, hostname);
  return {
    ...described(cluster, daemonType, freeId(cluster, spec, daemonType, hostname, rank), hostname),
    service_name: service,
    is_active: daemonType === "mgr" && present.length === 0,
    ...(ports.length === 0 ? {} : { ports }),
    ...(ip === undefined ? {} : { ip }),
    ...(rank === undefined ? {} : { rank, rank_generation: 0 }),
    ...imageOf(cluster, spec, daemonType),
  };
}

/** An OSD, starting on a host; the caller adds it to the cluster. */
export function newOsd(cluster: Cluster, id: number, hostname: string, spec: AnySpec): DaemonDescription {
  return {
    ...described(cluster, "osd", String(id), hostname),
    service_name: serviceName(spec),
    ...(spec.service_id === undefined ? {} : { osdspec_affinity: spec.service_id }),
    ...imageOf(cluster, spec, "osd"),
  };
}

function described(cluster: Cluster, daemonType: string, id: string, hostname: string): DaemonDescription {
  const name = `${daemonType}.${id}`;
  const time = now();
  return {
    daemon_type: daemonType,
    daemon_id: id,
    daemon_name: name,
    hostname,
    status: STATES.starting,
    status_desc: "starting",
    is_active: false,
    container_id: hex(`container ${name}`, 12),
    memory_usage: (24 + number(name, 400)) * MIB,
    ...(daemonType === "osd" ? { memory_request: 4096 * MIB } : {}),
    systemd_unit: `ceph-${name}.service`,
    created: time,
    started: time,
    last_deployed: time,
    last_configured: time,
    last_refresh: time,
    events: [event(`daemon:${name}`, `Deployed ${name} on host '${hostname}'`)],
    ...imageOf(cluster, undefined, daemonType),
  };
}

function imageOf(
  cluster: Cluster,
  spec: AnySpec | undefined,
  daemonType: string,
): { container_image_name: string; container_image_id: string; version: string } {
  const own = spec?.spec?.["image"];
  if (typeof own === "string") return { ...imageNames(own), version: "" };
  const [image, version] = OTHER_IMAGES.get(daemonType) ?? [CEPH_IMAGE, cluster.version];
  return { ...imageNames(`${image}:v${version}`), version };
}

export function imageNames(image: string): { container_image_name: string; container_image_id: string } {
  return { container_image_name: image, container_image_id: hex(`image ${image}`, 64) };
}

function freeId(
  cluster: Cluster,
  spec: AnySpec,
  daemonType: string,
  hostname: string,
  rank: number | undefined,
): string {
  const chosen = spec.placement?.hosts?.map(placedHost).find((host) => host.hostname === hostname)?.name ?? "";
  const taken = (id: string): boolean => cluster.daemons.has(`${daemonType}.${id}`);
  const traits = serviceType(spec.service_type);
  const usual = [
    ...(traits?.named === true && spec.service_id !== undefined ? [spec.service_id] : []),
    ...(rank === undefined ? [] : [`${rank}.0`]),
    hostname.split(".")[0] ?? hostname,
  ].join(".");
  const stem = chosen === "" ? usual : chosen;
  // Hosts of two domains may begin alike, and two services may choose one name: letters tell their daemons apart.
  if ((chosen !== "" || traits?.lettered !== true) && !taken(stem)) return stem;
  for (let attempt = 0; ; attempt++) {
    const id = `${stem}.${letters(`${daemonType}.${stem} ${attempt}`)}`;
    if (!taken(id)) return id;
  }
}

function freeRank(present: readonly DaemonDescription[]): number {
  const taken = new Set(present.map(({ rank }) => rank));
  let rank = 0;
  while (taken.has(rank)) rank++;
  return rank;
}

/** Where the placement or the spec names a network, the daemon listens on one address, else on all. */
function daemonIp(cluster: Cluster, spec: AnySpec, hostname: string): string | undefined {
  const network = spec.placement?.hosts?.map(placedHost).find((host) => host.hostname === hostname)?.network ?? "";
  if (isIP(network) !== 0) return network;
  const { addr } = cluster.host(hostname);
  return isIP(addr) !== 0 && (network !== "" || (spec.networks?.length ?? 0) > 0) ? addr : undefined;
}

/** Changes what a daemon is doing, and notes when. */
export function setStatus(daemon: DaemonDescription, state: keyof typeof STATES): void {
  daemon.status = STATES[state];
  daemon.status_desc = state;
  daemon.last_refresh = now();
  if (state === "running") daemon.started = daemon.last_refresh;
}

/** Adds to what happened to a daemon; only the last few things are kept. */
export function note(daemon: DaemonDescription, message: string): void {
  daemon.events = [...(daemon.events ?? []), event(`daemon:${daemonName(daemon)}`, message)].slice(-EVENTS_KEPT);
}

export function isRunning(daemon: DaemonDescription): boolean {
  return daemon.status === STATES.running;
}

export function isStarting(daemon: DaemonDescription): boolean {
  return daemon.status === STATES.starting;
}
