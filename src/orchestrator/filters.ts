/** The interface's filters, applied once for every backend, after it had the chance to use them itself. */

import type {
  BackendMethodName,
  DescribeServiceParams,
  GetFactsParams,
  GetInventoryParams,
  ListDaemonsParams,
} from "./generated/methods.ts";
import type { DaemonDescription, InventoryFilter, InventoryHost, ServiceDescription } from "./generated/types.ts";

type Filter = (params: object, value: unknown) => unknown;

// Parameters and answers were validated against the schema of the same method before they come here.
const FILTERS: Partial<Record<BackendMethodName, Filter>> = {
  getInventory: (params, hosts) =>
    (hosts as InventoryHost[]).filter((host) => hostMatches((params as GetInventoryParams).host_filter, host)),
  describeService: (params, services) =>
    (services as ServiceDescription[]).filter((service) => serviceMatches(params as DescribeServiceParams, service)),
  listDaemons: (params, daemons) =>
    (daemons as DaemonDescription[]).filter((daemon) => daemonMatches(params as ListDaemonsParams, daemon)),
  getFacts: (params, facts) => {
    const { hostname } = params as GetFactsParams;
    return hostname === null
      ? facts
      : (facts as { hostname?: unknown }[]).filter((fact) => fact.hostname === undefined || fact.hostname === hostname);
  },
};

/** `value` without what the call's filter parameters leave out. */
export function applyFilters(method: BackendMethodName, params: object, value: unknown): unknown {
  return FILTERS[method]?.(params, value) ?? value;
}

function hostMatches(filter: InventoryFilter | null, host: InventoryHost): boolean {
  if (filter === null) return true;
  const hosts = filter.hosts ?? [];
  const labels = filter.labels ?? [];
  if (hosts.length > 0 && !hosts.includes(host.name)) return false;
  return labels.length === 0 || labels.some((label) => host.labels?.includes(label));
}

function serviceMatches(filter: DescribeServiceParams, service: ServiceDescription): boolean {
  if (filter.service_type !== null && service.service_type !== filter.service_type) return false;
  return filter.service_name === null || service.service_name === filter.service_name;
}

function daemonMatches(filter: ListDaemonsParams, daemon: DaemonDescription): boolean {
  if (filter.daemon_type !== null && daemon.daemon_type !== filter.daemon_type) return false;
  if (filter.daemon_id !== null && daemon.daemon_id !== filter.daemon_id) return false;
  if (filter.host !== null && daemon.hostname !== filter.host) return false;
  return filter.service_name === null || serviceNameOf(daemon) === filter.service_name;
}

/** As Ceph derives it where a daemon does not name its service: `mds.fs1.host.abcdef` belongs to `mds.fs1`. */
function serviceNameOf(daemon: DaemonDescription): string {
  if (daemon.service_name !== undefined) return daemon.service_name;
  const { daemon_type: type, daemon_id: id, hostname } = daemon;
  if (!["mds", "rgw", "nfs", "iscsi", "ingress", "nvmeof", "smb", "container"].includes(type)) return type;
  // The bare host name, not the FQDN, as a part of its own: the last that is one.
  const parts = id.split(".");
  const host = hostname === undefined ? -1 : parts.lastIndexOf(hostname.split(".")[0] ?? "");
  return `${type}.${host > 0 ? parts.slice(0, host).join(".") : parts[0]}`;
}
