/** The book of writes: what is persistent and not effective yet, in memory and in the journal. */
import type { BackendRequest } from "./attempt.ts";
import type { Operation } from "./call.ts";
import { canonicalJson } from "./canonical-json.ts";
import {
  messageOf,
  NotFoundError,
  OrchestratorError,
  toWireError,
  UnavailableError,
  ValidationError,
} from "./errors.ts";
import type { History } from "./history.ts";
import type { Entry } from "./journal/entry.ts";
import type { Journal } from "./journal/journal.ts";
import { type OperationRecord, type PendingOperation, rowOf, type SecondStage } from "./operation.ts";
import type { EventPort, Logger, MgrPort } from "./ports.ts";
import { endReports, reportProgress } from "./progress-reports.ts";
import { hideSecretsOf, withoutSecrets, withoutSecretsOf } from "./secrets.ts";
import { firstOf } from "./with-signal.ts";

/** One more is refused: an operator has to look, and every one costs a key of the monitors' store. */
const MOST_OPERATIONS = 10_000;

export interface OperationsDependencies {
  readonly owner: string;
  readonly journal: Journal;
  readonly history: History;
  readonly events: EventPort;
  readonly mgr: Pick<MgrPort, "clusterLog">;
  readonly log: Logger;
  /** Told when an operation failed, or a failed one is gone. */
  readonly changed: () => void;
  /** Told when a second stage stopped at the end of its backend, perhaps after the next instance has looked for such. */
  readonly stopped: () => void;
}

/** What an equal write is answered. */
export interface Joined {
  readonly value: unknown;
  readonly operation: PendingOperation;
}

/** What a backend did with a write. */
export interface Written {
  readonly backend: string;
  readonly backendSignal: AbortSignal;
  readonly value: unknown;
  readonly title: string;
  /** Undefined when it was effective at once. */
  readonly effective: SecondStage | undefined;
}

export class Operations {
  readonly #deps: OperationsDependencies;
  readonly #records = new Map<string, OperationRecord>();
  /** The same by their keys. */
  readonly #equal = new Map<string, Set<OperationRecord>>();
  readonly #stop = new AbortController();
  #order = 0;
  /** Goes up with every write that differs from the one before it. */
  #turn = 0;
  #latest = "";

  constructor(deps: OperationsDependencies) {
    this.#deps = deps;
  }

  /**
   * The unfinished operation that an equal write joins: a ceph client sends what was in flight again to the next manager.
   * Not when a different write began after it, which may have undone it.
   */
  join({ method, params }: BackendRequest, backend: string): Promise<Joined> | undefined {
    const record = this.#equalOf(keyOf(method, params), backend).find(
      ({ turn, state }) => turn === this.#turn && state !== "failed",
    );
    if (record === undefined) return undefined;
    const { id, result, title } = record.entry;
    return record.written.then(() => ({ value: result, operation: { call: id, title } }));
  }

  /** A write is about to be handed to the backend; gives its turn. */
  begin({ method, params }: BackendRequest): number {
    if (this.#records.size >= MOST_OPERATIONS) {
      throw new UnavailableError(
        `${MOST_OPERATIONS} operations are unfinished, and no more are taken: see ceph orchbridge op ls, and op forget for those of no use`,
      );
    }
    return this.#takeTurn(keyOf(method, params));
  }

  /** A write succeeded. With a second stage it is written into the journal; rejects when that is not possible. */
  async keep(request: BackendRequest, written: Written, turn: number): Promise<PendingOperation | undefined> {
    const { method, params } = request;
    const { title, effective } = written;
    if (effective === undefined) {
      await this.#forgetFailed(keyOf(method, params), written.backend);
      this.#tellSuccess(method, params, title);
      return undefined;
    }
    const entry = this.#entryOf(request, written);
    const record = this.#add(entry, "persisted", turn);
    record.stage = { effective, backendSignal: written.backendSignal };
    record.attempts = 1;
    record.written = this.#deps.journal.write(entry);
    try {
      await record.written;
    } catch (error) {
      this.#remove(record);
      throw error;
    }
    await this.#forgetFailed(record.key, entry.backend);
    return { call: entry.id, title };
  }

  /** The answer has left: runs the second stage, unless it runs already (joined writes name the same operation). */
  start({ call }: PendingOperation): void {
    const record = this.#records.get(call);
    if (record?.state !== "persisted") return;
    const { method, params, title } = record.entry;
    this.#tellSuccess(method, params, title);
    void this.run(record);
  }

  /** Runs the second stage to its end. Never rejects. */
  async run(record: OperationRecord): Promise<void> {
    try {
      await this.#run(record);
    } catch (error) {
      this.#deps.log.error(`the end of operation ${record.entry.id} could not be noted: ${messageOf(error)}`, {
        error,
      });
    }
  }

  async #run(record: OperationRecord): Promise<void> {
    const { stage, entry } = record;
    if (stage === undefined) throw new Error(`operation ${entry.id} has no second stage to run`);
    record.state = "running";
    const where = `${entry.backend}.${entry.method}`;
    const log = this.#deps.log.child({ call: entry.id, method: where });
    const stop = firstOf([this.#stop.signal, stage.backendSignal, record.forgotten.signal]);
    const operation: Operation = {
      id: entry.id,
      signal: stop.signal,
      log,
      progress: (fraction, message = entry.title) => {
        if (!this.#holds(record, stage)) return;
        reportProgress(record, fraction, withoutSecretsOf(entry.params, String(message)), this.#deps.events);
      },
    };
    try {
      // Its backend may have been closed while the entry was written.
      stop.signal.throwIfAborted();
      await stage.effective(operation);
    } catch (error) {
      if (!this.#holds(record, stage)) return;
      if (!stage.backendSignal.aborted && !this.#stop.signal.aborted) return await this.fail(record, error);
      // Stopped, not failed: the next instance of the backend, or the next process, takes it up.
      record.state = "waiting";
      this.#deps.stopped();
      return;
    } finally {
      stop.release();
    }
    if (!this.#holds(record, stage)) return;
    log.debug(`${where} is effective`);
    await this.finish(record);
  }

  /** The write is effective: nothing is left to do. */
  async finish(record: OperationRecord): Promise<void> {
    // Told before the entry goes: if the process dies in between, the next one finds the entry and tells it again, where
    // nobody could ever tell it of an entry that is gone.
    this.#deps.events.effective(record.entry.id);
    await this.#drop(record);
  }

  /** The operation failed; it is kept until it is retried, forgotten or made again. One that was forgotten stays so. */
  async fail(record: OperationRecord, error: unknown): Promise<void> {
    if (!this.has(record)) return;
    const { method, backend, params, title, id } = record.entry;
    const where = `${backend}.${method}`;
    const log = this.#deps.log.child({ call: id, method: where });
    const wire = toWireError(hideSecretsOf(params, error), log, where);
    log.warn(`${where} was persisted but did not become effective: ${wire.message}`);
    endReports(record);
    record.state = "failed";
    record.stage = undefined;
    record.entry = { ...record.entry, error: wire.message };
    this.#deps.events.failed(id, wire);
    await this.#deps.journal.rewrite(record.entry);
    this.#deps.history.note(method, params, "ERROR", `${title}: ${wire.message}`);
    this.#logToCluster("error", `${method} (${title}) was persisted and did not become effective: ${wire.message}`);
    this.#deps.changed();
  }

  /** A failed operation is to be taken up again. */
  async reopen(id: string): Promise<OperationRecord> {
    const record = this.record(id);
    if (record.state !== "failed") {
      throw new ValidationError(`operation ${id} is ${rowOf(record).state}; only a failed one can be retried`);
    }
    record.state = "waiting";
    record.fraction = 0;
    record.entry = { ...record.entry, error: null };
    await this.#deps.journal.rewrite(record.entry);
    this.#deps.changed();
    return record;
  }

  /** Gives an operation up: its second stage is told to stop, and nothing takes it up again. */
  async forget(id: string): Promise<OperationRecord> {
    const record = this.record(id);
    const { state } = record;
    record.forgotten.abort(new Error("an operator has forgotten the operation"));
    await this.#drop(record);
    if (state !== "failed") {
      const why = new OrchestratorError("an operator has forgotten the operation");
      this.#deps.events.failed(id, toWireError(why, this.#deps.log, record.entry.method));
    }
    this.#deps.changed();
    return record;
  }

  /** An entry of the journal that this process did not write; undefined when it is known already. */
  adopt(entry: Entry): OperationRecord | undefined {
    if (this.#records.has(entry.id)) return undefined;
    const state = entry.error === null ? "waiting" : "failed";
    const record = this.#add(entry, state, this.#takeTurn(keyOf(entry.method, entry.params)));
    this.#order = Math.max(this.#order, entry.n);
    return record;
  }

  /** Those to be taken up by a new instance of that backend, in their order. */
  toResume(backend: string): OperationRecord[] {
    return this.all()
      .filter(({ entry }) => entry.backend === backend)
      .filter(
        ({ state, stage }) => state === "waiting" || (state === "running" && stage?.backendSignal.aborted === true),
      );
  }

  /** Of all backends, also of those that are not in use. */
  all(): OperationRecord[] {
    return [...this.#records.values()].toSorted((a, b) => a.entry.n - b.entry.n);
  }

  /** Whether it is neither effective nor forgotten. */
  has(record: OperationRecord): boolean {
    return this.#records.get(record.entry.id) === record;
  }

  record(id: string): OperationRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw new NotFoundError(`there is no operation ${id}; ceph orchbridge op ls lists them`);
    return record;
  }

  /** Tells every running second stage to stop: the next process takes them up. */
  stopAll(reason: string): void {
    this.#stop.abort(new Error(reason));
    for (const record of this.#records.values()) endReports(record);
  }

  #add(entry: Entry, state: OperationRecord["state"], turn: number): OperationRecord {
    const record: OperationRecord = {
      entry,
      key: keyOf(entry.method, entry.params),
      turn,
      state,
      fraction: 0,
      message: entry.title,
      written: Promise.resolve(),
      attempts: 0,
      stage: undefined,
      forgotten: new AbortController(),
      report: undefined,
      toldAt: 0,
    };
    this.#records.set(entry.id, record);
    const equal = this.#equal.get(record.key) ?? new Set();
    this.#equal.set(record.key, equal.add(record));
    return record;
  }

  #equalOf(key: string, backend: string): OperationRecord[] {
    return [...(this.#equal.get(key) ?? [])].filter(({ entry }) => entry.backend === backend);
  }

  #remove(record: OperationRecord): void {
    this.#records.delete(record.entry.id);
    const equal = this.#equal.get(record.key);
    equal?.delete(record);
    if (equal?.size === 0) this.#equal.delete(record.key);
  }

  #entryOf({ id, method, params }: BackendRequest, { backend, value, title }: Written): Entry {
    this.#order += 1;
    const { owner } = this.#deps;
    const at = new Date().toISOString();
    return { id, n: this.#order, at, owner, backend, method, params, result: value, title, error: null };
  }

  #takeTurn(key: string): number {
    if (key !== this.#latest) this.#turn += 1;
    this.#latest = key;
    return this.#turn;
  }

  /** Whether that run of the second stage is the one that counts: it was neither forgotten nor begun anew. */
  #holds(record: OperationRecord, stage: OperationRecord["stage"]): boolean {
    return this.has(record) && record.stage === stage;
  }

  async #drop(record: OperationRecord): Promise<void> {
    endReports(record);
    this.#remove(record);
    // What is still being written would stand there after its removal.
    await record.written.catch(() => {});
    await this.#deps.journal.remove(record.entry.id);
  }

  /** A write that succeeds now makes up for equal ones that failed. */
  async #forgetFailed(key: string, backend: string): Promise<void> {
    const failed = this.#equalOf(key, backend).filter(({ state }) => state === "failed");
    if (failed.length === 0) return;
    await Promise.all(failed.map((record) => this.#drop(record)));
    this.#deps.changed();
  }

  #tellSuccess(method: string, params: object, title: string): void {
    this.#deps.history.note(method, params, "INFO", title);
    this.#logToCluster("info", `${method}: ${title}`);
  }

  #logToCluster(level: "info" | "error", message: string): void {
    this.#deps.mgr.clusterLog(level, withoutSecrets(`orchbridge: ${message}`)).catch((error: unknown) => {
      this.#deps.log.debug(`a line of the cluster log was not taken: ${String(error)}`);
    });
  }
}

function keyOf(method: string, params: object): string {
  return `${method} ${canonicalJson(params)}`;
}
