/** Runs the calls of one batch on a backend: identical reads once, reads at once, writes in order. */
import { attempt, type BackendRequest, type BatchTarget, isRead } from "./attempt.ts";
import { canonicalJson } from "./canonical-json.ts";
import { beginWrite, keepWrite, type Outcome, readOutcome, type WriteBook } from "./keep-write.ts";
import { OwnBatch } from "./own-batch.ts";
import { onAbort } from "./with-signal.ts";

/** Starts every request; the promises, in the order of the requests, never reject. */
export function startBatch(
  requests: readonly BackendRequest[],
  target: BatchTarget,
  book: WriteBook,
): Promise<Outcome>[] {
  const calls = target.backend.batch === undefined ? undefined : new OwnBatch(target, book);
  const reads = new Map<string, { readonly outcome: Promise<Outcome>; readonly signal: SharedSignal }>();
  let lastWrite: Promise<unknown> = Promise.resolve();
  const outcomes = requests.map((request) => {
    if (isRead(request)) {
      const key = `${request.method} ${canonicalJson(request.params)}`;
      const same = reads.get(key);
      if (same !== undefined) {
        same.signal.add(request.signal);
        return same.outcome;
      }
      const signal = new SharedSignal(request.signal);
      const shared = { ...request, signal: signal.signal };
      const outcome =
        calls === undefined ? readOutcome(shared, book, attempt(shared, target, false)) : calls.add(shared);
      reads.set(key, { outcome, signal });
      return outcome;
    }
    if (calls !== undefined) return calls.add(request);
    const write = lastWrite.then(() => runWrite(request, target, book));
    lastWrite = write;
    return write;
  });
  void calls?.run();
  return outcomes;
}

/** A signal for a read that several callers share: it ends when the last of them has. */
class SharedSignal {
  readonly #controller = new AbortController();
  #callers = 0;

  constructor(first: AbortSignal) {
    this.add(first);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  add(caller: AbortSignal): void {
    this.#callers++;
    onAbort(caller, (reason) => {
      if (--this.#callers === 0) this.#controller.abort(reason);
    });
  }
}

async function runWrite(request: BackendRequest, target: BatchTarget, book: WriteBook): Promise<Outcome> {
  const begun = await beginWrite(request, target, book);
  if ("outcome" in begun) return begun.outcome;
  const outcome = await keepWrite(request, target, book, begun.turn, () => attempt(request, target, false));
  if (!outcome.ok) request.group.failed = true;
  return outcome;
}
