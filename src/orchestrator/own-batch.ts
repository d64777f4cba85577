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
import { thrownIn } from "./errors.ts";
import { joinedOrReady, keepWrite, type Outcome, readOutcome, type WriteBook } from "./keep-write.ts";
import { persisted, type SecondStage } from "./operation.ts";

interface OwnBatchEntry {
  readonly request: BackendRequest;
  readonly done: (outcome: Outcome) => void;
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
    const settling = await Promise.all(this.#entries.map((entry) => this.#prepare(entry)));
    const calls = settling.filter((call) => call !== undefined);
    let why: unknown;
    try {
      if (calls.length > 0) await this.#target.backend.batch?.(calls.map(({ call }) => call));
    } catch (error) {
      why = thrownIn(`${this.#target.name}.batch`, error);
    }
    // Settling twice is harmless: a promise keeps its first outcome.
    for (const { call, settle: settleAs } of calls) {
      settleAs({ ok: false, error: why ?? new Error(`${this.#target.name}.batch left ${call.method} unsettled`) });
    }
  }

  /** The call as the backend gets it; undefined when it was answered without. */
  async #prepare({
    request,
    done,
  }: OwnBatchEntry): Promise<{ call: BackendCall; settle(attempt: Attempt): void } | undefined> {
    const target = this.#target;
    const where = `${target.name}.${request.method}`;
    const read = isRead(request);
    if (!read) {
      const joined = await joinedOrReady(request, this.#book);
      if (joined !== undefined) {
        done(joined);
        return undefined;
      }
    }
    const { promise, resolve } = Promise.withResolvers<Attempt>();
    const outcome = read
      ? readOutcome(request, this.#book, promise)
      : keepWrite(request, target, this.#book, () => promise);
    void tell(outcome, done);
    const call = {
      ...callContext(request, target, where, false, []),
      resolve: (result: unknown): void => resolve(settle(request, target, where, result)),
      reject: (error: unknown): void => resolve(failed(request, where, error)),
      persisted: (result: unknown, effective: SecondStage): void =>
        resolve(settle(request, target, where, persisted(result, effective))),
      run: async (): Promise<void> => resolve(await attemptInGroup(request, target)),
    };
    // The union by `method` cannot be followed by the type checker; params were validated for this method.
    return {
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

async function tell(outcome: Promise<Outcome>, done: (outcome: Outcome) => void): Promise<void> {
  done(await outcome);
}
