/** The place of a crash matrix: a cluster of two managers, with the backend `durable` on a small disk of its own. */
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Release, until } from "../../testbed/cluster.ts";
import { RadosClient } from "../../testbed/rados-client.ts";
import { type ClusterWithModule, upWithModule } from "../ceph/cluster-with-module.ts";
import { harmIn } from "../ceph/harm.ts";
import { useBackend } from "../ceph/own-backend.ts";
import { SmallDisk } from "./small-disk.ts";

/** Where the backend can be held. */
export type Hold = "entered" | "stored" | "begun" | "made";

/** A line of the world: a service was made so. */
export interface Effect {
  readonly name: string;
  readonly operation: string;
  readonly pid: number;
  readonly at: number;
}

/** A row of `ceph orchbridge op ls`. */
export interface OperationRow {
  readonly call: string;
  readonly title: string;
  readonly state: string;
  readonly error: string | null;
}

/** A manager that says nothing for so long is taken for dead; Ceph's default is 30 s. */
const GRACE_S = 5;
const READY_MS = 60_000;
const MGRS = ["x", "y"];

export class Site {
  readonly at: ClusterWithModule;
  readonly disk: SmallDisk;
  readonly release: Release;
  /** A second client, so that commands come over two connections. */
  readonly second: RadosClient;
  /** Whether the monitor is stopped at the moment. */
  monStopped = false;
  readonly #world: string;
  readonly #logsSeen = new Map<string, number>();

  private constructor(at: ClusterWithModule, disk: SmallDisk) {
    this.at = at;
    this.disk = disk;
    this.release = at.release;
    this.#world = at.cluster.folder("world");
    this.second = new RadosClient(at.cluster.place, at.cluster.dir, at.cluster.inside);
  }

  static async up(release: Release, name: string): Promise<Site> {
    const disk = await SmallDisk.make();
    try {
      const at = await upWithModule({ release, name, mgrs: MGRS.length });
      const site = new Site(at, disk);
      await site.#prepare();
      return site;
    } catch (error) {
      disk.remove();
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    const timing = [
      ["mon", "mon_mgr_beacon_grace", GRACE_S],
      ["mon", "mon_tick_interval", 1],
      ["mgr", "mgr_tick_period", 1],
    ] as const;
    for (const [who, name, value] of timing) await this.at.ok(`config set ${who} ${name} ${value}`);
    await useBackend(this.at, "durable", { state: this.disk.path, world: this.at.cluster.pathInRoot(this.#world) });
    await this.ready();
  }

  /** Ends the cluster; what had to be killed besides daemons. */
  async down(options: { keep?: boolean } = {}): Promise<string[]> {
    this.second.close();
    try {
      const left = await this.at.cluster.down(options);
      return left.map(({ command }) => command);
    } finally {
      this.disk.remove();
    }
  }

  // The managers

  /** The active manager's id. */
  async active(): Promise<string> {
    return (await this.at.cluster.mgrMap()).active_name;
  }

  /** Waits until one manager is active with its backend available and one Node, and the other is a standby. */
  async ready(): Promise<void> {
    await this.at.cluster.waitForMgr(
      ({ available, standbys }) => available && standbys.length === MGRS.length - 1,
      "both managers",
    );
    await this.at.waitUntilAvailable();
    await until(
      () => `one Node process; there are ${this.at.nodePids().join(", ")}`,
      READY_MS,
      () => this.at.nodePids().length === 1 || undefined,
    );
  }

  /** What Ceph itself must not have suffered since the last look; a sentence for each harm. */
  harm(): string[] {
    const dumps = this.at.cluster.crashMetas().filter(({ content }) => content.includes("orchbridge"));
    const ended = MGRS.flatMap((id) => this.at.cluster.daemon(`mgr.${id}`).ended?.replace(/^/, `mgr.${id} `) ?? []);
    const raised = MGRS.flatMap((id) => harmIn(this.#newLog(id)));
    return [...dumps.map(({ path }) => `a crash dump names orchbridge: ${path}`), ...ended, ...raised];
  }

  /** How often a manager aborted by the known flaw of its Ceph. */
  revivals(): number {
    return MGRS.reduce((sum, id) => sum + this.at.cluster.daemon(`mgr.${id}`).revivals, 0);
  }

  #newLog(id: string): string {
    const log = this.at.cluster.mgrLog(id);
    const seen = this.#logsSeen.get(id) ?? 0;
    this.#logsSeen.set(id, log.length);
    return log.slice(seen);
  }

  /** The monitor answers nobody until it goes on. */
  stopMon(): void {
    this.at.cluster.daemon("mon.a").signal("SIGSTOP");
    this.monStopped = true;
  }

  continueMon(): void {
    if (this.monStopped) this.at.cluster.daemon("mon.a").signal("SIGCONT");
    this.monStopped = false;
  }

  // The backend

  /** Services stop there from now on: those named, or all. */
  hold(stage: Hold, ...names: string[]): void {
    writeFileSync(join(this.#world, `hold-${stage}`), names.join("\n"));
  }

  letGo(stage: Hold): void {
    rmSync(join(this.#world, `hold-${stage}`), { force: true });
  }

  releaseAll(): void {
    for (const stage of ["entered", "stored", "begun", "made"] as const) this.letGo(stage);
  }

  /** The processes that left such a mark for a service (`at-begun`, `returned`, `resumed`), and when they last did. */
  marks(mark: string, name: string): { pid: number; at: number }[] {
    const start = `${mark}.${name}.`;
    return readdirSync(this.#world)
      .filter((file) => file.startsWith(start))
      .map((file) => ({ pid: Number(file.slice(start.length)), at: statSync(join(this.#world, file)).mtimeMs }));
  }

  /** The file of such a mark. */
  markFile(mark: string, name: string, pid: number): string {
    return join(this.#world, `${mark}.${name}.${pid}`);
  }

  /** Waits until a service stands at a stage; the process in which it does. */
  reached(stage: Hold, name: string): Promise<number> {
    return until(`${name} at the stage ${stage}`, READY_MS, () => this.marks(`at-${stage}`, name)[0]?.pid, 5);
  }

  effects(): Effect[] {
    const file = join(this.#world, "effects");
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => {
      const [name = "", operation = "", pid, at] = line.split(" ");
      return { name, operation, pid: Number(pid), at: Number(at) };
    });
  }

  /** Forgets the services of a run that is over. */
  clear(): void {
    for (const file of readdirSync(this.#world)) rmSync(join(this.#world, file));
    for (const file of readdirSync(this.disk.path)) rmSync(join(this.disk.path, file));
    appendFileSync(join(this.#world, "effects"), "");
  }

  // The bridge

  /** The keys of the journal. */
  async journal(): Promise<string[]> {
    const { ret, out, err } = await this.at.cluster
      .rados()
      .mon({ prefix: "config-key dump", key: "mgr/orchbridge/op/", format: "json" });
    if (ret !== 0) throw new Error(`config-key dump: ${err} (${ret})`);
    return Object.keys(JSON.parse(out) as object);
  }

  async operations(): Promise<OperationRow[]> {
    const { ret, out } = await this.at.cluster.rados().mgr({ prefix: "orchbridge op ls", format: "json" });
    return ret === 0 ? (JSON.parse(out) as OperationRow[]) : [];
  }

  retry(call: string): Promise<{ ret: number; err: string }> {
    return this.at.cluster.rados().mgr({ prefix: "orchbridge op retry", id: call });
  }

  /** Messages of the progress events of the bridge that have not ended. */
  async runningEvents(): Promise<string[]> {
    const { events } = await this.at.read<{ events: { id: string; message: string }[] }>("progress json");
    return events.filter(({ id }) => id.startsWith("orchbridge-")).map((event) => JSON.stringify(event));
  }

  /** Calls that the shim has sent to Node and that Node has not answered. */
  async callsOnTheWire(): Promise<number> {
    const { calls } = await this.at.read<{ calls: { on_the_wire: number } }>("orchbridge status");
    return calls.on_the_wire;
  }
}
