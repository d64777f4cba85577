/** A cluster that is up, in the hands of whoever uses it. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

import { Daemon, type DaemonName } from "./daemon.ts";
import { endCluster } from "./death.ts";
import { gidsOf, type MgrMap, readMgrMap } from "./mgr-map.ts";
import { cleanEnvironment, type Devices, enter, type Place, processesUnder, type TaggedProcess } from "./namespace.ts";
import { RadosClient } from "./rados-client.ts";
import { RELEASES, type Release } from "./releases.ts";
import { type Result, run } from "./run.ts";
import { type ClusterState, clusterDir, placeOf, readState, writeState } from "./state.ts";
import { until } from "./wait.ts";

/** A crash dump: the path and the JSON text of its `meta` file. */
export interface CrashMeta {
  readonly path: string;
  readonly content: string;
}

const MGR_MS = 60_000;

/** A cluster that is up. `upCluster` makes one, `openCluster` finds one that another process made. */
export class Cluster {
  readonly release: Release;
  readonly name: string;
  /** The cluster's folder, as the host sees it. */
  readonly dir: string;
  /** The same folder, as the cluster's processes see it. */
  readonly inside: string;
  /** The mgr's module folder on the host: what `orchbridge install --mgr-dir` takes. */
  readonly moduleDir: string;
  /** ceph.conf on the host. */
  readonly confPath: string;
  /** Root and tag, for those who start processes in it. */
  readonly place: Place;
  #rados: RadosClient | undefined;
  readonly #daemons = new Map<DaemonName, Daemon>();
  #inputs = 0;

  constructor(release: Release, name: string, state: ClusterState) {
    this.release = release;
    this.name = name;
    this.dir = clusterDir(release, name);
    this.inside = `/clusters/${name}`;
    this.moduleDir = join(this.dir, "mgr-modules");
    this.confPath = join(this.dir, "ceph.conf");
    this.place = placeOf(release, name, state);
  }

  /** What stands in the cluster's folder about it: fsid, ports, dashboard, … */
  get state(): ClusterState {
    const state = readState(this.dir);
    if (state === undefined) throw new Error(`the ${this.release} cluster ${this.name} is not up any more`);
    return state;
  }

  /** Writes part of the state. */
  remember(change: Partial<ClusterState>): void {
    writeState(this.dir, { ...this.state, ...change });
  }

  /**
   * Runs the release's own `ceph` command. `input` becomes a file given by `-i`. Fails only if there is no answer
   * within `timeoutMs` (default two minutes); a command's failure is a code.
   */
  async ceph(args: readonly string[], options: { input?: string; timeoutMs?: number } = {}): Promise<Result> {
    const { input, ...rest } = options;
    if (input === undefined) return this.inRoot(["ceph", ...args], rest);
    this.#inputs += 1;
    const file = `in/${process.pid}-${this.#inputs}`;
    writeFileSync(join(this.dir, file), input, { mode: 0o600 });
    try {
      return await this.inRoot(["ceph", ...args, "-i", `${this.inside}/${file}`], rest);
    } finally {
      rmSync(join(this.dir, file), { force: true });
    }
  }

  /** Runs any command of the root, with CEPH_CONF set. */
  inRoot(command: readonly string[], options: { input?: string; timeoutMs?: number } = {}): Promise<Result> {
    const [file, args] = this.argv(command);
    return run(file, args, { ...options, env: this.env() });
  }

  /** Writes (`put`, with the text as input) or reads (`get`) a file of a CephFS: FILESYSTEM put|get PATH. */
  async cephfsFile(words: readonly [string, "put" | "get", string], input = ""): Promise<Result> {
    copyFileSync(join(import.meta.dirname, "cephfs-file.py"), join(this.dir, "in", "cephfs-file.py"));
    return this.inRoot(["python3", `${this.inside}/in/cephfs-file.py`, ...words], { input });
  }

  /** The program and arguments that run `command` in the root; to be spawned with `env()`. */
  argv(command: readonly string[]): readonly [string, readonly string[]] {
    return enter(this.place, command);
  }

  env(): Record<string, string> {
    return cleanEnvironment({ CEPH_CONF: `${this.inside}/ceph.conf` });
  }

  /** The persistent librados connection, made at first use. */
  rados(): RadosClient {
    this.#rados ??= new RadosClient(this.place, this.dir, this.inside);
    return this.#rados;
  }

  /** Ends what this process holds open; the cluster runs on. */
  close(): void {
    this.#rados?.close();
    this.#rados = undefined;
  }

  /** `mon.a`, `mgr.x`, `osd.0`: its pid, log, signals. */
  daemon(name: DaemonName): Daemon {
    const known = this.#daemons.get(name) ?? new Daemon(this.place, this.dir, name);
    this.#daemons.set(name, known);
    return known;
  }

  mgrPid(id = "x"): number | undefined {
    return this.daemon(`mgr.${id}`).pid;
  }

  mgrLog(id = "x"): string {
    return this.daemon(`mgr.${id}`).log();
  }

  /** Sends a signal to a mgr, and waits for its end (SIGSTOP, SIGCONT and SIGHUP end nothing: see `daemon().signal`). */
  killMgr(name: NodeJS.Signals = "SIGKILL", id = "x"): Promise<void> {
    return this.daemon(`mgr.${id}`).stop(name);
  }

  /** Starts a mgr and waits until the monitor has it as active and available, or as a standby. */
  async startMgr(id = "x"): Promise<void> {
    const daemon = this.daemon(`mgr.${id}`);
    const former = gidsOf(await this.mgrMap(), id);
    await this.launchMgr(id);
    await this.waitForMgr((map) => {
      daemon.check();
      const fresh = gidsOf(map, id).some((gid) => !former.includes(gid));
      return fresh && (map.active_name !== id || map.available);
    }, `mgr.${id} to be active or a standby`);
  }

  /** Starts a mgr and returns when it stands in its root. */
  launchMgr(id: string): Promise<void> {
    return this.daemon(`mgr.${id}`).start(this.mgrCommand(id), this.#mgrDevices());
  }

  async restartMgr(name: NodeJS.Signals = "SIGTERM", id = "x"): Promise<void> {
    await this.killMgr(name, id);
    await this.startMgr(id);
  }

  /** Ends the monitor and starts it again on its data; returns when it answers. */
  async restartMon(name: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const daemon = this.daemon("mon.a");
    await daemon.stop(name);
    await daemon.start(this.monCommand());
    await this.mgrMap();
  }

  mgrMap(): Promise<MgrMap> {
    return readMgrMap(this.rados());
  }

  /** Waits (one minute) until the monitor's view of the managers is as wanted. */
  async waitForMgr(wanted: (map: MgrMap) => boolean, what: string): Promise<MgrMap> {
    let last: MgrMap | undefined;
    const said = (): string => `${what}; the mgr map is ${JSON.stringify(last)}\n${this.mgrLog().slice(-1500)}`;
    const look = async (): Promise<MgrMap | undefined> => {
      last = await this.mgrMap();
      return wanted(last) ? last : undefined;
    };
    return until(said, MGR_MS, look, 100);
  }

  /**
   * `ceph mgr module enable`, which makes the active mgr start itself anew; returns when it is back and available.
   * Does nothing if the module is enabled already.
   */
  async enableModule(name: string, options: { force?: boolean } = {}): Promise<void> {
    await this.#changeModules("enable", name, options);
  }

  async disableModule(name: string): Promise<void> {
    await this.#changeModules("disable", name, {});
  }

  async #changeModules(verb: "enable" | "disable", module: string, options: { force?: boolean }): Promise<void> {
    const before = await this.mgrMap();
    if (before.modules.includes(module) === (verb === "enable")) return;
    await this.setModule(verb, module, options);
    const back = (map: MgrMap): boolean => map.available && map.active_gid !== before.active_gid;
    await this.waitForMgr(back, `the mgr to be back after module ${verb} ${module}`);
  }

  /** The command alone, without waiting for what the mgr makes of it. */
  async setModule(verb: "enable" | "disable", module: string, options: { force?: boolean } = {}): Promise<void> {
    // Up to Pacific the flag is one of a choice of words, later it is a boolean.
    const yes = RELEASES[this.release].major < 18 ? "--force" : true;
    const force = options.force === true ? { force: yes } : {};
    const { ret, err } = await this.rados().mon({ prefix: `mgr module ${verb}`, module, ...force });
    if (ret !== 0) throw new Error(`mgr module ${verb} ${module}: ${err} (${ret})`);
  }

  /** The crash dumps of this cluster, of all its daemons and modules. */
  crashMetas(): CrashMeta[] {
    const dirs = ["crash", "crash/posted"].map((name) => join(this.dir, name)).filter((dir) => existsSync(dir));
    return dirs
      .flatMap((dir) => readdirSync(dir).map((name) => join(dir, name, "meta")))
      .filter((path) => existsSync(path))
      .map((path) => ({ path, content: readFileSync(path, "utf8") }));
  }

  /** A path of the host as the cluster's processes see it, for example of a file under `dir`. */
  pathInRoot(path: string): string {
    const inRoot = relative(this.place.root, path);
    if (inRoot.startsWith("..")) throw new Error(`${path} is not in the ${this.release} root ${this.place.root}`);
    return `/${inRoot.split(sep).join("/")}`;
  }

  /** A folder under `dir` (made if missing), for files that the cluster's processes shall read. */
  folder(name: string): string {
    const path = join(this.dir, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** All living processes that were started in this cluster, also by its mgr, whatever became of their parents. */
  processes(): TaggedProcess[] {
    return processesUnder(this.place.tag);
  }

  /**
   * Ends and removes the cluster. Answers with the processes that were no daemons and had to be killed (a test of
   * leaks expects none).
   */
  async down(options: { keep?: boolean } = {}): Promise<TaggedProcess[]> {
    this.close();
    return endCluster(this.release, this.name, options);
  }

  monCommand(): string[] {
    return ["ceph-mon", "-f", ...this.#daemonArgs("a", this.state.host !== null)];
  }

  /** With `-f`, as the packaged unit does: without it each `mgr fail` makes a daemon anew and hides zombies. */
  mgrCommand(id: string): string[] {
    const { host, user } = this.state;
    const command = ["ceph-mgr", "-f", ...this.#daemonArgs(id, user === "ceph")];
    // As the packaged unit has it; its devices are hidden below.
    return host !== null && user === "ceph" ? ["setpriv", "--no-new-privs", ...command] : command;
  }

  /** As the packaged units have them on a host, where ceph.conf stands in its usual place. */
  #daemonArgs(id: string, asCeph: boolean): string[] {
    const conf =
      this.state.host === null ? ["-i", id, "-c", `${this.inside}/ceph.conf`] : ["--cluster", "ceph", "--id", id];
    return [...conf, ...(asCeph ? ["--setuser", "ceph", "--setgroup", "ceph"] : [])];
  }

  /** A packaged manager sees no devices. */
  #mgrDevices(): Devices {
    const { host, user } = this.state;
    return host !== null && user === "ceph" ? "none" : "machine";
  }
}
