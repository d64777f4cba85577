/** What each service type means for scheduling: its daemons, where they go by default, their names and ports. */
import type { DaemonDescription, PlacementSpec } from "./generated/types.ts";

/** The part of any service spec that scheduling looks at, whatever its class. */
export interface AnySpec {
  readonly service_type: string;
  readonly service_id?: string;
  readonly service_name?: string;
  readonly placement?: PlacementSpec;
  readonly unmanaged?: boolean;
  readonly networks?: readonly string[];
  readonly spec?: { readonly [field: string]: unknown };
}

export interface ServiceType {
  /** The daemon types of one instance. */
  readonly daemons: readonly string[];
  /** Where the daemons go when the spec does not say. */
  readonly placement: PlacementSpec;
  /** True where a name such as `fs1` is part of the service's name. */
  readonly named: boolean;
  /** True where a daemon's name ends in letters, so that another one of the service can be on its host. */
  readonly lettered: boolean;
  /** True where several daemons of the service may be on one host. */
  readonly colocated: boolean;
  /** True where nothing can be said of the service without fields of its own, such as the pool of iscsi. */
  readonly detailed: boolean;
  /** True where each daemon has a rank. */
  readonly ranked: boolean;
  ports(spec: AnySpec): readonly number[];
}

const EVERYWHERE: PlacementSpec = { host_pattern: "*" };

function type(name: string, traits: Partial<ServiceType> = {}): [string, ServiceType] {
  const plain: ServiceType = {
    daemons: [name],
    placement: { count: 1 },
    named: false,
    lettered: false,
    colocated: false,
    detailed: false,
    ranked: false,
    ports: () => [],
  };
  return [name, { ...plain, ...traits }];
}

/** A port that the spec may choose, and fixed ones beside it. */
function port(field: string, usual: number, ...beside: number[]): (spec: AnySpec) => number[] {
  return (spec) => [portIn(spec, field) ?? usual, ...beside];
}

function portIn(spec: AnySpec, field: string): number | undefined {
  const value = spec.spec?.[field];
  return typeof value === "number" ? value : undefined;
}

function portsIn(spec: AnySpec, ...fields: string[]): number[] {
  return fields.flatMap((field) => portIn(spec, field) ?? []);
}

function rgwPorts(spec: AnySpec): number[] {
  return [portIn(spec, "rgw_frontend_port") ?? (spec.spec?.["ssl"] === true ? 443 : 80)];
}

function containerPorts(spec: AnySpec): number[] {
  const ports = spec.spec?.["ports"];
  return Array.isArray(ports) ? ports.filter((value) => typeof value === "number") : [];
}

function gatewayPorts(spec: AnySpec): number[] {
  return [portIn(spec, "port") ?? (spec.spec?.["ssl"] === false ? 80 : 443)];
}

const TYPES = new Map<string, ServiceType>([
  type("mon", { placement: { count: 5 } }),
  type("mgr", { placement: { count: 2 }, lettered: true }),
  type("osd", { placement: EVERYWHERE, named: true }),
  type("mds", { placement: { count: 2 }, named: true, lettered: true, colocated: true }),
  type("rgw", { placement: { count: 2 }, named: true, lettered: true, colocated: true, ports: rgwPorts }),
  type("nfs", { named: true, lettered: true, ranked: true, ports: port("port", 2049) }),
  type("ingress", {
    detailed: true,
    daemons: ["haproxy", "keepalived"],
    placement: { count: 2 },
    named: true,
    lettered: true,
    ports: (spec) => portsIn(spec, "frontend_port", "monitor_port"),
  }),
  type("iscsi", { detailed: true, named: true, lettered: true, ports: port("api_port", 5000) }),
  type("nvmeof", { detailed: true, named: true, lettered: true, ports: port("port", 5500, 4420, 8009) }),
  type("smb", { detailed: true, named: true, lettered: true, ranked: true, ports: () => [445, 9922] }),
  type("container", { detailed: true, named: true, ports: containerPorts }),
  type("rbd-mirror", { placement: { count: 2 }, lettered: true }),
  type("cephfs-mirror", { lettered: true }),
  type("crash", { placement: EVERYWHERE }),
  type("agent", { placement: EVERYWHERE }),
  type("node-proxy", { placement: EVERYWHERE }),
  type("cephadm-exporter", { placement: EVERYWHERE, ports: () => [9443] }),
  type("ceph-exporter", { placement: EVERYWHERE, ports: port("port", 9926) }),
  type("node-exporter", { placement: EVERYWHERE, ports: port("port", 9100) }),
  type("prometheus", { ports: port("port", 9095) }),
  type("alertmanager", { ports: port("port", 9093, 9094) }),
  type("grafana", { ports: port("port", 3000) }),
  type("loki", { ports: port("port", 3100) }),
  type("promtail", { placement: EVERYWHERE, ports: port("port", 9080) }),
  type("snmp-gateway", { detailed: true, ports: port("port", 9464) }),
  type("mgmt-gateway", { ports: gatewayPorts }),
  type("oauth2-proxy", { detailed: true, ports: () => [4180] }),
  type("elasticsearch", { ports: () => [9200] }),
  type("jaeger-agent", { placement: EVERYWHERE, ports: () => [6799] }),
  type("jaeger-collector", { ports: () => [14250] }),
  type("jaeger-query", { ports: () => [16686] }),
]);

/** The services that `jaeger-tracing` stands for. */
export const TRACING = ["elasticsearch", "jaeger-agent", "jaeger-collector", "jaeger-query"] as const;

/** Undefined for a type that no release knows, and for `jaeger-tracing`, which only stands for others. */
export function serviceType(name: string): ServiceType | undefined {
  return TYPES.get(name);
}

export function serviceName(spec: Pick<AnySpec, "service_type" | "service_id">): string {
  return spec.service_id === undefined || spec.service_id === ""
    ? spec.service_type
    : `${spec.service_type}.${spec.service_id}`;
}

/** The service that a daemon belongs to, from its name where it does not say: `mds.fs1.h1.abcdef` is of `mds.fs1`. */
export function serviceOf(daemon: DaemonDescription): string {
  if (daemon.service_name !== undefined) return daemon.service_name;
  const [service, traits] = [...TYPES].find(([, { daemons }]) => daemons.includes(daemon.daemon_type)) ?? [
    daemon.daemon_type,
  ];
  if (daemon.daemon_type === "osd")
    return serviceName({ service_type: "osd", service_id: daemon.osdspec_affinity ?? "" });
  if (traits?.named !== true) return service;
  const id = serviceIdOf(daemon);
  return serviceName({ service_type: service, service_id: traits.ranked ? id.replace(/\.\d+\.\d+$/, "") : id });
}

/** As DaemonDescription.service_id reads it; where that refuses a name, the whole id. */
function serviceIdOf({ daemon_type: type, daemon_id: id, hostname = "" }: DaemonDescription): string {
  const parts = id.split(".");
  const host = parts.lastIndexOf(hostname.split(".")[0] ?? "");
  if (host > 0) return parts.slice(0, host).join(".");
  if (type === "rgw" && (parts.length === 3 || parts.length === 4)) return parts.slice(0, 2).join(".");
  return type === "iscsi" && parts.length > 1 ? parts.slice(0, -1).join(".") : id;
}
