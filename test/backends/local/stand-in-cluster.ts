/**
 * A whole cluster of stand-ins for the contract suite: a host with devices, three of which carry OSDs, an agent that makes
 * daemons of every type, and monitors that know them. Programs newer than the running ones are installed, for an upgrade.
 */

import type { Daemon } from "../../../src/agent/client.ts";
import local from "../../../src/backends/local/index.ts";
import type { World } from "../../../src/contract/index.ts";
import type { Json } from "../../../src/index.ts";
import { StandInCeph } from "./stand-in-ceph.ts";
import { AgentError, FSID } from "./stand-in-host.ts";
import { type Disk, StandInOsds } from "./stand-in-osds.ts";

/** The version of new daemons, and the one that they have after an upgrade. */
const RUNS = "20.2.3";
export const INSTALLED = "20.2.4";

const DISKS: readonly Disk[] = [0, 1, 2, 3, 4].map((index) => ({ path: `/var/lib/orchbridge/devices/${index}.img` }));
/** As many as keep two copies while one of them goes. */
const OSDS = 3;

/** The daemons of this service end as soon as they are started. */
export const DOOMED = "doomed";

type Definition = Pick<Daemon, "name" | "service" | "labels"> & { readonly ports?: number[] };

export class StandInCluster extends StandInOsds {
  readonly ceph = new StandInCeph(this.daemons);
  readonly #path = this.listen();
  /** When a daemon was started last: no two at once. */
  #started = 0;

  constructor() {
    super(DISKS);
    this.release = "tentacle";
    for (const type of ["mon", "mgr", "osd", "mds"]) this.installed[type] = INSTALLED;
    for (const name of ["mon.x", "mgr.x"] as const) this.add(name, { version: INSTALLED });
    for (const [id, { path }] of DISKS.slice(0, OSDS).entries()) this.addOsd(id, path, "osd.all");
    for (const daemon of this.daemons.values()) daemon.version = INSTALLED;
    const { "osd dump": ofCeph, ...upgrades } = this.ceph.commands;
    const { "osd dump": ofOsds } = this.commands;
    Object.assign(this.commands, upgrades, {
      "osd dump": (command: { prefix: string }) => ({ ...object(ofCeph?.(command)), ...object(ofOsds?.(command)) }),
      "config dump": () => [],
      "auth get-or-create-pending": () => [{ pending_key: "AQBKEYTOCOME==" }],
      "mon dump": () => ({ fsid: FSID, quorum: [0], mons: [{ name: "x", rank: 0, public_addrs: { addrvec: [] } }] }),
    });
    Object.assign(this.maps, {
      ...this.ceph.maps,
      pg_summary: this.maps["pg_summary"],
      mgr_map: () => ({ active_name: "x", standbys: [] }),
      fs_map: () => ({ filesystems: [] }),
    });
    const { "host/devices": devices } = this.agent;
    Object.assign(this.agent, {
      "host/facts": () => ({ kernel: "6.1" }),
      "host/devices": (params: Record<string, unknown>) => this.#usedOrFree(devices?.(params)),
      "host/light": ({ path }: Record<string, unknown>) => this.#light(String(path)),
      "port/taken": () => [],
      "daemon/deploy": ({ daemon }: Record<string, unknown>) => this.#make(daemon as Definition),
    });
  }

  /** The world of one case: the backend on this host, as each new Node process would have it. */
  async world(): Promise<World> {
    const { path, close } = await this.#path;
    const definition: World["definition"] = {
      ...local,
      create: (context) =>
        local.create({
          ...context,
          ceph: { ...context.ceph, fsid: FSID },
          mgr: { ...context.mgr, ...this.manager },
        }),
    };
    return {
      definition,
      options: { agent_socket: path, file_devices: { count: DISKS.length, size: "4G" } },
      end: close,
    };
  }

  /** The new programs are there for an upgrade only, as where each version has a root of its own. */
  override act(name: string, action: string): Daemon {
    const { version } = this.daemons.get(name) ?? {};
    const daemon = super.act(name, action);
    if (this.records["upgrade"] === undefined && version !== undefined) daemon.version = version;
    if (action !== "stop") daemon.started = this.#now();
    return daemon;
  }

  /** The same definition again changes nothing; another one restarts the daemon. */
  #make({ name, service, labels, ports = [] }: Definition): Daemon {
    const before = this.daemons.get(name);
    if (before !== undefined) {
      const same = JSON.stringify([before.service, before.labels]) === JSON.stringify([service, labels]);
      Object.assign(before, { service, labels });
      return same || before.desired === "stopped" ? before : this.act(name, "restart");
    }
    this.done.push(`deploy ${name}`);
    const version = name.startsWith("mds.") ? RUNS : INSTALLED;
    const daemon = this.add(name, { service, labels, ports, version, started: this.#now() });
    if (daemon.type === "osd") this.onAct(daemon, "start");
    if (service === `mds.${DOOMED}`)
      Object.assign(daemon, { state: "backoff", crashes: 3, last_exit: "ended with status 1" });
    return daemon;
  }

  #light(path: string): Json {
    if (!this.disks.some((disk) => disk.path === path))
      throw new AgentError("NotFoundError", `${path} is no block device of this host`);
    return { output: "" };
  }

  #usedOrFree(devices: unknown): Json {
    return (devices as { device: { path: string; available: boolean } }[]).map(({ device, ...rest }) => ({
      ...rest,
      device: { ...device, available: device.available && !this.stores.has(device.path) },
    }));
  }

  #now(): string {
    this.#started = Math.max(this.#started, Date.now()) + 1;
    return new Date(this.#started).toISOString();
  }
}

function object(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}
