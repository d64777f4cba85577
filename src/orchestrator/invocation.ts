/** One interface call on its way through a dialect to a backend and back. */

import type { BackendRequest } from "./attempt.ts";
import type { BackendLife } from "./backend-life.ts";
import { startBatch } from "./batch.ts";
import type { Dialect, Translation } from "./dialects/dialect.ts";
import { DeadlineError, isOrchestratorError, messageOf, NotSupportedError, ValidationError } from "./errors.ts";
import { METHODS } from "./generated/methods.ts";
import type { Outcome, WriteBook } from "./keep-write.ts";
import type { PendingOperation } from "./operation.ts";
import { validate } from "./validate.ts";

/** What became of a call: its result in the dialect's words, and the second stages to start once the answer has left. */
export interface Settled {
  readonly result: unknown;
  readonly operations: readonly PendingOperation[];
}

/** A call that was read and translated, and has done no work yet. */
export interface Invocation {
  readonly id: string;
  readonly method: string;
  readonly translation: Translation;
  /** Ends with the caller. */
  readonly stop: AbortController;
}

/** Reads a call: unknown methods, wrong parameters and missing defaults are dealt with here. */
export function readInvocation(dialect: Dialect, id: string, method: string, params: unknown): Invocation {
  const info = METHODS[method];
  if (info === undefined || !method.startsWith(dialect.prefix) || info.local) {
    throw new NotSupportedError(`${method} is not a method of this interface`);
  }
  const name = method.slice(dialect.prefix.length);
  const own = withoutCall(params);
  const given = dialect.plain?.(name, own) ?? own;
  const checked = validate(`params:${method}`, given, { root: name, unknown: "report" });
  if (checked.issues.length > 0) throw new ValidationError(checked.issues.join("; "));
  const complete = { ...info.defaults, ...definedOnly(checked.value as Record<string, unknown>) };
  const translation = dialect.translate(name, complete);
  return { id, method, translation, stop: new AbortController() };
}

/** Runs calls as one batch. The promises, in the order of the invocations, reject with the call's error. */
export async function runInvocations(
  invocations: readonly Invocation[],
  life: BackendLife,
  book: WriteBook,
  signal: AbortSignal,
): Promise<Promise<Settled>[]> {
  const target = await life.target(signal);
  const runs = invocations.map(prepare);
  const outcomes = startBatch(
    runs.flatMap(({ requests }) => requests),
    target,
    book,
  );
  let first = 0;
  return runs.map((run) => {
    const own = outcomes.slice(first, first + run.requests.length);
    first += run.requests.length;
    return settle(run, own, life);
  });
}

interface Run {
  readonly translation: Translation;
  readonly requests: readonly BackendRequest[];
}

function prepare({ translation, id, stop }: Invocation): Run {
  const group = { stopsAtFailure: translation.onError === "stop", failed: false };
  const requests = translation.requests.map((request, index) => ({
    ...request,
    id: translation.requests.length === 1 ? id : `${id}.${index + 1}`,
    signal: stop.signal,
    group,
  }));
  return { translation, requests };
}

async function settle(
  { translation }: Run,
  outcomes: readonly Promise<Outcome>[],
  life: BackendLife,
): Promise<Settled> {
  const results: unknown[] = [];
  const operations: PendingOperation[] = [];
  let failure: { error: unknown } | undefined;
  for (const outcome of await Promise.all(outcomes)) {
    if (outcome.ok) {
      results.push(outcome.value);
      if (outcome.operation !== undefined) operations.push(outcome.operation);
      continue;
    }
    const failed = translation.onFailure?.(outcome.error) ?? { error: outcome.error };
    if ("value" in failed) {
      results.push(failed.value);
      continue;
    }
    const { error } = failed;
    if (isOrchestratorError(error) && error.type === "UnavailableError") life.askSoon();
    if (translation.onError === "stop") failure ??= { error };
    results.push(error);
  }
  if (failure === undefined) return { result: translation.answer(results), operations };
  throw operations.length === 0 ? failure.error : new PartialFailure(failure.error, operations);
}

/** A call of several writes failed after some of them were persisted: these still have to become effective. */
export class PartialFailure extends Error {
  readonly operations: readonly PendingOperation[];

  constructor(error: unknown, operations: readonly PendingOperation[]) {
    super(messageOf(error), { cause: error });
    this.operations = operations;
  }
}

export function deadlineError(invocation: Invocation, backend: string | null, deadlineMs: number): DeadlineError {
  const [first] = invocation.translation.requests;
  const where = first === undefined ? invocation.method : `${backend ?? "the backend"}.${first.method}`;
  return new DeadlineError(`timed out after ${Math.round(deadlineMs / 100) / 10} s in ${where}`);
}

function withoutCall(params: unknown): unknown {
  if (typeof params !== "object" || params === null || Array.isArray(params)) return params ?? {};
  const { _call, ...rest } = params as Record<string, unknown>;
  return rest;
}

function definedOnly(params: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
}
