/** Takes unfinished operations up again: after a restart of Node, a fail-over, or with a new instance of the backend. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type BatchTarget, callAgain } from "./attempt.ts";
import { isOrchestratorError, messageOf, UnavailableError, ValidationError } from "./errors.ts";
import type { UnreadableEntry } from "./journal/entry.ts";
import { type Journal, pause } from "./journal/journal.ts";
import type { Lease } from "./lease.ts";
import type { OperationRecord, OperationRow } from "./operation.ts";
import { rowOf } from "./operation.ts";
import type { Operations } from "./operations.ts";
import type { EventPort, Logger } from "./ports.ts";
import { withSignal } from "./with-signal.ts";

/** How long a write may take until it is persistent, when nobody waits for its answer. */
const PERSISTENT_WITHIN_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

export interface ResumptionDependencies {
  readonly owner: string;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly operations: Operations;
  readonly events: EventPort;
  readonly log: Logger;
  /** Told when entries were found that cannot be used. */
  readonly changed: () => void;
  /** The end of the process. */
  readonly end: AbortSignal;
}

export class Resumption {
  readonly #deps: ResumptionDependencies;
  readonly #unreadable = new Map<string, UnreadableEntry>();
  /** Resolves when the journal was read for the first time. */
  readonly #loaded: Promise<void>;
  /** Operations are taken up one after another; writes wait for its end. */
  #work: Promise<void> = Promise.resolve();
  #target: BatchTarget | undefined;
  /** What is to be taken up will be looked for in its turn. */
  #willLook = false;
  /** Why no operation can be taken up now, and so no write either. */
  #obstacle: string | undefined;

  constructor(deps: ResumptionDependencies) {
    this.#deps = deps;
    this.#loaded = this.#loadAtStart();
    this.#loaded.catch(() => {}); // the process ends
  }

  /** Resolves when writes may start: this manager leads, and what it found unfinished was taken up. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.#obstacle !== undefined) throw new UnavailableError(this.#obstacle);
    await this.#deps.lease.granted(signal);
    await withSignal(this.#loaded, signal);
    await withSignal(this.#work, signal);
  }

  /** A new instance of a backend takes up what is unfinished. Never rejects. */
  resume(target: BatchTarget): void {
    this.#target = target;
    this.lookAgain();
  }

  /** Takes up what waits, of the backend that runs when its turn comes. */
  lookAgain(): void {
    if (this.#willLook) return;
    this.#willLook = true;
    this.#enqueue(async () => {
      this.#willLook = false;
      await this.#takeUpAll();
    });
  }

  /** Takes one failed operation up again. */
  async retry(id: string): Promise<OperationRecord> {
    const target = this.#target;
    const { backend, method } = this.#deps.operations.record(id).entry;
    if (target === undefined || target.name !== backend || target.signal.aborted) {
      throw new ValidationError(
        `operation ${id} belongs to the backend ${backend}, which does not run; ${method} needs it`,
      );
    }
    const record = await this.#deps.operations.reopen(id);
    this.#tell(record);
    this.lookAgain();
    return record;
  }

  /** Removes an entry that cannot be read; false when there is none of that id. */
  async forgetUnreadable(id: string): Promise<boolean> {
    if (!this.#unreadable.delete(id)) return false;
    await this.#deps.journal.remove(id);
    this.#deps.changed();
    return true;
  }

  /** Entries that cannot be used are rows too. */
  rows(): OperationRow[] {
    const unreadable = [...this.#unreadable.values()].map(
      ({ id, problem }): OperationRow => ({
        call: id,
        method: "?",
        title: "?",
        state: "kept",
        since: null,
        fraction: 0,
        attempts: 0,
        backend: null,
        error: `it cannot be read: ${problem}`,
      }),
    );
    const known = this.#deps.operations.all().map((record): OperationRow => {
      const row = rowOf(record);
      return this.#isForeign(record) ? { ...row, state: "kept", error: row.error ?? this.#foreignReason(record) } : row;
    });
    return [...known, ...unreadable];
  }

  /** One sentence for each operation that needs an operator. */
  failures(): string[] {
    return this.rows().flatMap(({ call, title, state, error }) => {
      if (state === "failed") return [`operation ${call} (${title}) failed: ${error}`];
      return state === "kept" ? [`operation ${call} (${title}) is kept and not taken up: ${error}`] : [];
    });
  }

  #isForeign({ entry, state }: OperationRecord): boolean {
    return state === "waiting" && this.#target !== undefined && entry.backend !== this.#target.name;
  }

  #foreignReason({ entry }: OperationRecord): string {
    return `it belongs to the backend ${entry.backend}, and ${this.#target?.name ?? "none"} is in use`;
  }

  #enqueue(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      if (!this.#deps.end.aborted) this.#deps.log.error(`taking operations up failed: ${messageOf(error)}`, { error });
    });
  }

  async #loadAtStart(): Promise<void> {
    const { lease, end } = this.#deps;
    await lease.granted(end);
    // A former owner may write until then, also while the journal is being read.
    const { isFenced } = lease;
    await this.#load(isFenced);
    if (isFenced) return;
    void lease
      .fenced(end)
      .then(() => this.#enqueue(() => this.#takeUpLate()))
      .catch(() => {});
  }

  /** Reads the journal, again and again until it can be read. */
  async #load(isFenced: boolean): Promise<void> {
    const { log, end } = this.#deps;
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      try {
        return await this.#loadOnce(isFenced);
      } catch (error) {
        if (end.aborted) throw error;
        log.error(`${messageOf(error)}; no write is started before it can be`);
        await pause(wait, end);
        end.throwIfAborted();
      }
    }
  }

  async #loadOnce(isFenced: boolean): Promise<void> {
    const { journal, operations, log, changed } = this.#deps;
    const { entries, unreadable, orphans } = await journal.load();
    for (const entry of entries) {
      const record = operations.adopt(entry);
      if (record !== undefined && record.state !== "failed") this.#tell(record);
    }
    for (const entry of unreadable) {
      if (this.#unreadable.has(entry.id)) continue;
      log.error(`the journal's entry of operation ${entry.id} is kept and cannot be used: ${entry.problem}`);
      this.#unreadable.set(entry.id, entry);
    }
    // Their writes were never answered; before the fence, a former owner may be about to write their head.
    if (isFenced) await journal.removeKeys(orphans).catch(() => {});
    changed();
  }

  async #takeUpLate(): Promise<void> {
    await this.#load(true);
    await this.#takeUpAll();
  }

  async #takeUpAll(): Promise<void> {
    const { operations, lease, owner, log, changed } = this.#deps;
    const target = this.#target;
    // The next instance takes them up.
    if (target === undefined || target.signal.aborted) return;
    const end = AbortSignal.any([target.signal, this.#deps.end]);
    await withSignal(this.#loaded, end);
    changed(); // which ones are another backend's is known only now
    const unfinished = operations.toResume(target.name);
    if (unfinished.length === 0) return;
    if (unfinished.some(({ entry }) => entry.owner !== owner)) await lease.fenced(end);
    log.info(`taking up ${unfinished.length} unfinished operation(s)`);
    for (const record of unfinished) {
      // Thousands must not keep the lease's renewal waiting; and the former instance may end one meanwhile.
      await nextTurn();
      if (operations.has(record)) await this.#takeUp(record, target);
    }
  }

  /** Calls the method again until the backend has it; an operation that was forgotten meanwhile is left alone. */
  async #takeUp(record: OperationRecord, target: BatchTarget): Promise<void> {
    const { operations } = this.#deps;
    const end = AbortSignal.any([target.signal, this.#deps.end, record.forgotten.signal]);
    for (let wait = FIRST_RETRY_MS; !end.aborted; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      record.state = "resuming";
      record.attempts += 1;
      const deadline = AbortSignal.any([end, AbortSignal.timeout(PERSISTENT_WITHIN_MS)]);
      const outcome = await withSignal(callAgain(record.entry, target, deadline), deadline).catch((error: unknown) => ({
        ok: false as const,
        error,
      }));
      if (record.forgotten.signal.aborted) return;
      record.state = "waiting";
      if (end.aborted) return;
      if (!outcome.ok) {
        if (!deadline.aborted && !isUnavailable(outcome.error)) return operations.fail(record, outcome.error);
        this.#deps.log.warn(`operation ${record.entry.id} is taken up again later: ${messageOf(outcome.error)}`);
        this.#obstacle = `an earlier operation (${record.entry.title}) cannot be taken up yet: ${messageOf(outcome.error)}`;
        await pause(wait, end);
        this.#obstacle = undefined;
      } else if (outcome.effective === undefined) {
        return operations.finish(record);
      } else {
        record.stage = { effective: outcome.effective, backendSignal: target.signal };
        void operations.run(record);
        return;
      }
    }
  }

  #tell({ entry, fraction }: OperationRecord): void {
    this.#deps.events.operation(entry.id, entry.title, fraction);
  }
}

function isUnavailable(error: unknown): boolean {
  return isOrchestratorError(error) && error.type === "UnavailableError";
}
