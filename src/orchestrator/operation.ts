/** The second stage of a write, and what is known of it from persistent to effective. */
import type { MaybePromise, Operation, Persisted } from "./call.ts";
import type { Entry } from "./journal/entry.ts";

export type SecondStage = (operation: Operation) => MaybePromise<void>;

/** What `call.persisted` gives back: the result to answer with and the work that remains. */
class PersistedWrite<T> {
  readonly result: T;
  readonly effective: SecondStage;

  constructor(result: T, effective: SecondStage) {
    this.result = result;
    this.effective = effective;
  }
}

export function persisted<T>(result: T, effective: SecondStage): Persisted<T> {
  // The type is opaque to backends: only the bridge looks inside.
  return new PersistedWrite(result, effective) as unknown as Persisted<T>;
}

/** The pieces of a persisted write; undefined when `value` is a plain result. */
export function asPersisted(value: unknown): { result: unknown; effective: SecondStage } | undefined {
  return value instanceof PersistedWrite ? value : undefined;
}

/** A write that was persisted and is not effective yet, as its answer names it. It starts once its answer has left. */
export interface PendingOperation {
  readonly call: string;
  /** What a progress event shows. */
  readonly title: string;
}

/**
 * `persisted`: its answer has not left yet. `running`: its second stage runs. `waiting`: to be taken up again, when this
 * manager may act and the backend is there. `resuming`: its method is being called again. `failed`: until it is retried,
 * forgotten, or made again.
 */
export type OperationState = "persisted" | "running" | "waiting" | "resuming" | "failed";

/** An operation in this process. */
export interface OperationRecord {
  entry: Entry;
  /** Equal writes have equal keys. */
  readonly key: string;
  /** The turn of different writes in which it began: see `Operations.join`. */
  readonly turn: number;
  state: OperationState;
  fraction: number;
  message: string;
  /** Resolves when its entry stands in the journal: an equal write that joins is not answered before. */
  written: Promise<void>;
  /** How often its method was called. */
  attempts: number;
  stage: { readonly effective: SecondStage; readonly backendSignal: AbortSignal } | undefined;
  /** Ends when the operator forgets it. */
  readonly forgotten: AbortController;
  /** Set while a report of progress waits for its turn. */
  report: NodeJS.Timeout | undefined;
  toldAt: number;
}

/** As `ceph orchbridge op ls` lists it. */
export interface OperationRow {
  readonly call: string;
  readonly method: string;
  readonly title: string;
  readonly state: "running" | "resuming" | "waiting" | "failed" | "kept";
  readonly since: string | null;
  readonly fraction: number;
  readonly attempts: number;
  readonly backend: string | null;
  readonly error: string | null;
}

export function rowOf({ entry, state, fraction, attempts }: OperationRecord): OperationRow {
  const { id, method, title, at, backend, error } = entry;
  const shown = state === "persisted" ? "running" : state;
  return { call: id, method, title, state: shown, since: at, fraction, attempts, backend, error };
}
