/** What a backend method is handed with each call, and what it may give back. */

/** A plain value or a promise of it: backends may be synchronous where that is enough. */
export type MaybePromise<T> = T | Promise<T>;

/** Writes to the manager's log, with the backend, method and call already named. */
export interface Log {
  debug(message: string, values?: object): void;
  info(message: string, values?: object): void;
  warn(message: string, values?: object): void;
  error(message: string, values?: object): void;
}

/** A read in progress. */
export interface ReadCall {
  /** Unique per call; the same again when an unfinished write is resumed. */
  readonly id: string;
  /** Ends with the deadline of the caller, when the caller went away, and at the end of the process. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** A write in progress. */
export interface WriteCall extends ReadCall {
  /**
   * True when this write was answered as persistent before and is called again: after a restart, a fail-over, or on retry.
   * A later write may have changed what it did: compare with the present state, and give the plain result when nothing is
   * left to be made effective.
   */
  readonly resumed: boolean;
  /**
   * The write has reached the orchestrator's durable state; `effective` makes it real and the operation ends when it settles.
   * The answer leaves before `effective` starts.
   */
  persisted<T>(result: T, effective: (operation: Operation) => MaybePromise<void>): Persisted<T>;
}

/** The second stage of a write: from persistent to effective. */
export interface Operation {
  readonly id: string;
  /**
   * Ends when the operator forgets the operation, at every change of options, at a restart, at loss of the lead, and at the end.
   * Except for the first, the operation is resumed then: its method is called again, as `resumed`.
   */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Shows in `ceph -s` as a progress event; `fraction` from 0 to 1. */
  progress(fraction: number, message?: string): void;
}

declare const persistedBrand: unique symbol;

/** Made by `call.persisted` only. */
export interface Persisted<T> {
  readonly [persistedBrand]: T;
}

/** A write gives its result (effective at once) or `call.persisted(result, effective)`. */
export type WriteResult<T> = MaybePromise<T | Persisted<T>>;
