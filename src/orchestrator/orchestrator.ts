/** The interface that the manager's side calls: modern calls, classic completions, features and state of one backend. */
import type { BackendDefinition } from "./backend.ts";
import { BackendLife } from "./backend-life.ts";
import { Completions, failureOf, operationsOf } from "./completions.ts";
import { classic } from "./dialects/classic.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { modern } from "./dialects/modern.ts";
import { errorText, OrchestratorError, toWireError } from "./errors.ts";
import { METHODS } from "./generated/methods.ts";
import { deadlineError, readInvocation, runInvocations, type Settled } from "./invocation.ts";
import { Operations, type PendingOperation } from "./operation.ts";
import type { BackendConfig, EventPort, Json, Logger, MgrPort, Session, WireError } from "./ports.ts";
import { withoutSecrets } from "./secrets.ts";
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
/** Timers take no more. */
const LONGEST_MS = 2 ** 31 - 1;

export class Orchestrator {
  readonly #deps: Dependencies;
  readonly #dialect: Dialect;
  readonly #life: BackendLife;
  readonly #operations: Operations;
  readonly #completions: Completions;
  readonly #counts = { total: 0, failed: 0, running: 0 };
  readonly #lastErrors: { time: string; method: string; message: string }[] = [];

  constructor(deps: Dependencies) {
    this.#deps = deps;
    this.#dialect = deps.session.dialect === "classic" ? classic : modern;
    this.#life = new BackendLife({ ...deps, strict: deps.strict ?? false, changed: () => this.#tellState() });
    this.#operations = new Operations(deps.events, deps.log);
    this.#completions = new Completions(this.#dialect, this.#life, (operations) => this.#startAll(operations));
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
    const overdue = new AbortController();
    const timer = setTimeout(
      () => overdue.abort(deadlineError(invocation, this.#life.name, context.deadlineMs)),
      timerMs(context.deadlineMs),
    );
    const signal = AbortSignal.any([context.signal, overdue.signal]);
    onAbort(signal, (reason) => invocation.stop.abort(reason));
    const work = runInvocations([invocation], this.#life, signal).then(([settled]) => settled!);
    try {
      const settled = await withSignal(work, signal);
      return this.#answer(method, settled);
    } catch (error) {
      // What was persisted must become effective, also when its call failed or nobody waits for the answer any more.
      if (signal.aborted)
        void work.then(
          ({ operations }) => this.#startAll(operations),
          (late: unknown) => this.#startAll(failureOf(late).operations),
        );
      else setImmediate(() => this.#startAll(failureOf(error).operations));
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
    const { settled, pending } = await this.#completions.wait(
      calls,
      AbortSignal.any([signal, AbortSignal.timeout(timerMs(timeoutMs))]),
    );
    const operations = settled.flatMap(({ outcome }) => operationsOf(outcome));
    const entries = settled.map(({ call, method, outcome }) => {
      this.#counts.total++;
      if ("settled" in outcome) return { call, result: wireResult(method, outcome.settled) };
      this.#remember(method, outcome.error);
      return { call, error: this.wireError(outcome.error, method) };
    });
    return { result: { settled: entries, pending }, page: false, answered: () => this.#startAll(operations) };
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
      operations: this.#operations.list(),
      last_errors: [...this.#lastErrors],
    };
  }

  /** Stops second stages and closes the backend. */
  async close(): Promise<void> {
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

  #remember(method: string, error: unknown): void {
    this.#counts.failed++;
    this.#lastErrors.push({
      time: new Date().toISOString(),
      method,
      message: withoutSecrets(error instanceof Error ? error.message : errorText(error)),
    });
    if (this.#lastErrors.length > LAST_ERRORS) this.#lastErrors.shift();
  }

  #tellState(): void {
    const { ok, reason, details } = this.#life.availability;
    this.#deps.events.state({
      available: ok,
      reason: ok ? "" : (reason ?? "the backend is not available and did not say why"),
      details: details ?? {},
      backend: this.#life.name,
      features: this.#features(),
    });
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

/** A write's answer names the second stages that are still to come. */
function wireResult(method: string, { result, operations }: Settled): unknown {
  if (METHODS[method]?.kind !== "write") return result ?? null;
  return { value: result ?? null, operations: operations.map(({ call, title }) => ({ call, title })) };
}

function timerMs(ms: number): number {
  return Math.min(LONGEST_MS, Math.max(0, Math.ceil(ms)));
}
