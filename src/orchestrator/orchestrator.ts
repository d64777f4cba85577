/** The interface that the manager's side calls: modern calls, classic completions, features and state of one backend. */
import type { BackendDefinition } from "./backend.ts";
import { BackendLife } from "./backend-life.ts";
import { Completions, failureOf } from "./completions.ts";
import { classic } from "./dialects/classic.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { modern } from "./dialects/modern.ts";
import { seed } from "./dialects/seed.ts";
import { errorText, OrchestratorError, toWireError } from "./errors.ts";
import { METHODS } from "./generated/methods.ts";
import { History } from "./history.ts";
import { deadlineError, readInvocation, runInvocations, type Settled } from "./invocation.ts";
import { Journal, passingStore } from "./journal/journal.ts";
import type { WriteBook } from "./keep-write.ts";
import { Lease } from "./lease.ts";
import type { OperationRow, PendingOperation } from "./operation.ts";
import { Operations } from "./operations.ts";
import type { BackendConfig, EventPort, Json, Logger, MgrPort, Session, WireError } from "./ports.ts";
import { Resumption } from "./resumption.ts";
import { shownParams, withoutSecrets, withoutSecretsOf } from "./secrets.ts";
import { timerMs } from "./timer-limit.ts";
import { onAbort, withSignal } from "./with-signal.ts";

export interface Dependencies {
  session: Session;
  mgr: MgrPort;
  events: EventPort;
  log: Logger;
  /** Finds a backend by its built-in name or its file's absolute path. */
  load: (name: string) => Promise<BackendDefinition>;
  /** Makes an unknown field of a backend's answer an error: for authors' tools. In the mgr it is a debug line. */
  strict?: boolean;
  /** Told when this process must act no more, for its manager may have lost the lead: it has to end at once. */
  leaseLost?: (reason: string) => void;
}

/** An answer on its way out. */
export interface Answer {
  readonly result: unknown;
  /** The result is a list that may go as pages. */
  readonly page: boolean;
  /** To be called once the answer has left: only then do second stages start, so that nothing about a call precedes its answer. */
  answered(): void;
}

const LAST_ERRORS = 10;
const MOST_FAILURES = 50;

export class Orchestrator {
  readonly #deps: Dependencies;
  readonly #dialect: Dialect;
  readonly #life: BackendLife;
  readonly #lease: Lease;
  readonly #operations: Operations;
  readonly #resumption: Resumption;
  readonly #book: WriteBook;
  readonly #completions: Completions;
  readonly #end = new AbortController();
  /** The state last told. */
  #told = "";
  /** A change of operations is told at the end of this turn of the event loop. */
  #willTell = false;
  readonly #counts = { total: 0, failed: 0, running: 0 };
  readonly #lastErrors: { time: string; method: string; message: string }[] = [];

  constructor(deps: Dependencies) {
    const { session, events, mgr, log } = deps;
    this.#deps = deps;
    this.#dialect = dialectOf(session);
    const changed = (): void => this.#tellOperationsSoon();
    this.#lease = new Lease(session.owner !== null, (reason) => deps.leaseLost?.(reason));
    const owner = session.owner ?? "";
    const history = new History();
    const journal = new Journal(session.owner === null ? passingStore() : mgr, log, this.#end.signal);
    const stopped = (): void => this.#resumption.lookAgain();
    this.#operations = new Operations({ owner, journal, history, events, mgr, log, changed, stopped });
    this.#resumption = new Resumption({
      owner,
      journal,
      lease: this.#lease,
      operations: this.#operations,
      events,
      log,
      changed,
      end: this.#end.signal,
    });
    this.#book = {
      join: (request, backend) => this.#operations.join(request, backend),
      ready: (signal) => this.#resumption.ready(signal),
      begin: (request) => this.#operations.begin(request),
      keep: (request, written, turn) => this.#operations.keep(request, written, turn),
      history,
    };
    this.#life = new BackendLife({
      ...deps,
      strict: deps.strict ?? false,
      changed: () => this.#tellState(),
      created: (target) => this.#resumption.resume(target),
    });
    this.#completions = new Completions(this.#dialect, this.#life, this.#book, (operations) =>
      this.#startUntold(operations),
    );
  }

  /** Chooses the backend and its options. Never rejects: what is wrong becomes the reason in the state. */
  async configure(config: BackendConfig): Promise<void> {
    await this.#life.configure(config);
  }

  /** A modern call; rejects with the call's error. A write's result is `{ value, operations }`. */
  async invoke(
    method: string,
    params: unknown,
    context: { id: string; deadlineMs: number; signal: AbortSignal },
  ): Promise<Answer> {
    this.#counts.total++;
    this.#counts.running++;
    try {
      return await this.#invoke(method, params, context);
    } catch (error) {
      this.#remember(method, error);
      throw error;
    } finally {
      this.#counts.running--;
    }
  }

  async #invoke(
    method: string,
    params: unknown,
    context: { id: string; deadlineMs: number; signal: AbortSignal },
  ): Promise<Answer> {
    const invocation = readInvocation(this.#dialect, context.id, method, params);
    const { stop } = invocation;
    const timer = setTimeout(
      () => stop.abort(deadlineError(invocation, this.#life.name, context.deadlineMs)),
      timerMs(context.deadlineMs),
    );
    // Not AbortSignal.any: Node keeps such a signal for good while somebody listens to it.
    onAbort(context.signal, (reason) => stop.abort(reason));
    const { signal } = stop;
    const work = runInvocations([invocation], this.#life, this.#book, signal).then(([settled]) => settled!);
    try {
      const settled = await withSignal(work, signal);
      return this.#answer(method, settled);
    } catch (error) {
      // What was persisted must become effective, also when its call failed or nobody waits for the answer any more.
      if (signal.aborted)
        void work.then(
          ({ operations }) => this.#startUntold(operations),
          (late: unknown) => this.#startUntold(failureOf(late).operations),
        );
      else setImmediate(() => this.#startUntold(failureOf(error).operations));
      throw failureOf(error).error;
    } finally {
      clearTimeout(timer);
    }
  }

  submit(call: string, method: string, params: unknown): void {
    this.#completions.submit(call, method, params);
  }

  /** Starts the completions named as one batch; answers `{ settled, pending }`. */
  async wait(calls: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<Answer> {
    const { settled, pending } = await this.#completions.wait(calls, timerMs(timeoutMs), signal);
    const entries = settled.map(({ call, method, outcome }) => {
      this.#counts.total++;
      if ("settled" in outcome) return { call, result: wireResult(method, outcome.settled) };
      this.#remember(method, outcome.error);
      return { call, error: this.wireError(outcome.error, method) };
    });
    const answered = (): void => {
      for (const { outcome } of settled)
        if ("settled" in outcome) this.#startAll(outcome.settled.operations);
        else this.#startUntold(outcome.operations);
    };
    return { result: { settled: entries, pending }, page: false, answered };
  }

  drop(calls: readonly string[]): void {
    this.#completions.drop(calls);
  }

  wireError(error: unknown, method: string): WireError {
    return toWireError(
      error,
      this.#deps.log,
      `${this.#life.name ?? "the bridge"}.${METHODS[method]?.backend ?? method}`,
    );
  }

  status(): { [key: string]: Json } {
    const { ok, reason, details } = this.#life.availability;
    return {
      backend: this.#life.name,
      available: ok,
      reason: ok ? "" : (reason ?? ""),
      details: details ?? {},
      calls: { ...this.#counts },
      completions: this.#completions.held,
      lease: this.#lease.held,
      operations: this.operations() as unknown as Json,
      last_errors: [...this.#lastErrors],
    };
  }

  /** For `ttlMs` the manager is known to lead; for `fenceMs` former owners' processes may still act. */
  grantLease(ttlMs: number, fenceMs: number): void {
    this.#lease.grant(ttlMs, fenceMs);
  }

  /** The writes that are persistent and not effective, and the journal's entries that cannot be used. */
  operations(): OperationRow[] {
    return this.#resumption.rows();
  }

  /** One of them with its params and its answer, secrets hidden. */
  operation(id: string): object {
    const row = this.operations().find(({ call }) => call === id);
    if (row?.backend === null) return row;
    const { entry, message } = this.#operations.record(id);
    const { params, owner } = entry;
    const result =
      typeof entry.result === "string" ? withoutSecretsOf(params, entry.result) : shownParams(entry.result);
    return { ...row, message, params: shownParams(params), result, owner };
  }

  /** Takes a failed operation up again; what to tell the operator. */
  async retryOperation(id: string): Promise<string> {
    const { entry } = await this.#resumption.retry(id);
    this.#tellOperations();
    return `Operation ${id} (${entry.title}) is taken up again`;
  }

  /** Gives an operation up; what to tell the operator. */
  async forgetOperation(id: string): Promise<string> {
    if (await this.#resumption.forgetUnreadable(id)) {
      this.#tellOperations();
      return `Entry ${id} was removed from the journal`;
    }
    const { entry } = await this.#operations.forget(id);
    this.#tellOperations();
    return `Operation ${id} (${entry.title}) is forgotten; what it has changed so far stays`;
  }

  /** Stops second stages and closes the backend. */
  async close(): Promise<void> {
    this.#end.abort(new Error("the process is ending"));
    this.#lease.close();
    this.#operations.stopAll("the bridge is stopping");
    this.#completions.close(new OrchestratorError("the bridge is stopping"));
    await this.#life.close();
  }

  #answer(method: string, settled: Settled): Answer {
    return {
      result: wireResult(method, settled),
      page: METHODS[method]?.page === true,
      answered: () => this.#startAll(settled.operations),
    };
  }

  #startAll(operations: readonly PendingOperation[]): void {
    for (const operation of operations) this.#operations.start(operation);
  }

  /** Those that no answer names: the manager hears of them, so that they have a progress event as well. */
  #startUntold(operations: readonly PendingOperation[]): void {
    for (const { call, title } of operations) this.#deps.events.operation(call, title, 0);
    this.#startAll(operations);
  }

  #remember(method: string, error: unknown): void {
    this.#counts.failed++;
    this.#lastErrors.push({
      time: new Date().toISOString(),
      method,
      message: withoutSecrets(error instanceof Error ? error.message : errorText(error)),
    });
    if (this.#lastErrors.length > LAST_ERRORS) this.#lastErrors.shift();
  }

  /** Thousands may change at once, and each telling reads them all. */
  #tellOperationsSoon(): void {
    if (this.#willTell) return;
    this.#willTell = true;
    setImmediate(() => {
      this.#willTell = false;
      this.#tellOperations();
    });
  }

  /** The operator who retries or forgets one sees it in the health from the answer on. */
  #tellOperations(): void {
    // What the backend is comes first; before that there is nothing to add to.
    if (this.#told !== "") this.#tellState();
  }

  #tellState(): void {
    const { ok, reason, details } = this.#life.availability;
    const state = {
      available: ok,
      reason: ok ? "" : (reason ?? "the backend is not available and did not say why"),
      details: details ?? {},
      backend: this.#life.name,
      features: this.#features(),
      failures: capped(this.#resumption.failures()),
    };
    const text = JSON.stringify(state);
    if (text === this.#told) return;
    this.#told = text;
    this.#deps.events.state(state);
  }

  /** The interface methods that the backend's own methods can serve, in the dialect's names. */
  #features(): string[] {
    const defined = new Set(this.#life.methods);
    return this.#deps.session.methods.filter((name) => {
      const needed = this.#dialect.needs(name);
      return needed === null || (needed !== undefined && defined.has(needed));
    });
  }
}

function dialectOf({ dialect, release }: Session): Dialect {
  if (dialect === "modern") return modern;
  return release === "mimic" ? seed : classic;
}

/** A write's answer names the second stages that are still to come. */
function wireResult(method: string, { result, operations }: Settled): unknown {
  if (METHODS[method]?.kind !== "write") return result ?? null;
  return { value: result ?? null, operations: operations.map(({ call, title }) => ({ call, title })) };
}

/** A health check is no list of thousands. */
function capped(sentences: string[]): string[] {
  if (sentences.length <= MOST_FAILURES) return sentences;
  const more = `and ${sentences.length - MOST_FAILURES} more: see ceph orchbridge op ls`;
  return [...sentences.slice(0, MOST_FAILURES), more];
}
