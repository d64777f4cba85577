/** One Ceph daemon of a cluster: started detached, so that it outlives the command that started it. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { carries, cleanEnvironment, type Devices, enter, type Place, signal } from "./namespace.ts";
import { until } from "./wait.ts";

/** `mon.a`, `mgr.x`, `osd.0`; the host agent is `agent.host`. */
export type DaemonName = `${"mon" | "mgr" | "osd" | "agent"}.${string}`;

const GRACE_MS = 10_000;

/**
 * In a few of a hundred starts a manager of 16.2.15 or 18.2.7 aborts at the first connections that it is offered. Its unit
 * starts a packaged one again, so the testbed does too; any other end stays one, for whoever waits to see.
 */
const CEPH_ABORTS = /FAILED ceph_assert\(ckh\)/;
const REVIVALS = 3;

const EVENT_DUMP = /^--- begin dump of recent events ---$.*?^--- end dump of recent events ---$/gms;

export class Daemon {
  readonly name: DaemonName;
  readonly #place: Place;
  readonly #dir: string;
  #life: { ended?: string } = {};
  #revivals = 0;

  /** `dir` is the cluster's folder on the host. */
  constructor(place: Place, dir: string, name: DaemonName) {
    this.#place = place;
    this.#dir = dir;
    this.name = name;
  }

  /** The pid while it runs, undefined else. */
  get pid(): number | undefined {
    if (!existsSync(this.#pidFile)) return undefined;
    const pid = Number(readFileSync(this.#pidFile, "utf8"));
    return carries(pid, this.#place.tag) ? pid : undefined;
  }

  /** Why it ended by itself since `start`, undefined while it runs. Known only in the process that started it. */
  get ended(): string | undefined {
    return this.#life.ended;
  }

  /** How often it was started again because it had aborted by the known flaw of its Ceph. */
  get revivals(): number {
    return this.#revivals;
  }

  /** Starts it and returns when it stands in its root; the daemon itself may need longer to answer. */
  async start(command: readonly string[], devices: Devices = "machine"): Promise<void> {
    if (this.pid !== undefined) throw new Error(`${this.name} runs already`);
    // One object a start: a former child's exit may be told after the next one was started.
    const life: { ended?: string } = {};
    this.#life = life;
    const printed = this.printed().length;
    const out = openSync(this.#outFile, "a");
    const [file, args] = enter(this.#place, command, devices);
    const child = spawn(file, args, { env: cleanEnvironment(), detached: true, stdio: ["ignore", out, out] });
    closeSync(out);
    child.on("error", (error) => (life.ended = error.message));
    child.on("exit", (code, by) => {
      if (by === "SIGABRT" && CEPH_ABORTS.test(this.printed().slice(printed)) && this.#revivals < REVIVALS) {
        return this.#revive(command, devices);
      }
      life.ended = by === null ? `ended with code ${code}` : `ended by ${by}`;
    });
    const { pid } = child;
    if (pid === undefined) throw new Error(`${this.name} could not be started: unshare is missing`);
    writeFileSync(this.#pidFile, String(pid));
    const stands = (): true | undefined => carries(pid, this.#place.tag) || life.ended !== undefined || undefined;
    await until(`${this.name} to start`, GRACE_MS, stands, 2);
    child.unref();
    this.check();
  }

  /** As its unit would start it. */
  #revive(command: readonly string[], devices: Devices): void {
    this.#revivals += 1;
    process.stderr.write(
      `testbed: ${this.name} aborted by a flaw of its Ceph (${CEPH_ABORTS.source}); it is started again\n`,
    );
    this.start(command, devices).catch((error: unknown) => {
      this.#life.ended = String(error);
    });
  }

  /** Throws with the end of its log if it ended by itself. */
  check(): void {
    const { ended } = this.#life;
    if (ended !== undefined) throw new Error(`${this.name} ${ended}\n${this.logTail()}`);
  }

  /** Sends a signal and returns; see `stop` for waiting. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    signal(pid, name);
  }

  /** Ends it: by the given signal, and by SIGKILL if it has not gone after ten seconds. */
  async stop(name: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    signal(pid, name);
    const gone = (): true | undefined => (carries(pid, this.#place.tag) ? undefined : true);
    try {
      await until(`${this.name} to end`, GRACE_MS, gone, 10);
    } catch {
      signal(pid, "SIGKILL");
      await until(`${this.name} to end after SIGKILL`, GRACE_MS, gone, 10);
    }
  }

  /** All of its log, empty before it wrote any, less the dumps in which a crash repeats the ten thousand entries before it. */
  log(): string {
    const file = join(this.#dir, "log", `${this.name}.log`);
    return existsSync(file) ? readFileSync(file, "utf8").replaceAll(EVENT_DUMP, "") : "";
  }

  /** The last lines of what it printed and logged, for an error message. */
  logTail(): string {
    const last = (text: string): string[] => text.trimEnd().split("\n").slice(-8);
    return [...last(this.printed()), ...last(this.log())].join("\n").trim();
  }

  /** All that it wrote to its stdout and stderr. */
  printed(): string {
    return existsSync(this.#outFile) ? readFileSync(this.#outFile, "utf8") : "";
  }

  get #pidFile(): string {
    return join(this.#dir, "run", `${this.name}.pid`);
  }

  get #outFile(): string {
    return join(this.#dir, "log", `${this.name}.out`);
  }
}

/** The names of the daemons that were ever started in a cluster's folder. */
export function daemonNames(dir: string): DaemonName[] {
  const run = join(dir, "run");
  if (!existsSync(run)) return [];
  return readdirSync(run)
    .map((file) => /^((?:mon|mgr|osd|agent)\.\w+)\.pid$/.exec(file)?.[1])
    .filter((name) => name !== undefined)
    .map((name) => name as DaemonName)
    .toSorted();
}
