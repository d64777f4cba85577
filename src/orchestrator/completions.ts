/** Classic completions: kept without doing any work until `wait` names them; those named together start as one batch. */
import type { BackendLife } from "./backend-life.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { OrchestratorError, ValidationError } from "./errors.ts";
import { type Invocation, PartialFailure, readInvocation, runInvocations, type Settled } from "./invocation.ts";
import type { WriteBook } from "./keep-write.ts";
import type { PendingOperation } from "./operation.ts";
import { withSignal } from "./with-signal.ts";

/** How a completion ended. */
export type CompletionOutcome =
  | { readonly settled: Settled }
  | { readonly error: unknown; readonly operations: readonly PendingOperation[] };

interface Completion {
  readonly call: string;
  readonly method: string;
  readonly params: unknown;
  /** Set once it was started. */
  started?: { readonly invocation: Invocation | undefined; readonly ended: Promise<CompletionOutcome> };
  outcome?: CompletionOutcome;
  /** Its second stages were handed out: two waits may name one completion. */
  taken?: boolean;
}

export interface WaitResult {
  readonly settled: readonly { call: string; method: string; outcome: CompletionOutcome }[];
  readonly pending: readonly string[];
}

export class Completions {
  readonly #held = new Map<string, Completion>();
  readonly #dialect: Dialect;
  readonly #life: BackendLife;
  readonly #book: WriteBook;
  readonly #end = new AbortController();
  readonly #orphaned: (operations: readonly PendingOperation[]) => void;

  /** `orphaned` gets the second stages of writes that became persistent after their owner dropped them. */
  constructor(
    dialect: Dialect,
    life: BackendLife,
    book: WriteBook,
    orphaned: (operations: readonly PendingOperation[]) => void,
  ) {
    this.#dialect = dialect;
    this.#life = life;
    this.#book = book;
    this.#orphaned = orphaned;
  }

  get held(): number {
    return this.#held.size;
  }

  /** Cancels all that runs. */
  close(reason: Error): void {
    this.#end.abort(reason);
    for (const { started } of this.#held.values()) started?.invocation?.stop.abort(reason);
  }

  submit(call: string, method: string, params: unknown): void {
    // The shim submits again after a reconnect; what is already here keeps its place.
    if (!this.#held.has(call)) this.#held.set(call, { call, method, params });
  }

  drop(calls: readonly string[]): void {
    for (const call of calls) {
      const completion = this.#held.get(call);
      this.#held.delete(call);
      if (completion?.started === undefined) continue;
      completion.started.invocation?.stop.abort(new OrchestratorError(`${completion.method} was dropped by its owner`));
      void completion.started.ended.then((outcome) => this.#orphaned(operationsOf(takeFrom(completion, outcome))));
    }
  }

  /**
   * Starts those of `calls` that are not started yet as one batch, and answers when all have ended or the time is up. Rejects
   * when `signal` ends: nobody reads the answer then, and what has ended is kept for the next wait.
   */
  async wait(calls: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<WaitResult> {
    const named = [...new Set(calls)];
    const unknown = named.filter((call) => !this.#held.has(call));
    const waited = named.flatMap((call) => this.#held.get(call) ?? []);
    this.#start(waited.filter(({ started }) => started === undefined));
    const end = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    try {
      await withSignal(Promise.all(waited.flatMap(({ started }) => started?.ended ?? [])), end);
    } catch {
      // The time is up: what has ended by now is answered, the rest is pending.
    }
    signal.throwIfAborted();
    const settled = waited.flatMap((completion) => {
      const { call, method, outcome } = completion;
      return outcome === undefined ? [] : [{ call, method, outcome: takeFrom(completion, outcome) }];
    });
    for (const { call } of settled) this.#held.delete(call);
    return {
      settled: [...settled, ...unknown.map(unknownCompletion)],
      pending: waited.flatMap(({ call, outcome }) => (outcome === undefined ? [call] : [])),
    };
  }

  #start(completions: readonly Completion[]): void {
    const readable: { completion: Completion; invocation: Invocation }[] = [];
    for (const completion of completions) {
      try {
        readable.push({
          completion,
          invocation: readInvocation(this.#dialect, completion.call, completion.method, completion.params),
        });
      } catch (error) {
        this.#track(completion, undefined, Promise.resolve(failureOf(error)));
      }
    }
    if (readable.length === 0) return;
    const running = runInvocations(
      readable.map(({ invocation }) => invocation),
      this.#life,
      this.#book,
      this.#end.signal,
    );
    readable.forEach(({ completion, invocation }, index) => {
      this.#track(
        completion,
        invocation,
        running.then((settled) => settled[index]!).then((settled) => ({ settled }), failureOf),
      );
    });
  }

  #track(completion: Completion, invocation: Invocation | undefined, ended: Promise<CompletionOutcome>): void {
    completion.started = { invocation, ended };
    void ended.then((outcome) => (completion.outcome = outcome));
  }
}

/** A failed call, apart from the second stages of those of its writes that did succeed. */
export function failureOf(error: unknown): { error: unknown; operations: readonly PendingOperation[] } {
  return error instanceof PartialFailure
    ? { error: error.cause, operations: error.operations }
    : { error, operations: [] };
}

/** The outcome; its second stages only the first time. */
function takeFrom(completion: Completion, outcome: CompletionOutcome): CompletionOutcome {
  const taken = completion.taken === true;
  completion.taken = true;
  if (!taken) return outcome;
  return "settled" in outcome
    ? { settled: { ...outcome.settled, operations: [] } }
    : { error: outcome.error, operations: [] };
}

function operationsOf(outcome: CompletionOutcome): readonly PendingOperation[] {
  return "settled" in outcome ? outcome.settled.operations : outcome.operations;
}

function unknownCompletion(call: string): WaitResult["settled"][number] {
  return {
    call,
    method: "wait",
    outcome: { error: new ValidationError(`completion ${call} is not known here; submit it first`), operations: [] },
  };
}
