/** One call of one backend method, from its params to a checked answer. */
import { type Backend, backendMethod } from "./backend.ts";
import type { WriteCall } from "./call.ts";
import { InvalidAnswerError, isOrchestratorError, OrchestratorError, thrownIn, UnavailableError } from "./errors.ts";
import { applyFilters } from "./filters.ts";
import { type BackendMethodName, METHODS } from "./generated/methods.ts";
import type { Entry } from "./journal/entry.ts";
import { asPersisted, persisted, type SecondStage } from "./operation.ts";
import type { Json, Logger } from "./ports.ts";
import { hideSecretsOf } from "./secrets.ts";
import { validate } from "./validate.ts";

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

/** The backend a batch runs on. */
export interface BatchTarget {
  readonly name: string;
  readonly backend: Backend;
  readonly log: Logger;
  /** True where an unknown field of an answer is an error (authors' tools), not a debug line (the mgr). */
  readonly strict: boolean;
  /** What it was configured with: the secrets among it are in no message. */
  readonly options: Json;
  /** Ends with the backend. */
  readonly signal: AbortSignal;
}

/** What a backend did with one call, before a write is kept. */
export type Attempt =
  | { readonly ok: true; readonly value: unknown; readonly effective: SecondStage | undefined }
  | { readonly ok: false; readonly error: unknown };

/** How a request's method stands in the table of the interface. */
const INTERFACE = new Map(
  Object.entries(METHODS).flatMap(([wire, method]) =>
    method.backend === null ? [] : [[method.backend, { wire, kind: method.kind }] as const],
  ),
);

export function isRead({ method }: BackendRequest): boolean {
  return INTERFACE.get(method)?.kind === "read";
}

export async function attempt(request: BackendRequest, target: BatchTarget, resumed: boolean): Promise<Attempt> {
  const where = `${target.name}.${request.method}`;
  try {
    request.signal.throwIfAborted();
    target.signal.throwIfAborted();
    const method = backendMethod(target.backend, target.name, request.method);
    const made: unknown[] = [];
    const answer = await method(request.params, callContext(request, target, where, resumed, made));
    if (made.some((write) => write !== answer)) {
      throw new Error("call.persisted(...) was called but not returned, so its second stage would never run");
    }
    return settle(request, target, where, answer);
  } catch (error) {
    return failed(request, target, where, error);
  }
}

/** What the backend threw, with its place and without the secrets it was handed. */
export function failed(
  { params }: BackendRequest,
  { options, signal }: BatchTarget,
  where: string,
  error: unknown,
): Attempt {
  const thrown = thrownIn(where, hideSecretsOf([params, options], error));
  // A backend that is being closed may fail in any way; its own words for it hold all the same.
  if (!signal.aborted || isOrchestratorError(thrown)) return { ok: false, error: thrown };
  const sentence = "the backend was configured anew meanwhile; run it again";
  return { ok: false, error: new UnavailableError(sentence, { cause: thrown }) };
}

/** `made` gets what `call.persisted` makes, which must come back as the answer. */
export function callContext(
  request: BackendRequest,
  target: BatchTarget,
  where: string,
  resumed: boolean,
  made: unknown[],
): WriteCall {
  return {
    id: request.id,
    signal: request.signal,
    log: target.log.child({ call: request.id, method: where }),
    resumed,
    persisted(result, effective) {
      const write = persisted(result, effective);
      made.push(write);
      return write;
    },
  };
}

/** Checks an answer and filters it. */
export function settle(request: BackendRequest, target: BatchTarget, where: string, answer: unknown): Attempt {
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
  return { ok: true, value, effective: write === undefined ? undefined : withoutOptions(write.effective, target) };
}

/** A second stage, without the backend's secrets in what it throws. */
function withoutOptions(effective: SecondStage, { options }: BatchTarget): SecondStage {
  return async (operation) => {
    try {
      await effective(operation);
    } catch (error) {
      throw hideSecretsOf([options], error);
    }
  };
}

/** Calls the method of an unfinished operation again. */
export function callAgain(entry: Entry, target: BatchTarget, signal: AbortSignal): Promise<Attempt> {
  // The table's names are the journal's; one that is not among them is refused as unknown.
  const method = entry.method as BackendMethodName;
  const group = { stopsAtFailure: true, failed: false };
  return attempt({ id: entry.id, method, params: entry.params, signal, group }, target, true);
}

/** What a write is answered that stands behind a failed one. */
export function notStarted(method: BackendMethodName): OrchestratorError {
  return new OrchestratorError(`${method} was not started: an earlier write of the same call failed`);
}
