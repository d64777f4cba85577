/** Which daemons of a service there should be on this host, which of them are missing, and which are too many. */
import type { Daemon, DaemonName } from "../../../agent/client.ts";
import {
  type AnySpec,
  MOST_PER_HOST,
  matchingHosts,
  NO_SCHEDULE,
  type PlaceableHost,
  placementOf,
  serviceName,
  serviceType,
} from "../../../index.ts";
import { daemonId } from "./names.ts";

/** A daemon to be made. */
export interface Planned {
  readonly name: DaemonName;
  readonly id: string;
  /** Its number within the service; it decides its name, its ports and its rank. */
  readonly index: number;
  readonly ports: readonly number[];
}

export interface Difference {
  readonly add: readonly Planned[];
  readonly remove: readonly Daemon[];
  readonly keep: readonly Daemon[];
}

/** Types of which one daemon serves the whole host. */
const ONE_PER_HOST = ["crash", "ceph-exporter"];

/** How many daemons of a service this host, which is the only one, gets: as many as are counted, else one. */
export function wantedCount(spec: AnySpec, host: PlaceableHost): number {
  if (host.labels.includes(NO_SCHEDULE)) return 0;
  const placement = placementOf(spec);
  if (matchingHosts(placement, [host]).length === 0) return 0;
  if (ONE_PER_HOST.includes(spec.service_type)) return 1;
  const { count, count_per_host: perHost } = placement;
  return Math.min(perHost ?? count ?? 1, MOST_PER_HOST);
}

/** The daemons that are there count first: those of others', which nobody but they may stop, before the agent's own. */
export function difference(
  spec: AnySpec,
  host: PlaceableHost,
  present: readonly Daemon[],
  { all, active }: { all: readonly Daemon[]; active: ReadonlySet<string> },
): Difference {
  if (spec.unmanaged === true) return { add: [], remove: [], keep: present };
  const foreign = present.filter(({ state }) => state === "foreign");
  const own = present.filter(({ state }) => state !== "foreign").toSorted(byWorth(active));
  const count = Math.max(0, wantedCount(spec, host) - foreign.length);
  const taken = new Set(all.map(({ name }) => name));
  const missing = count - own.length;
  const add: Planned[] = [];
  for (let index = 0; add.length < missing; index += 1) {
    const planned = plannedDaemon(spec, host.hostname, index);
    const numberTaken = own.some(({ labels }) => labels["index"] === String(index));
    if (!taken.has(planned.name) && !numberTaken) add.push(planned);
  }
  return { add, remove: own.slice(count), keep: [...foreign, ...own.slice(0, count)] };
}

/** The daemon of this number of a service. */
export function plannedDaemon(spec: AnySpec, hostname: string, index: number): Planned {
  const id = daemonId(spec, hostname, index);
  const ports = [...(serviceType(spec.service_type)?.ports(spec) ?? []), ...monitoringPort(spec)].map(
    (port) => port + index,
  );
  // Only types that the agent knows come so far; support.ts refuses the others.
  return { name: `${spec.service_type}.${id}` as DaemonName, id, index, ports };
}

/** That of an NFS server's metrics, where its spec names one: clients are not told of it. */
function monitoringPort({ service_type: type, spec }: AnySpec): number[] {
  const port = type === "nfs" ? spec?.["monitoring_port"] : undefined;
  return typeof port === "number" ? [port] : [];
}

/** As it was planned, of a daemon that is there; undefined for one that was not made by a service. */
export function planOf(spec: AnySpec, hostname: string, daemon: Daemon): Planned | undefined {
  const { index } = daemon.labels;
  if (index === undefined) return undefined;
  return { ...plannedDaemon(spec, hostname, Number(index)), name: daemon.name, id: daemon.id };
}

/** The daemons that belong to a service. */
export function daemonsOf(spec: AnySpec, daemons: readonly Daemon[]): Daemon[] {
  const name = serviceName(spec);
  return daemons.filter((daemon) => serviceOfDaemon(daemon) === name);
}

/** A mon or mgr that was started by somebody else belongs to the service all the same. */
export function serviceOfDaemon({ service, type, state }: Daemon): string {
  if (state === "foreign" && serviceType(type)?.named === false) return type;
  return service === "" ? type : service;
}

/** Those that work, those that serve right now, and those made first, stay longest. */
function byWorth(active: ReadonlySet<string>): (one: Daemon, other: Daemon) => number {
  const worth = ({ name, state, labels }: Daemon): number[] => [
    state === "running" || state === "starting" ? 0 : 1,
    active.has(name) ? 0 : 1,
    Number(labels["index"] ?? -1),
  ];
  return (one, other) => {
    const others = worth(other);
    return (
      worth(one)
        .map((value, place) => value - (others[place] ?? 0))
        .find((value) => value !== 0) ?? 0
    );
  };
}
