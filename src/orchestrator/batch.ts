/** Runs the calls of one batch on a backend: identical reads once, reads at once, writes in order. */

import { type Backend, type BackendCall, backendMethod } from "./backend.ts";
import type { WriteCall } from "./call.ts";
import { canonicalJson } from "./canonical-json.ts";
import { InvalidAnswerError, OrchestratorError, thrownIn } from "./errors.ts";
import { applyFilters } from "./filters.ts";
import { type BackendMethodName, METHODS } from "./generated/methods.ts";
import { asPersisted, type PendingOperation, persisted } from "./operation.ts";
import type { Logger } from "./ports.ts";
import { validate } from "./validate.ts";
import { onAbort } from "./with-signal.ts";

/** One call of a backend method that a batch is to make. */
export interface BackendRequest {
  readonly id: string;
  readonly method: BackendMethodName;
  readonly params: object;
  readonly signal: AbortSignal;
  /** The writes of one interface call; those behind a failed one are not started where it stops at its first failure. */
  readonly group: WriteGroup;
}

export interface WriteGroup {
  readonly stopsAtFailure: boolean;
  failed: boolean;
}

export type Outcome =
  | { readonly ok: true; readonly value: unknown; readonly operation: PendingOperation | undefined }
  | { readonly ok: false; readonly error: unknown };

/** The backend a batch runs on. */
export interface BatchTarget {
  readonly name: string;
  readonly backend: Backend;
  readonly log: Logger;
  /** True where an unknown field of an answer is an error (authors' tools), not a debug line (the mgr). */
  readonly strict: boolean;
  /** Ends with the backend. */
  readonly signal: AbortSignal;
}

/** How a request's method stands in the table of the interface. */
const INTERFACE = new Map(
  Object.entries(METHODS).flatMap(([wire, method]) =>
    method.backend === null ? [] : [[method.backend, { wire, kind: method.kind }] as const],
  ),
);

/** Starts every request; the promises, in the order of the requests, never reject. */
export function startBatch(requests: readonly BackendRequest[], target: BatchTarget): Promise<Outcome>[] {
  const calls = target.backend.batch === undefined ? undefined : collectBatch(target);
  const reads = new Map<string, { readonly outcome: Promise<Outcome>; readonly signal: SharedSignal }>();
  let lastWrite: Promise<unknown> = Promise.resolve();
  const outcomes = requests.map((request) => {
    if (INTERFACE.get(request.method)?.kind === "read") {
      const key = `${request.method} ${canonicalJson(request.params)}`;
      const same = reads.get(key);
      if (same !== undefined) {
        same.signal.add(request.signal);
        return same.outcome;
      }
      const signal = new SharedSignal(request.signal);
      const shared = { ...request, signal: signal.signal };
      const outcome = calls === undefined ? runOne(shared, target) : calls.add(shared);
      reads.set(key, { outcome, signal });
      return outcome;
    }
    if (calls !== undefined) return calls.add(request);
    const write = lastWrite.then(() => runOne(request, target));
    lastWrite = write;
    return write;
  });
  calls?.run();
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

async function runOne(request: BackendRequest, target: BatchTarget): Promise<Outcome> {
  const { group } = request;
  if (group.stopsAtFailure && group.failed) {
    return {
      ok: false,
      error: new OrchestratorError(`${request.method} was not started: an earlier write of the same call failed`),
    };
  }
  const outcome = await attempt(request, target);
  if (!outcome.ok) group.failed = true;
  return outcome;
}

async function attempt(request: BackendRequest, target: BatchTarget): Promise<Outcome> {
  const where = `${target.name}.${request.method}`;
  try {
    request.signal.throwIfAborted();
    const method = backendMethod(target.backend, target.name, request.method);
    const made: unknown[] = [];
    const answer = await method(request.params, callContext(request, target, where, made));
    if (made.some((write) => write !== answer)) {
      throw new Error("call.persisted(...) was called but not returned, so its second stage would never run");
    }
    return settle(request, target, where, answer);
  } catch (error) {
    return { ok: false, error: thrownIn(where, error) };
  }
}

/** `made` gets what `call.persisted` makes, which must come back as the answer. */
function callContext(request: BackendRequest, target: BatchTarget, where: string, made: unknown[]): WriteCall {
  return {
    id: request.id,
    signal: request.signal,
    log: target.log.child({ call: request.id, method: where }),
    resumed: false,
    persisted(result, effective) {
      const write = persisted(result, effective);
      made.push(write);
      return write;
    },
  };
}

/** Checks an answer, filters it, and keeps a write's second stage for later. */
function settle(request: BackendRequest, target: BatchTarget, where: string, answer: unknown): Outcome {
  const entry = INTERFACE.get(request.method);
  if (entry === undefined) return { ok: false, error: new Error(`${where} is not a method of the interface`) };
  const write = asPersisted(answer);
  if (write !== undefined && entry.kind === "read") {
    return { ok: false, error: new InvalidAnswerError(`${where}: a read has no second stage; return the result`) };
  }
  const checked = validate(`result:${entry.wire}`, write === undefined ? answer : write.result, {
    root: "result",
    unknown: target.strict ? "error" : "report",
  });
  if (checked.issues.length > 0) {
    return {
      ok: false,
      error: new InvalidAnswerError(`${where} answered nonsense: ${checked.issues.slice(0, 3).join("; ")}`),
    };
  }
  if (checked.unknown.length > 0)
    target.log.debug(
      `${where} answered fields that the schema does not know: ${checked.unknown.slice(0, 10).join(", ")}`,
    );
  const value = applyFilters(request.method, request.params, checked.value);
  if (write === undefined) return { ok: true, value, operation: undefined };
  const title = typeof value === "string" && value !== "" ? value : request.method;
  return {
    ok: true,
    value,
    operation: { call: request.id, title, where, effective: write.effective, backendSignal: target.signal },
  };
}

/** Hands the calls to the backend's own `batch`. */
function collectBatch(target: BatchTarget): { add(request: BackendRequest): Promise<Outcome>; run(): void } {
  const entries: { call: BackendCall; fail(error: unknown): void }[] = [];
  return {
    add(request) {
      const where = `${target.name}.${request.method}`;
      if (target.backend[request.method] === undefined) return runOne(request, target); // NotSupportedError
      return new Promise<Outcome>((done) => {
        const fail = (error: unknown): void => done({ ok: false, error: thrownIn(where, error) });
        const call = {
          ...callContext(request, target, where, []),
          resolve: (result: unknown): void => done(settle(request, target, where, result)),
          reject: fail,
          persisted: (result: unknown, effective: Parameters<typeof persisted>[1]): void =>
            done(settle(request, target, where, persisted(result, effective))),
          run: async (): Promise<void> => done(await runOne(request, target)),
        };
        // The union by `method` cannot be followed by the type checker; params were validated for this method.
        entries.push({
          call: { method: request.method, params: request.params, call } as unknown as BackendCall,
          fail,
        });
      });
    },
    run() {
      if (entries.length > 0) void runCollected(entries, target);
    },
  };
}

async function runCollected(
  entries: { call: BackendCall; fail(error: unknown): void }[],
  target: BatchTarget,
): Promise<void> {
  let why: unknown;
  try {
    await target.backend.batch?.(entries.map(({ call }) => call));
  } catch (error) {
    why = thrownIn(`${target.name}.batch`, error);
  }
  // Settling twice is harmless: a promise keeps its first outcome.
  for (const { call, fail } of entries) fail(why ?? new Error(`${target.name}.batch left ${call.method} unsettled`));
}
