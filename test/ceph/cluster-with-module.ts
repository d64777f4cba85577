/**
 * A real Ceph with orchbridge in its mgr, for the tests in this folder.
 *
 *   describe.each(RELEASE_NAMES)("on %s", (release) => {
 *     const at = clusterWithModule({ release, name: "faults" });          // up before the first test, down after the last
 *     it("answers", async () => {
 *       expect(await at().ok("orch host ls")).toContain("h1");            // the release's own `ceph`; blanks separate words
 *       expect(await at().json("orch host ls")).toMatchObject([…]);       // the same with --format json
 *       await at().refused("orch host rm h9", "ENOENT", "host h9 …");     // one line on stderr, and the exit code of that name
 *       expect(await at().read("orch ps")).toEqual([]);                   // as json(), in a millisecond over librados
 *       await at().reset({ hosts: [{ hostname: "h1" }] });                // a new Node process, with these backend_options
 *     });
 *   });
 */
import { constants } from "node:os";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";

import {
  type Cluster,
  missing,
  type RadosCommand,
  type Release,
  type Result,
  type UpOptions,
  until,
  upCluster,
} from "../../testbed/cluster.ts";
import { harmIn } from "./harm.ts";
import { buildModule, installModule } from "./installed-module.ts";

/** What a manager may take to start Node, after a restart or with new options. */
const READY_MS = 30_000;

/** Why `fs volume rm` is left out there. */
export const REMOVAL_ENDS_REEF =
  "the mgr of 18.2.7 on Python 3.13 itself may crash at the end of a command whose last act was a mon command";

/** The words of a command, separated by blanks; an array where a word holds some. */
export type Command = string | readonly string[];

export interface ModuleWish extends Omit<UpOptions, "name" | "beforeStart"> {
  /** Told apart from those of other files by this, and from other runs by the pid. */
  readonly name: string;
  /** A built-in backend, or the path of a file as the mgr sees it. Default: memory. */
  readonly backend?: string;
  /** Options of the backend at the start. */
  readonly options?: object;
  /**
   * When the module comes: before the mgr's first start (default), or into a running mgr, which knows it only after
   * `ceph mgr module enable --force`.
   */
  readonly install?: "before start" | "into running mgr";
  /** Whether `ceph orch` is pointed at the module. Default: true. */
  readonly activate?: boolean;
}

/**
 * Registers hooks for the surrounding `describe`: a cluster with the module is up before its first test and down after its
 * last, and where the machine cannot run one, every test is skipped and says why. The answer gives the cluster to tests.
 */
export function clusterWithModule(wish: ModuleWish): () => ClusterWithModule {
  const reason = missing(wish.release);
  let cluster: ClusterWithModule | undefined;
  beforeEach((context) => context.skip(reason !== null, reason ?? ""));
  beforeAll(async () => {
    if (reason === null) cluster = await upWithModule(wish);
  });
  afterAll(async () => {
    if (cluster === undefined) return;
    // Whatever the mgr started ends with it, or the life line is broken.
    expect(await cluster.down()).toEqual([]);
  });
  return () => {
    if (cluster === undefined) throw new Error("the cluster is not up: call this from a test");
    return cluster;
  };
}

/** Brings a cluster up, with the module installed, enabled, configured and, unless told otherwise, activated. */
export async function upWithModule(wish: ModuleWish): Promise<ClusterWithModule> {
  const { name, backend = "memory", options = {}, install = "before start", activate = true, ...up } = wish;
  buildModule();
  const early = install === "before start";
  const cluster = await upCluster({
    ...up,
    name: `${name}-${process.pid}`,
    ...(early ? { beforeStart: (made: Cluster) => installModule(made.moduleDir) } : {}),
  });
  const made = new ClusterWithModule(cluster);
  try {
    if (!early) installModule(cluster.moduleDir);
    await made.enable({ force: !early });
    await made.ok(["config", "set", "mgr", "mgr/orchbridge/backend_options", JSON.stringify(options)]);
    await made.ok(`config set mgr mgr/orchbridge/backend ${backend}`);
    if (activate) await made.activate();
    made.noteMgr();
    return made;
  } catch (error) {
    await cluster.down({ keep: true });
    throw error;
  }
}

/** A cluster whose mgr has the module. */
export class ClusterWithModule {
  readonly cluster: Cluster;
  readonly release: Release;
  #mgr: { pid: number | undefined; revivals: number } | undefined;
  #logSeen = 0;
  #memoryLimit = 512;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.release = cluster.release;
  }

  /** Runs the release's own `ceph`. `input` is given by `-i`. A command's failure is a code. */
  ceph(command: Command, options: { input?: string; timeoutMs?: number } = {}): Promise<Result> {
    return this.cluster.ceph(words(command), options);
  }

  /** The same, expected to succeed; the answer is what it printed, without the last newline. */
  async ok(command: Command, options: { input?: string } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.ceph(command, options);
    expect(code, `${words(command).join(" ")}: ${stderr}`).toBe(0);
    return stdout.trimEnd();
  }

  /** The same with `--format json`, parsed. */
  async json<T = unknown>(command: Command, options: { input?: string } = {}): Promise<T> {
    const text = await this.ok([...words(command), "--format", "json"], options);
    return JSON.parse(text) as T; // what it holds is what the test looks at
  }

  /**
   * The same, expected to fail with the exit code of an errno such as ENOENT and one line on stderr that says so and holds
   * `says`. `lines` allows more, where the message itself has some.
   */
  async refused(
    command: Command,
    errno: keyof typeof constants.errno,
    says: string | RegExp,
    options: { input?: string; lines?: number } = {},
  ): Promise<void> {
    const { lines = 1, ...rest } = options;
    const { code, stderr } = await this.ceph(command, rest);
    const what = `${words(command).join(" ")}: ${stderr}`;
    if (typeof says === "string") expect(stderr, what).toContain(says);
    else expect(stderr, what).toMatch(says);
    expect(stderr, what).toMatch(new RegExp(`^Error ${errno}: `));
    expect(stderr.trimEnd().split("\n"), what).toHaveLength(lines);
    expect(code, what).toBe(constants.errno[errno]);
  }

  /**
   * A command whose words and arguments are given as librados takes them, expected to succeed; its JSON. A list that Ceph
   * prints as a sentence where it is empty (`No services reported`) is one.
   */
  async read<T = unknown>(prefix: string, args: Omit<RadosCommand, "prefix"> = {}): Promise<T> {
    const { ret, out, err } = await this.cluster.rados().mgr({ prefix, format: "json", ...args });
    expect({ ret, err }, prefix).toMatchObject({ ret: 0 });
    return JSON.parse(/^No \w+ reported/.test(out) ? "[]" : out) as T;
  }

  /** Reads again until `holds` is true of the answer, for at most half a minute. */
  async readUntil<T>(
    what: string,
    prefix: string,
    args: Omit<RadosCommand, "prefix">,
    holds: (answer: T) => boolean,
  ): Promise<T> {
    let last: T | undefined;
    return until<T>(
      () => `${what}; ${prefix} says ${JSON.stringify(last)}`,
      READY_MS,
      async () => {
        last = await this.read<T>(prefix, args);
        return holds(last) ? last : undefined;
      },
    );
  }

  /** `ceph mgr module enable`, and waits until the mgr that starts itself anew is back. */
  async enable(options: { force?: boolean } = {}): Promise<void> {
    const before = await this.cluster.mgrMap();
    const force = options.force === true ? ["--force"] : [];
    await this.ok(["mgr", "module", "enable", "orchbridge", ...force]);
    await this.cluster.waitForMgr(
      (map) => map.available && map.active_gid !== before.active_gid,
      "the mgr to be back after module enable",
    );
  }

  /** `ceph orchbridge activate`, and waits until `ceph orch` has the backend available. */
  async activate(): Promise<string> {
    const said = await this.ok("orchbridge activate");
    await this.waitUntilAvailable();
    return said;
  }

  /** `Backend: …`, `Available: …`, as `ceph orch status` prints them, over librados. */
  async status(): Promise<string> {
    const prefix = this.release === "nautilus" ? "orchestrator status" : "orch status";
    const { out, err } = await this.cluster.rados().mgr({ prefix });
    return `${out}${err}`;
  }

  waitUntilAvailable(): Promise<void> {
    return this.waitForStatus(/^Available: (Yes|True)/m);
  }

  /** Waits, half a minute at most, until `ceph orch status` prints that. */
  async waitForStatus(wanted: RegExp): Promise<void> {
    let last = "";
    const said = (): string => `the status ${wanted}; the mgr says: ${last}\n${this.#lastOfLog()}`;
    await until(said, READY_MS, async () => {
      last = await this.status();
      return wanted.test(last) ? true : undefined;
    });
  }

  /** The mgr's last words about the module. */
  #lastOfLog(): string {
    const lines = this.cluster.mgrLog().split("\n");
    return lines
      .filter((line) => line.includes("orchbridge") && !line.includes("log_channel("))
      .slice(-15)
      .join("\n");
  }

  /**
   * Starts the Node process anew with these options of the backend (default: the memory backend, whose state begins again),
   * and without the operations of before; returns when it is available.
   */
  async reset(options: object, backend = "memory"): Promise<void> {
    for (const key of await this.journalKeys()) {
      expect(await this.cluster.rados().mon({ prefix: "config-key rm", key })).toMatchObject({ ret: 0 });
    }
    await this.#set("backend_options", JSON.stringify(options));
    await this.#set("backend", backend);
    // Another memory limit takes another process, and shows which one was started with all that was set before it.
    this.#memoryLimit += 1;
    await this.#set("memory_limit", String(this.#memoryLimit));
    const flag = `--max-old-space-size=${this.#memoryLimit} `;
    await until(
      "Node to start with the new options",
      READY_MS,
      () => this.#nodes().some(({ command }) => command.includes(flag)) || undefined,
    );
    await this.waitUntilAvailable();
  }

  /** The keys of the journal: none when no operation is unfinished or failed. */
  async journalKeys(): Promise<string[]> {
    const { ret, out } = await this.cluster.rados().mon({ prefix: "config-key ls", format: "json" });
    expect(ret, "config-key ls").toBe(0);
    return (JSON.parse(out) as string[]).filter((key) => key.startsWith("mgr/orchbridge/op/"));
  }

  async #set(option: string, value: string): Promise<void> {
    const command = { prefix: "config set", who: "mgr", name: `mgr/orchbridge/${option}`, value };
    expect(await this.cluster.rados().mon(command), option).toMatchObject({ ret: 0 });
  }

  /** The Node processes of the module, one as a rule. */
  nodePids(): number[] {
    return this.#nodes().map(({ pid }) => pid);
  }

  #nodes(): { pid: number; command: string }[] {
    return this.cluster
      .processes()
      .filter(({ command }) => command.includes(" serve --fd ") && !command.includes("launcher.sh"));
  }

  /** Takes the mgr that runs now as the one that has to stay; for tests that end one on purpose. */
  noteMgr(): void {
    const { pid, revivals } = this.cluster.daemon("mgr.x");
    this.#mgr = { pid, revivals };
  }

  /**
   * The module left no crash dump, raised nothing out of a remote call, wrote no Python traceback, and the mgr runs on,
   * as the process that it was unless the testbed had to start it again. Looks at what was logged since the last look.
   */
  expectNoHarm(): void {
    expect(this.cluster.crashMetas().filter(({ content }) => content.includes("orchbridge"))).toEqual([]);
    const log = this.cluster.mgrLog();
    expect(harmIn(log.slice(this.#logSeen))).toEqual([]);
    this.#logSeen = log.length;
    const { ended, pid, revivals } = this.cluster.daemon("mgr.x");
    expect(ended, this.cluster.daemon("mgr.x").logTail()).toBeUndefined();
    if (revivals === this.#mgr?.revivals) expect(pid).toBe(this.#mgr.pid);
  }

  /** Ends the cluster; what had to be killed besides daemons. */
  async down(): Promise<string[]> {
    const killed = await this.cluster.down();
    return killed.map(({ command }) => command);
  }
}

function words(command: Command): readonly string[] {
  return typeof command === "string" ? command.split(" ") : command;
}
