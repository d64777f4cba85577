/** A dialect is one release family's way of saying the same thing; backends only see today's words. */
import { isOrchestratorError, OrchestratorError } from "../errors.ts";
import type { BackendMethodName } from "../generated/methods.ts";

/** The backend calls that one interface call becomes, and how their results become its answer. */
export interface Translation {
  readonly requests: readonly { readonly method: BackendMethodName; readonly params: object }[];
  /** What happens to the writes behind one that failed: `stop` leaves them unstarted and fails the call with that error. */
  readonly onError: "stop" | "continue";
  /** `results` in the order of the requests; with `continue` a failed one is its error. */
  answer(results: readonly unknown[]): unknown;
  /** What a caller inside Ceph makes of an error decides whether it may stay one: the error to answer with, or a result instead. */
  readonly onFailure?: (error: unknown) => Failure;
}

export type Failure = { readonly error: unknown } | { readonly value: unknown };

export interface Dialect {
  /** The prefix of the dialect's wire methods: `orchestrator/` or `classic/`. */
  readonly prefix: string;
  /** Puts right what Ceph hands on in another form than its own classes have it, before the params are checked. */
  plain?(name: string, params: unknown): unknown;
  /** `params` were validated against the method's schema and have their defaults. */
  translate(name: string, params: Record<string, unknown>): Translation;
  /** What a backend must define so that the interface method `name` is a feature; null where it needs nothing. */
  needs(name: string): BackendMethodName | null | undefined;
}

/** One call in, one call out. */
export function direct(
  method: BackendMethodName,
  params: object,
  answer: (result: unknown) => unknown = (result) => result,
): Translation {
  return { requests: [{ method, params }], onError: "stop", answer: ([result]) => answer(result) };
}

/** Ceph's volumes module takes "not supported" only as OrchestratorError; anything else fails a file system that is made already. */
export function tolerableToVolumes(error: unknown): Failure {
  const unsupported = isOrchestratorError(error) && error.type === "NotSupportedError";
  return { error: unsupported ? new OrchestratorError(error.message, { cause: error }) : error };
}
