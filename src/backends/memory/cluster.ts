/** The state of the make-believe cluster: everything that the methods read and change. */
import {
  type DaemonDescription,
  type Device,
  type HostSpec,
  type InventoryHost,
  NotFoundError,
  type OsdRemovalStatus,
  type ServiceSpec,
  type TunedProfileSpec,
} from "../../index.ts";
import { generatedDevices } from "./generate.ts";
import type { Upgrade } from "./upgrade.ts";

export interface Host {
  readonly hostname: string;
  addr: string;
  labels: string[];
  /** As Ceph writes it: nothing, `maintenance` or `offline`. */
  status: string;
  location: HostSpec["location"];
  oob: HostSpec["oob"];
  devices: Device[];
  /** The daemons that maintenance stopped, to be started again after it. */
  readonly resting: Set<string>;
}

export interface Service {
  spec: ServiceSpec;
  readonly name: string;
  readonly created: string;
  events: string[];
  /** Set from the removal until the last daemon is gone. */
  deleted: boolean;
}

/** A row of the removal queue. */
export type Removal = Required<OsdRemovalStatus> & { readonly no_destroy: boolean };

export class Cluster {
  readonly hosts = new Map<string, Host>();
  readonly services = new Map<string, Service>();
  /** By name, such as `mds.fs1.h1.abcdef`. */
  readonly daemons = new Map<string, DaemonDescription>();
  readonly removals = new Map<number, Removal>();
  /** The OSD ids kept for replacements, and the hosts they were on. */
  readonly destroyed = new Map<number, string>();
  readonly profiles = new Map<string, TunedProfileSpec>();
  upgrade: Upgrade | undefined;
  /** The version that daemons are deployed with. */
  version: string;
  readonly #devicesPerHost: number;

  constructor(version: string, devicesPerHost: number) {
    this.version = version;
    this.#devicesPerHost = devicesPerHost;
  }

  /** Adds a host, or changes the one of that name; its devices, once known, stay. */
  putHost(spec: HostSpec): Host {
    const { hostname, addr = "", labels = [], status = "" } = spec;
    // The same object for as long as the host is there: second stages that still run hold on to it.
    const host = this.hosts.get(hostname) ?? this.#newHost(hostname);
    if (addr !== "") host.addr = addr;
    host.labels = [...new Set([...host.labels, ...labels])];
    if (status !== "") host.status = status;
    host.location = spec.location ?? host.location;
    host.oob = spec.oob ?? host.oob;
    this.hosts.set(hostname, host);
    return host;
  }

  #newHost(hostname: string): Host {
    const devices = generatedDevices(hostname, this.#devicesPerHost);
    const unset = { location: undefined, oob: undefined };
    return { hostname, addr: hostname, labels: [], status: "", ...unset, devices, resting: new Set() };
  }

  host(name: string): Host {
    const host = this.hosts.get(name);
    if (host === undefined)
      throw new NotFoundError(`host ${name} is not in the cluster; 'ceph orch host ls' lists its hosts`);
    return host;
  }

  device(hostname: string, path: string): Device {
    const device = this.host(hostname).devices.find((candidate) => candidate.path === path);
    if (device === undefined)
      throw new NotFoundError(
        `host ${hostname} has no device ${path}; 'ceph orch device ls ${hostname}' lists its devices`,
      );
    return device;
  }

  service(name: string): Service {
    const service = this.services.get(name);
    if (service === undefined || service.deleted)
      throw new NotFoundError(`service ${name} does not exist; 'ceph orch ls' lists the services`);
    return service;
  }

  daemon(name: string): DaemonDescription {
    const daemon = this.daemons.get(name);
    if (daemon === undefined)
      throw new NotFoundError(`daemon ${name} does not exist; 'ceph orch ps' lists the daemons`);
    return daemon;
  }

  daemonsOf(service: string): DaemonDescription[] {
    return [...this.daemons.values()].filter((daemon) => daemon.service_name === service);
  }

  daemonsOn(hostname: string): DaemonDescription[] {
    return [...this.daemons.values()].filter((daemon) => daemon.hostname === hostname);
  }

  inventory(): InventoryHost[] {
    return [...this.hosts.values()].map(({ hostname: name, addr, devices, labels }) => ({
      name,
      addr,
      devices: devices.map((device) => ({ ...device })),
      labels,
    }));
  }
}

export function now(): string {
  return new Date().toISOString();
}

/** As Ceph writes an event: when, of what, how grave, and what happened. */
export function event(subject: string, message: string): string {
  return `${now()} ${subject} [INFO] "${message}"`;
}
