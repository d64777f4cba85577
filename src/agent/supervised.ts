/** One daemon under supervision: started, watched, started again when it ends by itself, stopped. */
import { join } from "node:path";

import { messageOf, OrchestratorError } from "../index.ts";
import { versionOn } from "./admin-socket.ts";
import { writeFiles } from "./daemon-files.ts";
import type { ForeignDaemon } from "./foreign.ts";
import { findMarked, launch } from "./launching.ts";
import type { ManifestEntry } from "./manifest.ts";
import { boundOutput, lastLine, sizeOf } from "./output-file.ts";
import { bootId, figures, identify, type ProcessIdentity, runs, signal } from "./process-table.ts";
import type { Daemon, DaemonName } from "./protocol.ts";
import { RunHistory } from "./run-history.ts";
import type { RunRecord } from "./run-record.ts";
import { adminSocketsOf } from "./sockets.ts";
import type { Supervision } from "./supervision.ts";

const ADMIN_SOCKET_MS = 1000;
const STOP_POLL_MS = 50;

type Phase = Exclude<Daemon["state"], "foreign">;

export class Supervised {
  readonly name: DaemonName;
  readonly #site: Supervision;
  #phase: Phase = "stopped";
  readonly #history: RunHistory;
  /** Of a child, whose end is told with its reason; that of an adopted process has to be looked for. */
  #child: ProcessIdentity | undefined;
  #retry: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(name: DaemonName, site: Supervision) {
    this.name = name;
    this.#site = site;
    this.#history = new RunHistory(site.stateDir, name, site.log);
  }

  get phase(): Phase {
    return this.#phase;
  }

  get record(): RunRecord {
    return this.#history.record;
  }

  get process(): ProcessIdentity | undefined {
    return this.#history.record.process ?? undefined;
  }

  /** Does work on this daemon after all that was asked for before. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Finds its process again after a start of the agent. */
  async findAgain(): Promise<void> {
    const { process: former } = this.#history.record;
    const how = "found running after a start of the agent";
    if (former !== null && former.boot_id === bootId() && runs(former)) return this.#took(former, former.argv, how);
    // Started or adopted by an agent that was killed before it could note the process.
    const marked = findMarked(this.#mark) ?? this.#site.findStray(this.name)?.identity;
    if (marked !== undefined) return this.#took(marked, former?.argv ?? [], how);
    if (former !== null) await this.#history.note({ process: null });
  }

  /** Takes over a process that somebody else started; `how` is what is told of it. */
  async takeOver(identity: ProcessIdentity, argv: readonly string[], how: string): Promise<void> {
    await this.#took(identity, argv, how);
  }

  /** Starts it. What hinders that becomes its state, and is tried again later. */
  async start(): Promise<void> {
    this.#cancelRetry();
    if (this.#isAlive()) return;
    try {
      const other = this.#otherOfIt();
      if (other === undefined) await this.#launch();
      else await this.#took(other.identity, other.argv, "somebody else started it again, and it is taken over");
    } catch (error) {
      const reason = messageOf(error);
      this.#phase = "failed";
      this.#ended(`could not be started: ${reason}`, "failed");
    }
  }

  /** Stops it, by force if it takes too long. */
  async stop(): Promise<void> {
    this.#cancelRetry();
    const identity = this.process;
    if (identity !== undefined && runs(identity)) {
      this.#phase = "stopping";
      await this.#end(identity);
      this.#history.event("INFO", "stopped");
    }
    this.#phase = "stopped";
    await this.#history.note({ process: null });
  }

  /** Forgets its former ends, so that the next one counts as the first. */
  async forgive(): Promise<void> {
    await this.#history.note({ crashes: 0 });
  }

  /** Forgets all about it; its process has ended. */
  async forget(): Promise<void> {
    this.#cancelRetry();
    await this.#history.forget();
  }

  /** To be called every second or so. */
  async look(): Promise<void> {
    boundOutput(this.outputPath);
    const { process: current } = this.#history.record;
    if (current === null || (this.#phase !== "starting" && this.#phase !== "running")) return;
    if (!runs(current)) return this.#child === undefined ? this.#ended("ended") : undefined;
    const age = Date.now() - Date.parse(current.started);
    if (this.#phase === "starting" && (await this.#isUp(age)) && this.#isStarting()) this.#phase = "running";
    if (this.#history.record.crashes > 0 && age > this.#site.pace.healthyMs) await this.#history.note({ crashes: 0 });
  }

  /** Watches it no more; it runs on. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    await this.#turn;
    await this.#history.saved;
  }

  /** The version of the running program; null when it cannot be asked. */
  async version(): Promise<string | null> {
    const identity = this.process;
    if (identity === undefined || !runs(identity)) return null;
    for (const path of this.#adminSockets(identity.pid)) {
      const version = await versionOn(path, ADMIN_SOCKET_MS);
      if (version !== undefined) return version;
    }
    return null;
  }

  get outputPath(): string {
    return join(this.#site.stateDir, "log", `${this.name}.out`);
  }

  get #mark(): string {
    return `${this.#site.manifest.id}:${this.name}`;
  }

  get #entry(): ManifestEntry | undefined {
    return this.#site.manifest.get(this.name);
  }

  #isAlive(): boolean {
    return this.process !== undefined && runs(this.process);
  }

  /**
   * Of a daemon that was adopted: its former owner may have been faster. Two managers of one name would take the place of
   * each other for ever.
   */
  #otherOfIt(): ForeignDaemon | undefined {
    return this.#entry?.adopted == null ? undefined : this.#site.findStray(this.name);
  }

  /** Asked anew after an await, in which everything may have changed. */
  #isStarting(): boolean {
    return this.#phase === "starting";
  }

  async #took(identity: ProcessIdentity, argv: readonly string[], how: string): Promise<void> {
    this.#phase = "starting";
    const { pid, start } = identity;
    const former = this.#history.record.process;
    const known = former?.pid === pid && former.start === start ? former : undefined;
    const process = known ?? { ...this.#processRecord({ pid, start }, argv), output_from: sizeOf(this.outputPath) };
    this.#history.event("INFO", `${how} (pid ${pid})`);
    await this.#history.note({ process });
  }

  #processRecord(identity: ProcessIdentity, argv: readonly string[]): NonNullable<RunRecord["process"]> {
    return {
      pid: identity.pid,
      start: identity.start,
      boot_id: bootId(),
      argv: [...argv],
      started: (figures(identity)?.started ?? new Date()).toISOString(),
      output_from: 0,
    };
  }

  async #launch(): Promise<void> {
    const entry = this.#entry;
    if (entry === undefined) throw new OrchestratorError("it is not in the manifest");
    const { plans } = this.#site;
    const isInItsPlace = plans.folderOf(this.name, entry) === plans.folderOf(this.name);
    if (isInItsPlace) await this.#site.beforeStart(this.name);
    const plan = plans.of(this.name, entry);
    if (plan.generated.size > 0)
      await writeFiles(plans.folderOf(this.name, entry), plan.generated, plans.ownerOf(this.name));
    boundOutput(this.outputPath);
    const output_from = sizeOf(this.outputPath);
    const launching = {
      argv: plan.argv,
      environment: plan.environment,
      owner: plan.startsAs,
      output: this.outputPath,
      mark: this.#mark,
    };
    this.#phase = "starting";
    const { pid, exited } = await launch(launching);
    const identity = identify(pid) ?? { pid, start: 0 };
    const saved = this.#history.note({ process: { ...this.#processRecord(identity, plan.argv), output_from } });
    this.#child = identity;
    void exited.then((how) => this.#heard(identity, how));
    this.#history.event("INFO", `started (pid ${pid})`);
    await saved;
  }

  /** The end of a child. */
  #heard(identity: ProcessIdentity, how: string): void {
    if (this.#child === identity) this.#child = undefined;
    const current = this.#history.record.process;
    if (current?.pid !== identity.pid || current.start !== identity.start) return;
    if (this.#phase === "starting" || this.#phase === "running") this.#ended(how);
  }

  /** It ended by itself, or did not start: it is started again after a delay that grows. */
  #ended(how: string, phase: "backoff" | "failed" = "backoff"): void {
    const { process: former } = this.#history.record;
    const line = phase === "backoff" && former !== null ? lastLine(this.outputPath, former.output_from) : undefined;
    const told = line === undefined ? how : `${how}: ${line}`;
    const crashes = this.#history.record.crashes + 1;
    const { firstDelayMs, longestDelayMs } = this.#site.pace;
    const delay = Math.min(firstDelayMs * 2 ** Math.min(crashes - 1, 20), longestDelayMs);
    this.#phase = phase;
    this.#history.event("ERROR", `${told}; it is started again in ${Math.round(delay / 100) / 10} s`);
    this.#site.log.warn(`${this.name} ${told}`, { daemon: this.name, crashes, delay_ms: delay });
    void this.#history.note({ process: null, crashes, last_exit: told });
    this.#cancelRetry();
    if (!this.#closed) this.#retry = setTimeout(() => void this.inTurn(() => this.#again()), delay);
  }

  async #again(): Promise<void> {
    if (this.#phase !== "backoff" && this.#phase !== "failed") return;
    if (this.#entry?.desired === "running") await this.start();
    else this.#phase = "stopped";
  }

  #cancelRetry(): void {
    clearTimeout(this.#retry);
  }

  async #isUp(age: number): Promise<boolean> {
    const { settledMs, silentMs } = this.#site.pace;
    if (!this.#site.plans.kindOf(this.name).hasAdminSocket) return age >= settledMs;
    return (await this.version()) !== null || age >= silentMs;
  }

  /** Its own admin socket, or those on which it is found to listen. */
  #adminSockets(pid: number): string[] {
    const entry = this.#entry;
    if (entry === undefined || !this.#site.plans.kindOf(this.name).hasAdminSocket) return [];
    const own = this.#site.plans.adminSocketOf(this.name, entry);
    // The path is one of the daemon's own root folder, which may be another than the agent's.
    return (own === undefined ? adminSocketsOf(pid) : [own]).map((path) => `/proc/${pid}/root${path}`);
  }

  async #end(identity: ProcessIdentity): Promise<void> {
    const { stopWithinMs } = this.#site.plans.kindOf(this.name);
    signal(identity, "SIGTERM");
    if (await gone(identity, stopWithinMs)) return;
    this.#history.event("ERROR", `did not end within ${stopWithinMs / 1000} s and is killed`);
    signal(identity, "SIGKILL");
    if (await gone(identity, this.#site.pace.killMs)) return;
    this.#phase = "running";
    throw new OrchestratorError(
      `${this.name} (pid ${identity.pid}) does not end, not even by SIGKILL: it waits for a device`,
    );
  }
}

/** Waits for the end of a process; false when it still runs after so long. */
async function gone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (runs(identity)) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, STOP_POLL_MS));
  }
  return true;
}
