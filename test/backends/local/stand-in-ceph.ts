/** A stand-in for the cluster around a stand-in host: enough of Ceph's maps for an upgrade, and what its commands change. */
import type { Json } from "../../../src/index.ts";
import { FSID, StandInHost } from "./stand-in-host.ts";

export const OLD = "16.2.15";
export const NEW = "18.2.7";

interface FileSystem {
  maxMds: number;
  flags: number;
  /** Of daemons by rank; the rest stand by. */
  ranks: string[];
}

export class StandInCeph extends StandInHost {
  activeMgr = "x";
  /** Modules that standby mgrs cannot run, with the error. */
  readonly brokenModules = new Map<string, string>();
  readonly flags = new Set<string>();
  required = "pacific";
  readonly filesystems = new Map<string, FileSystem>();
  /** Daemons that are not in the maps, though they run. */
  readonly missing = new Set<string>();

  pgs: { pgid: string; state: string; reported_epoch: number; acting: number[] }[] = [];

  constructor(daemons?: StandInHost["daemons"]) {
    super(daemons);
    this.maps["pg_stats"] = () => ({ pg_stats: this.pgs });
    this.maps["service_map"] = () => this.#serviceMap();
    this.maps["mgr_map"] = () => ({
      active_name: this.activeMgr,
      standbys: this.#standbys().map((name) => ({ name })),
    });
    this.maps["fs_map"] = () => ({ filesystems: [] });
    Object.assign(this.commands, this.#answers());
  }

  /** One mon, two mgrs, three OSDs, two mdss of one file system, a gateway and ceph-crash, all old; new programs are installed. */
  static whole(): StandInCeph {
    const ceph = new StandInCeph();
    for (const name of ["rgw.s3.a", "mds.home.b", "mds.home.a", "osd.10", "osd.2", "osd.1", "crash.h1"] as const)
      ceph.add(name, { version: name.startsWith("crash") ? null : OLD });
    for (const name of ["mon.a", "mgr.x", "mgr.y"] as const) ceph.add(name, { version: OLD });
    ceph.filesystems.set("home", { maxMds: 1, flags: 0, ranks: ["home.a"] });
    for (const type of ["mon", "mgr", "osd", "mds", "rgw"]) ceph.installed[type] = NEW;
    return ceph;
  }

  /** The names of the daemons that were restarted, in order, and the commands between. */
  get steps(): string[] {
    return this.done.map((step) => step.replace(/^restart /, ""));
  }

  versions(): Record<string, string | null> {
    return Object.fromEntries([...this.daemons.values()].map(({ name, version }) => [name, version]));
  }

  #answers(): StandInHost["commands"] {
    return {
      "mon metadata": () => this.#metadata("mon"),
      "mgr metadata": () => this.#metadata("mgr"),
      "osd metadata": () => this.#metadata("osd"),
      "mds metadata": () => this.#metadata("mds"),
      "mgr dump": () => ({
        active_name: this.activeMgr,
        active_gid: this.#gid("mgr", this.activeMgr),
        available: true,
        standbys: this.#standbys().map((name) => ({
          name,
          gid: this.#gid("mgr", name),
          available_modules: [this.#module(name)],
        })),
      }),
      "mgr fail": () => {
        this.activeMgr = this.#ids("mgr").find((name) => name !== this.activeMgr) ?? this.activeMgr;
        return "";
      },
      quorum_status: () => ({
        election_epoch: this.#ids("mon").reduce((sum, id) => sum + this.#gid("mon", id), 0),
        quorum_names: this.#ids("mon"),
        monmap: { mons: this.#mons().map((name) => ({ name })) },
      }),
      "mon dump": () => ({
        fsid: FSID,
        quorum: this.#mons().flatMap((name, rank) => (this.#ids("mon").includes(name) ? [rank] : [])),
        mons: this.#mons().map((name, rank) => ({ name, rank, public_addrs: { addrvec: [] } })),
      }),
      "osd dump": () => ({
        flags: ["sortbitwise", ...this.flags].join(","),
        require_osd_release: this.required,
        osds: this.#ids("osd").map((id) => ({
          osd: Number(id),
          up: 1,
          up_from: 5 + Math.floor(this.#gid("osd", id) / 1000),
        })),
      }),
      "osd set": ({ key = "" }) => (this.flags.add(key), ""),
      "osd unset": ({ key = "" }) => (this.flags.delete(key), ""),
      "osd require-osd-release": ({ release = "" }) => ((this.required = release), ""),
      "fs dump": () => this.#fsDump(),
      "fs set": ({ fs_name: name = "", var: option = "", val = "" }) => this.#fsSet(name, option, val),
    };
  }

  /** The ids of the daemons of a type that run, whoever started them, as the maps know them. */
  #ids(type: string): string[] {
    return [...this.daemons.values()]
      .filter(({ state }) => state === "running" || state === "foreign")
      .filter((daemon) => daemon.type === type && !this.missing.has(daemon.name))
      .map(({ id }) => id);
  }

  /** All monitors of the map, whether they run or not. */
  #mons(): string[] {
    return [...this.daemons.values()].filter(({ type }) => type === "mon").map(({ id }) => id);
  }

  #standbys(): string[] {
    return this.#ids("mgr").filter((name) => name !== this.activeMgr);
  }

  /** Another one for each process. */
  #gid(type: string, id: string): number {
    return this.daemons.get(`${type}.${id}`)?.pid ?? 0;
  }

  #metadata(type: string): Json {
    return this.#ids(type).map((id) => ({
      ...(type === "osd" ? { id: Number(id) } : { name: id }),
      ceph_version_short: this.daemons.get(`${type}.${id}`)?.version ?? "",
    }));
  }

  #serviceMap(): Json {
    const rgws = this.#ids("rgw").map((id, index) => [
      String(index),
      { metadata: { id, ceph_version_short: this.daemons.get(`rgw.${id}`)?.version ?? "" } },
    ]);
    return { services: { rgw: { daemons: { summary: "", ...Object.fromEntries(rgws) } } } };
  }

  #module(mgr: string): Json {
    const error = this.brokenModules.get(mgr);
    return { name: "orchbridge", can_run: error === undefined, error_string: error ?? "" };
  }

  #fsDump(): Json {
    const living = this.#ids("mds");
    for (const filesystem of this.filesystems.values()) this.#fill(filesystem, living);
    const held = new Set([...this.filesystems.values()].flatMap(({ ranks }) => ranks));
    return {
      standbys: living.filter((name) => !held.has(name)).map((name) => ({ name, gid: this.#gid("mds", name) })),
      filesystems: [...this.filesystems].map(([name, { maxMds, flags, ranks }]) => ({
        mdsmap: {
          fs_name: name,
          flags,
          max_mds: maxMds,
          in: ranks.map((_, rank) => rank),
          info: Object.fromEntries(
            ranks.map((daemon, rank) => [
              `gid_${rank}`,
              { name: daemon, gid: this.#gid("mds", daemon), rank, state: "up:active" },
            ]),
          ),
        },
      })),
    };
  }

  /** As the monitors do: ranks above max_mds end, and one that is lost goes to a standby. */
  #fill(filesystem: FileSystem, living: readonly string[]): void {
    filesystem.ranks.length = Math.min(filesystem.ranks.length, filesystem.maxMds);
    const spare = living.filter((name) => !filesystem.ranks.includes(name));
    filesystem.ranks = filesystem.ranks.map((name) => (living.includes(name) ? name : (spare.shift() ?? name)));
  }

  #fsSet(name: string, option: string, value: string): Json {
    const filesystem = this.filesystems.get(name)!;
    if (option === "max_mds") filesystem.maxMds = Number(value);
    else filesystem.flags = value === "true" ? filesystem.flags | 32 : filesystem.flags & ~32;
    return "";
  }
}
