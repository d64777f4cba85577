/** Which services this host can run; the reason where it cannot, before anything is changed. */
import { type AgentDescription, DAEMON_TYPES, type DaemonType } from "../../../agent/client.ts";
import {
  type AnySpec,
  checkDriveGroup,
  checkPlacement,
  type PlaceableHost,
  placementOf,
  type ServiceSpec,
  serviceName,
  serviceType,
  ValidationError,
} from "../../../index.ts";
import { isDaemonPart, LONGEST_SERVICE_ID } from "./names.ts";
import { checkRgw } from "./rgw.ts";
import { checkFields, checkPlaced } from "./unsupported.ts";

/** Debian's package of each program, where it is not named as the daemon. */
const PACKAGES: Readonly<Partial<Record<DaemonType, string>>> = {
  mon: "ceph-mon",
  mgr: "ceph-mgr",
  osd: "ceph-osd",
  mds: "ceph-mds",
  rgw: "radosgw",
  crash: "ceph-base",
  nfs: "nfs-ganesha-ceph and nfs-ganesha-rados-grace",
};

const MONITORING = [
  "prometheus",
  "alertmanager",
  "node-exporter",
  "grafana",
  "loki",
  "promtail",
  "snmp-gateway",
  "elasticsearch",
  "jaeger-agent",
  "jaeger-collector",
  "jaeger-query",
  "jaeger-tracing",
];

const CEPHADM_OWN = ["agent", "node-proxy", "cephadm-exporter"];

/** True for a type that this backend runs, whether the host has its program or not. */
export function isDaemonType(type: string): type is DaemonType {
  return (DAEMON_TYPES as readonly string[]).includes(type);
}

/** Why a service of this type cannot run on this host; null when it can. */
export function whyNot(type: string, host: AgentDescription): string | null {
  if (type === "iscsi" || type === "nvmeof")
    return (
      host.abilities[type] ?? `the local backend has no way to run ${type} gateways; run them by their package's unit`
    );
  if (MONITORING.includes(type))
    return `${type} is no part of Ceph's packages; install it and start it by its own unit`;
  if (CEPHADM_OWN.includes(type)) return `${type} is a helper of cephadm's own, which this host does without`;
  if (!isDaemonType(type))
    return `the local backend runs Ceph's own daemons from the host's packages, and ${type} needs containers`;
  const binary = host.binaries[type];
  if (binary.problem === null) return null;
  return `${binary.problem}; it comes with the package ${PACKAGES[type] ?? type}`;
}

/** Throws where the spec contradicts itself or asks for what this host cannot do. */
export function checkSpec(
  spec: ServiceSpec,
  description: AgentDescription,
  host: PlaceableHost,
  release: string,
): void {
  const traits = serviceType(spec.service_type);
  if (traits === undefined && spec.service_type !== "jaeger-tracing")
    throw new ValidationError(`service type ${spec.service_type} is not known`);
  const reason = whyNot(spec.service_type, description);
  if (reason !== null) throw new ValidationError(`${serviceName(spec)} cannot run on ${host.hostname}: ${reason}`);
  checkServiceId(spec, traits?.named === true);
  checkPlacement(spec, [host]);
  checkPlaced(spec);
  checkCount(spec);
  if (spec.service_type === "osd") checkDriveGroup(spec);
  if (spec.service_type === "rgw") checkRgw(spec, release);
  checkFields(spec, host.hostname);
}

function checkServiceId(spec: AnySpec, named: boolean): void {
  const { service_type: type, service_id: id = "" } = spec;
  if (named && id === "" && type !== "osd") throw new ValidationError(`a service of type ${type} needs a service_id`);
  if (!named && id !== "") throw new ValidationError(`a service of type ${type} has no service_id (got ${id})`);
  if (id === "" || isDaemonPart(id)) return;
  throw new ValidationError(
    `service_id ${JSON.stringify(id)}: expected at most ${LONGEST_SERVICE_ID} letters, digits, dots, dashes and underscores`,
  );
}

function checkCount(spec: AnySpec): void {
  const { count } = placementOf(spec);
  if (count !== undefined && count < 1) throw new ValidationError(`placement.count: expected at least 1, got ${count}`);
}
