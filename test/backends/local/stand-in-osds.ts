/**
 * A stand-in for a host with devices and for a cluster with OSDs, around the stand-in host: an OSD map, placement groups that
 * move away while an OSD drains, and stores on devices. It notes every OSD that is destroyed while data depends on it.
 */
import { type Daemon, type DaemonName, type HostOsd, PROTOCOL } from "../../../src/agent/client.ts";
import type { Json } from "../../../src/index.ts";
import { AgentError, FSID, StandInHost } from "./stand-in-host.ts";

interface MapOsd {
  uuid: string;
  up: number;
  weight: number;
  up_from: number;
  state: Set<string>;
  crush: number;
  placed: boolean;
  deviceClass: string | undefined;
  pgs: number;
}

const NOBODY = "00000000-0000-0000-0000-000000000000";
const ENOENT = -2;
const EBUSY = -16;
const SIZE = 4 * 1024 ** 3;

export interface Disk {
  readonly path: string;
  readonly kind?: "disk" | "loop" | "file";
  readonly available?: boolean;
  readonly reasons?: string[];
  readonly size?: number;
  readonly rotational?: string;
  /** Why it cannot be divided. */
  readonly indivisible?: string;
}

/** Params are checked by nobody here. */
function text(value: unknown): string {
  if (typeof value !== "string") throw new Error(`expected a string, got ${JSON.stringify(value)}`);
  return value;
}

export class StandInOsds extends StandInHost {
  readonly disks: Disk[];
  readonly osds = new Map<number, MapOsd>();
  /** By device; where OSDs share one, by device and uuid. */
  readonly stores = new Map<string, HostOsd>();
  readonly leftovers = new Set<string>();
  readonly keys = new Set<string>();
  /** The monitors' configuration, by section and name. */
  readonly config = new Map<string, string>();
  /** Of the stores that share a device, in bytes. */
  readonly sizes = new Map<string, number>();
  readonly zapped: string[] = [];
  readonly abilities: Record<string, string | null> = { lvm: "no device mapper", encryption: "no device mapper" };
  pools = [{ pool_name: "p", size: 2, pg_num: 8 }];
  epoch = 10;
  /** False while nothing can move away from an OSD that drains. */
  drains = true;
  /** So many placement groups leave it between two looks. */
  pgsAStep = 4;
  okToStop = true;
  unavailable = 0;
  /** What mkfs fails with. */
  mkfs: string | undefined;
  /** The OSDs that were taken out of the map while data depended on them. */
  readonly lost: number[] = [];

  constructor(disks: readonly Disk[]) {
    super();
    this.disks = [...disks];
    this.installed["osd"] = "20.2.4";
    this.onAct = (daemon, action) => this.#follow(daemon, action);
    Object.assign(this.agent, this.#agentMethods());
    Object.assign(this.commands, this.#monCommands());
    this.maps["pg_summary"] = () => ({
      all: { "active+clean": 8, ...(this.unavailable === 0 ? {} : { down: this.unavailable }) },
      pg_stats_sum: { stat_sum: { num_objects_unfound: 0 } },
    });
  }

  osd(id: number): MapOsd {
    const osd = this.osds.get(id);
    if (osd === undefined) throw new Error(`the stand-in has no osd.${id}`);
    return osd;
  }

  /** An OSD that is there already, on the device, up and with data. */
  addOsd(id: number, path: string, service = "osd"): void {
    const uuid = `00000000-0000-4000-8000-00000000000${id}`;
    const state = new Set(["exists", "up"]);
    const entry = {
      uuid,
      up: 1,
      weight: 1,
      up_from: 5 + id,
      state,
      crush: 0.5,
      placed: true,
      deviceClass: "hdd",
      pgs: 8,
    };
    this.osds.set(id, entry);
    this.stores.set(path, { osd_id: id, osd_uuid: uuid, fsid: FSID, method: "file", devices: { block: path } });
    this.add(`osd.${id}`, { service, labels: { osdspec_affinity: service.slice("osd.".length) } });
  }

  #follow(daemon: Daemon, action: string): void {
    const osd = this.osds.get(Number(daemon.id));
    if (osd === undefined) return;
    if (action === "stop") {
      osd.up = 0;
      osd.state.delete("up");
    } else this.#boot(osd);
  }

  #boot(osd: MapOsd): void {
    this.epoch += 1;
    if (osd.state.has("new")) osd.weight = 1;
    Object.assign(osd, { up: 1, up_from: this.epoch, placed: true, crush: osd.placed ? osd.crush : 0.5 });
    osd.state.delete("new");
    osd.state.add("up");
    if (osd.pgs === 0 && osd.weight > 0 && osd.crush > 0) osd.pgs = 8;
  }

  #agentMethods(): Record<string, (params: Record<string, unknown>) => unknown> {
    return {
      "agent/describe": () => this.#describe(),
      "host/devices": () => this.disks.map((disk) => this.#device(disk)),
      "osd/list": () => [...new Set(this.stores.values())],
      "osd/leftovers": ({ forget }) => {
        const known = [...this.leftovers];
        for (const uuid of forget as string[]) this.leftovers.delete(uuid);
        return known;
      },
      "osd/prepare": (params) => this.#prepare(params),
      "osd/discard": ({ osd_uuid: uuid, paths }) => {
        const mine = [...this.stores].filter(([, store]) => store.osd_uuid === uuid);
        for (const [key, store] of mine) {
          if (this.daemons.has(`osd.${store.osd_id}`))
            throw new AgentError("ValidationError", `osd.${store.osd_id} is to run on this host`);
          this.stores.delete(key);
          const path = key.split("#")[0] ?? "";
          if ((paths as string[]).includes(path)) this.zapped.push(path);
        }
        return {};
      },
      "osd/zap": ({ path }) => {
        const store = this.stores.get(text(path));
        if (store !== undefined && this.daemons.has(`osd.${store.osd_id}`))
          throw new AgentError("ValidationError", `${text(path)} is in use by osd.${store.osd_id}`);
        this.stores.delete(text(path));
        this.zapped.push(text(path));
        return { output: "" };
      },
      "daemon/deploy": ({ daemon }) =>
        this.#deploy(daemon as { name: DaemonName; service: string; labels: Record<string, string> }),
      "daemon/remove": ({ name }) => {
        this.daemons.delete(text(name));
        this.done.push(`remove ${text(name)}`);
        return {};
      },
    };
  }

  #describe(): Json {
    const problem = null;
    const types = ["mgr", "mon", "crash", "osd", "mds", "rgw", "rbd-mirror", "cephfs-mirror", "ceph-exporter", "nfs"];
    const binaries = types.map((type) => [type, { path: `/usr/bin/ceph-${type}`, version: "20.2.4", problem }]);
    const abilities = { lvm: null, raw: null, encryption: null, light: null, iscsi: null, nvmeof: null };
    return {
      version: "0",
      protocol: PROTOCOL,
      hostname: "h1.example.org",
      boot_id: "b",
      user: "ceph",
      fsid: FSID,
      binaries: Object.fromEntries(binaries) as Json,
      abilities: { ...abilities, ...this.abilities },
    };
  }

  #device({ path, kind = "file", available = true, reasons = [], size = SIZE, ...rest }: Disk): Json {
    const { rotational = "0", indivisible = null } = rest;
    const shared = [...this.stores].filter(([key]) => key.startsWith(`${path}#`)).length;
    const taken = [...this.sizes].filter(([key]) => key.startsWith(`${path}#`) && this.stores.has(key));
    const left = size - taken.reduce((sum, [, bytes]) => sum + bytes, 0);
    return {
      kind,
      gaps: shared > 0 || (available && !this.stores.has(path)) ? [left] : [],
      indivisible,
      device: { path, available, rejected_reasons: reasons, sys_api: { size, rotational }, lvs: [], device_id: "" },
    };
  }

  #prepare(params: Record<string, unknown>): HostOsd {
    const path = text(params["block"]);
    this.done.push(`prepare ${path}`);
    const divided = typeof params["block_size"] === "number";
    const key = (use: string, device: string): string => {
      const size = params[`${use}_size`];
      if (typeof size !== "number") return device;
      this.sizes.set(`${device}#${text(params["osd_uuid"])}`, size);
      return `${device}#${text(params["osd_uuid"])}`;
    };
    const present = this.stores.get(divided ? `${path}#${text(params["osd_uuid"])}` : path);
    if (present !== undefined) return present;
    const fresh = divided ? text(params["osd_uuid"]) : crypto.randomUUID();
    const id = params["method"] === "lvm" ? this.#new(fresh) : Number(params["osd_id"]);
    const uuid = params["method"] === "lvm" && !divided ? this.osd(id).uuid : text(params["osd_uuid"]);
    if (this.mkfs !== undefined) {
      if (params["method"] === "lvm") this.leftovers.add(uuid);
      throw new AgentError("OrchestratorError", this.mkfs);
    }
    const devices = Object.fromEntries(
      Object.entries({ block: path, db: params["db"], wal: params["wal"] }).filter(
        ([, one]) => typeof one === "string",
      ),
    ) as HostOsd["devices"];
    const store: HostOsd = {
      osd_id: id,
      osd_uuid: uuid,
      fsid: FSID,
      method: params["method"] as HostOsd["method"],
      devices,
    };
    for (const [use, one] of Object.entries(devices)) if (one !== undefined) this.stores.set(key(use, one), store);
    return store;
  }

  #deploy({ name, service, labels }: { name: DaemonName; service: string; labels: Record<string, string> }): Daemon {
    const before = this.daemons.get(name);
    if (before !== undefined && before.service === service) return before;
    this.done.push(`deploy ${name}`);
    const daemon = this.add(name, { service, labels });
    const osd = this.osds.get(Number(daemon.id));
    if (osd !== undefined) this.#boot(osd);
    return daemon;
  }

  #new(uuid: string, wanted?: number, deviceClass?: string): number {
    const known = [...this.osds].find(([, osd]) => osd.uuid === uuid)?.[0];
    if (known !== undefined) return known;
    let id = wanted ?? 0;
    if (wanted === undefined) while (this.osds.has(id)) id += 1;
    const before = this.osds.get(id);
    if (before !== undefined && !before.state.has("destroyed")) throw new Error(`osd.${id} is not destroyed`);
    const fresh = { up_from: 0, crush: 0, placed: false, deviceClass };
    const { up_from, crush, placed } = before ?? fresh;
    const state = new Set(["exists", "new"]);
    this.osds.set(id, {
      uuid,
      up: 0,
      weight: 0,
      state,
      up_from,
      crush,
      placed,
      deviceClass: before?.deviceClass ?? deviceClass,
      pgs: 0,
    });
    return id;
  }

  /** Data moves away from OSDs that take none, a step at each look. */
  #move(): void {
    if (!this.drains) return;
    for (const osd of this.osds.values())
      if (osd.up === 1 && (osd.weight === 0 || osd.crush === 0)) osd.pgs = Math.max(0, osd.pgs - this.pgsAStep);
  }

  #monCommands(): Record<string, (command: Record<string, Json>) => Json> {
    const ids = (command: Record<string, Json>): number[] => (command["ids"] as string[]).map(Number);
    const each = (change: (osd: MapOsd) => void) => (command: Record<string, Json>) => {
      for (const id of ids(command)) change(this.osd(id));
      return "";
    };
    return {
      "osd dump": () => ({
        epoch: this.epoch,
        pools: this.pools,
        osds: [...this.osds].map(([osd, { uuid, up, weight, up_from, state }]) => ({
          osd,
          uuid,
          up,
          weight,
          up_from,
          state: [...state],
        })),
      }),
      "osd tree": () => ({
        nodes: [
          {
            id: -2,
            name: "h1",
            type: "host",
            children: [...this.osds].filter(([, { placed }]) => placed).map(([id]) => id),
          },
          ...[...this.osds].map(([id, { crush }]) => ({ id, name: `osd.${id}`, type: "osd", crush_weight: crush })),
        ],
      }),
      "osd df": () => {
        this.#move();
        return { nodes: [...this.osds].map(([id, { pgs }]) => ({ id, pgs })) };
      },
      "osd safe-to-destroy": (command) => {
        this.#move();
        const safe = ids(command).filter((id) => this.osd(id).pgs === 0);
        return { safe_to_destroy: safe, active: [], missing_stats: [], stored_pgs: [] };
      },
      "osd ok-to-stop": () => (this.okToStop ? "" : { retval: EBUSY, stderr: "unsafe to stop" }),
      "osd find": ({ id }) => (this.osds.has(Number(id)) ? "{}" : { retval: ENOENT, stderr: "does not exist" }),
      "osd new": ({ uuid, id, inbuf }) => {
        const asked = inbuf === undefined ? undefined : (JSON.parse(text(inbuf)) as { crush_device_class: string });
        return { osdid: this.#new(text(uuid), id === undefined ? undefined : Number(id), asked?.crush_device_class) };
      },
      "auth get-or-create": ({ entity }) => {
        this.keys.add(text(entity));
        return `[${text(entity)}]\n\tkey = AAAA\n`;
      },
      "auth get": ({ entity }) => `[${text(entity)}]\n\tkey = AAAA\n`,
      "config set": ({ who, name, value }) => {
        this.config.set(`${text(who)} ${text(name)}`, text(value));
        return "";
      },
      "config rm": ({ who, name }) => {
        this.config.delete(`${text(who)} ${text(name)}`);
        return "";
      },
      "config dump": () =>
        [...this.config.keys()].map((key) => {
          const [section = "", name = ""] = key.split(" ");
          return { section, name };
        }),
      "osd in": each((osd) => void (osd.weight = 1)),
      "osd out": each((osd) => void (osd.weight = 0)),
      "osd reweight": ({ id, weight }) => {
        this.osd(Number(id)).weight = Number(weight);
        return "";
      },
      "osd down": each((osd) => void (osd.up = 0)),
      "osd crush reweight": ({ name, weight }) => {
        this.osd(Number(text(name).slice("osd.".length))).crush = Math.floor(Number(weight) * 65_536) / 65_536;
        return "";
      },
      "osd purge-new": ({ id }) => this.#take(Number(id), false),
      "osd purge-actual": ({ id }) => this.#take(Number(id), false),
      "osd destroy-actual": ({ id }) => this.#take(Number(id), true),
    };
  }

  #take(id: number, keepId: boolean): Json {
    const osd = this.osds.get(id);
    this.keys.delete(`osd.${id}`);
    if (osd === undefined) return "";
    if (osd.up === 1) return { retval: EBUSY, stderr: `osd.${id} is still up` };
    if (osd.pgs > 0) this.lost.push(id);
    if (!keepId) this.osds.delete(id);
    else Object.assign(osd, { uuid: NOBODY, state: new Set(["exists", "destroyed"]), weight: 0, pgs: 0 });
    return "";
  }
}
