/** Services and daemons in the words of `ceph orch ls` and `ceph orch ps`. */
import type { Daemon } from "../../../agent/client.ts";
import {
  type DaemonDescription,
  type ServiceDescription,
  type ServiceSpec,
  serviceName,
  serviceType,
} from "../../../index.ts";
import { ADDRESS_LABEL } from "./networks.ts";
import type { ServiceRecord } from "./record.ts";
import type { Present } from "./services.ts";
import { daemonsOf, difference, serviceOfDaemon } from "./wanted.ts";

const STATUS: Readonly<Record<Daemon["state"], -1 | 0 | 1 | 2>> = {
  starting: 2,
  running: 1,
  foreign: 1,
  backoff: -1,
  failed: -1,
  stopping: 0,
  stopped: 0,
};

/** A daemon in trouble says in its status how it ended. */
export function describeDaemon(daemon: Daemon, { host, active }: Present, now: string): DaemonDescription {
  const failed = daemon.state === "backoff" || daemon.state === "failed";
  return {
    daemon_type: daemon.type,
    daemon_id: daemon.id,
    daemon_name: daemon.name,
    hostname: host.hostname,
    service_name: serviceOfDaemon(daemon),
    status: STATUS[daemon.state],
    status_desc: failed ? `error: ${daemon.last_exit ?? "it does not start"}` : wordFor(daemon.state),
    is_active: daemon.type === "mgr" && active.has(daemon.name),
    last_refresh: now,
    ...(daemon.version === null ? {} : { version: daemon.version }),
    ...(daemon.memory_bytes === null ? {} : { memory_usage: daemon.memory_bytes }),
    ...(daemon.cpu_percent === null ? {} : { cpu_percentage: `${daemon.cpu_percent.toFixed(2)}%` }),
    ...(daemon.ports.length === 0 ? {} : { ports: daemon.ports }),
    ...addressOf(daemon),
    ...(daemon.created === null ? {} : { created: daemon.created }),
    ...(daemon.started === null ? {} : { started: daemon.started }),
    ...(daemon.deployed === null ? {} : { last_deployed: daemon.deployed, last_configured: daemon.deployed }),
    ...osdFields(daemon),
    ...rankOf(daemon),
    ...eventsOf(`daemon:${daemon.name}`, daemon.events.slice(-5)),
  };
}

function wordFor(state: Daemon["state"]): string {
  return state === "foreign" ? "running" : state;
}

/** Left out where it listens on all addresses: then Ceph's modules tell clients the host's. */
function addressOf({ labels }: Daemon): Pick<DaemonDescription, "ip"> {
  const address = labels[ADDRESS_LABEL];
  return address === undefined ? {} : { ip: address };
}

function osdFields({ type, service }: Daemon): Pick<DaemonDescription, "osdspec_affinity"> {
  return type === "osd" && service.startsWith("osd.") ? { osdspec_affinity: service.slice("osd.".length) } : {};
}

function rankOf({ type, labels }: Daemon): Pick<DaemonDescription, "rank" | "rank_generation"> {
  const { index } = labels;
  return serviceType(type)?.ranked === true && index !== undefined ? { rank: Number(index), rank_generation: 0 } : {};
}

function eventsOf(
  subject: string,
  events: readonly { time: string; level: string; message: string }[],
): { events?: string[] } {
  if (events.length === 0) return {};
  return { events: events.map(({ time, level, message }) => `${time} ${subject} [${level}] "${message}"`) };
}

/** A service with a record. */
export function describeService(record: ServiceRecord, present: Present, now: string): ServiceDescription {
  const { spec } = record;
  const name = serviceName(spec);
  const daemons = daemonsOf(spec, present.daemons);
  const { add, remove } = record.deleted || spec.service_type === "osd" ? NOTHING : changesOf(spec, daemons, present);
  const ports = serviceType(spec.service_type)?.ports(spec) ?? [];
  return {
    ...spec,
    status: {
      size: record.deleted ? 0 : daemons.length + add - remove,
      running: daemons.filter(({ state }) => STATUS[state] === 1).length,
      created: record.created,
      last_refresh: now,
      ...(ports.length === 0 ? {} : { ports: [...ports] }),
    },
    ...eventsOf(`service:${name}`, record.events),
  };
}

const NOTHING = { add: 0, remove: 0 };

function changesOf(spec: ServiceSpec, daemons: readonly Daemon[], present: Present): typeof NOTHING {
  const { add, remove } = difference(spec, present.host, daemons, { all: present.daemons, active: present.active });
  return { add: add.length, remove: remove.length };
}

/** Daemons that no record asks for, such as the first monitor: a service that nobody manages. */
export function describeOrphan(name: string, present: Present, now: string): ServiceDescription {
  const daemons = present.daemons.filter((daemon) => serviceOfDaemon(daemon) === name);
  return {
    ...orphanSpec(name),
    status: {
      size: daemons.length,
      running: daemons.filter(({ state }) => STATUS[state] === 1).length,
      last_refresh: now,
    },
  };
}

/** All that is known of a service without a record: its names. */
export function orphanSpec(name: string): ServiceSpec {
  const [service_type = "", ...id] = name.split(".");
  const spec = {
    service_type,
    service_name: name,
    placement: serviceType(service_type)?.placement ?? {},
    unmanaged: true,
    ...(id.length === 0 ? {} : { service_id: id.join(".") }),
    // Ceph's class of drive groups refuses one without devices; nobody manages it, so nothing comes of it.
    ...(service_type === "osd" ? { spec: { data_devices: { all: true } } } : {}),
  };
  return spec as ServiceSpec; // made of names alone, it is a member of no class of the union to the type checker
}
