/** A batch that the backend runs itself: it gets all calls at once and settles each. */
import {
  type Attempt,
  attempt,
  type BackendRequest,
  type BatchTarget,
  callContext,
  failed,
  isRead,
  notStarted,
  settle,
} from "./attempt.ts";
import type { BackendCall } from "./backend.ts";
import { beginWrite, keepWrite, type Outcome, readOutcome, type WriteBook } from "./keep-write.ts";
import { persisted, type SecondStage } from "./operation.ts";

interface OwnBatchEntry {
  readonly request: BackendRequest;
  readonly done: (outcome: Outcome) => void;
}

/** A call as the backend gets it. */
interface HandedOver {
  readonly entry: OwnBatchEntry;
  readonly call: BackendCall;
  readonly settle: (attempt: Attempt) => void;
}

/** Hands the calls to the backend's own `batch`. */
export class OwnBatch {
  readonly #target: BatchTarget;
  readonly #book: WriteBook;
  readonly #entries: OwnBatchEntry[] = [];

  constructor(target: BatchTarget, book: WriteBook) {
    this.#target = target;
    this.#book = book;
  }

  add(request: BackendRequest): Promise<Outcome> {
    // One that was left out is answered as such.
    if (this.#target.backend[request.method] === undefined)
      return readOutcome(request, this.#book, attempt(request, this.#target, false));
    return new Promise((done) => void this.#entries.push({ request, done }));
  }

  /** Never rejects: every call is settled. */
  async run(): Promise<void> {
    const reads = this.#entries.filter(({ request }) => isRead(request)).map((entry) => this.#read(entry));
    const beginning = this.#beginWrites();
    const writes = await Promise.race([beginning, nextTurn()]);
    if (writes === undefined) {
      // What keeps writes back keeps no read back.
      await Promise.all([this.#handOver(reads), beginning.then((late) => this.#handOver(late))]);
    } else {
      const all = new Map([...reads, ...writes].map((handed) => [handed.entry, handed]));
      await this.#handOver(this.#entries.flatMap((entry) => all.get(entry) ?? []));
    }
  }

  /** One after another: a write joins no unfinished operation if a different one stands ahead of it here. */
  async #beginWrites(): Promise<HandedOver[]> {
    const begun: HandedOver[] = [];
    for (const entry of this.#entries) {
      if (isRead(entry.request)) continue;
      const write = await beginWrite(entry.request, this.#target, this.#book);
      if ("outcome" in write) entry.done(write.outcome);
      else begun.push(this.#write(entry, write.turn));
    }
    return begun;
  }

  async #handOver(calls: readonly HandedOver[]): Promise<void> {
    const { name, backend, signal } = this.#target;
    let why: { readonly error: unknown } | undefined;
    try {
      signal.throwIfAborted();
      if (calls.length > 0) await backend.batch?.(calls.map(({ call }) => call));
    } catch (error) {
      why = { error };
    }
    // Settling twice is harmless: a promise keeps its first outcome.
    for (const { entry, settle: settleAs } of calls) {
      const { request } = entry;
      const where = `${name}.${why === undefined ? request.method : "batch"}`;
      const { error } = why ?? { error: new Error(`${name}.batch left ${request.method} unsettled`) };
      settleAs(failed(request, this.#target, where, error));
    }
  }

  #read(entry: OwnBatchEntry): HandedOver {
    const { promise, resolve } = Promise.withResolvers<Attempt>();
    void readOutcome(entry.request, this.#book, promise).then(entry.done);
    return this.#call(entry, resolve);
  }

  #write(entry: OwnBatchEntry, turn: number): HandedOver {
    const { promise, resolve } = Promise.withResolvers<Attempt>();
    void keepWrite(entry.request, this.#target, this.#book, turn, () => promise).then(entry.done);
    return this.#call(entry, resolve);
  }

  #call(entry: OwnBatchEntry, resolve: (attempt: Attempt) => void): HandedOver {
    const { request } = entry;
    const target = this.#target;
    const where = `${target.name}.${request.method}`;
    const call = {
      ...callContext(request, target, where, false, []),
      resolve: (result: unknown): void => resolve(settle(request, target, where, result)),
      reject: (error: unknown): void => resolve(failed(request, target, where, error)),
      persisted: (result: unknown, effective: SecondStage): void =>
        resolve(settle(request, target, where, persisted(result, effective))),
      run: async (): Promise<void> => resolve(await attemptInGroup(request, target)),
    };
    // The union by `method` cannot be followed by the type checker; params were validated for this method.
    return {
      entry,
      call: { method: request.method, params: request.params, call } as unknown as BackendCall,
      settle: resolve,
    };
  }
}

/** As a batch of ours would: a write behind a failed one of the same call is not started. */
async function attemptInGroup(request: BackendRequest, target: BatchTarget): Promise<Attempt> {
  const { group, method } = request;
  if (group.stopsAtFailure && group.failed) return { ok: false, error: notStarted(method) };
  const attempted = await attempt(request, target, false);
  if (!attempted.ok) group.failed = true;
  return attempted;
}

/** Resolves when all that could go on at once has: writes that nothing keeps back are ready by then. */
function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => void setImmediate(resolve, undefined));
}
