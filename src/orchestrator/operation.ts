/** The second stage of writes: from persistent to effective. */
import type { MaybePromise, Operation, Persisted } from "./call.ts";
import { toWireError } from "./errors.ts";
import type { EventPort, Logger } from "./ports.ts";

/** What `call.persisted` gives back: the result to answer with and the work that remains. */
class PersistedWrite<T> {
  readonly result: T;
  readonly effective: (operation: Operation) => MaybePromise<void>;

  constructor(result: T, effective: (operation: Operation) => MaybePromise<void>) {
    this.result = result;
    this.effective = effective;
  }
}

export function persisted<T>(result: T, effective: (operation: Operation) => MaybePromise<void>): Persisted<T> {
  // The type is opaque to backends: only the bridge looks inside.
  return new PersistedWrite(result, effective) as unknown as Persisted<T>;
}

/** The pieces of a persisted write; undefined when `value` is a plain result. */
export function asPersisted(
  value: unknown,
): { result: unknown; effective: (operation: Operation) => MaybePromise<void> } | undefined {
  return value instanceof PersistedWrite ? value : undefined;
}

/** A write that was persisted and is not effective yet. It starts once its answer has left. */
export interface PendingOperation {
  readonly call: string;
  /** What a progress event shows. */
  readonly title: string;
  /** The backend's method, for logs. */
  readonly where: string;
  readonly effective: (operation: Operation) => MaybePromise<void>;
}

/** Runs second stages and tells of their progress and their end. */
export class Operations {
  readonly #running = new Map<
    string,
    { title: string; where: string; since: Date; fraction: number; stop: AbortController }
  >();
  readonly #events: EventPort;
  readonly #log: Logger;

  constructor(events: EventPort, log: Logger) {
    this.#events = events;
    this.#log = log;
  }

  start(pending: PendingOperation): void {
    const stop = new AbortController();
    const entry = { title: pending.title, where: pending.where, since: new Date(), fraction: 0, stop };
    this.#running.set(pending.call, entry);
    const log = this.#log.child({ call: pending.call, method: pending.where });
    const operation: Operation = {
      id: pending.call,
      signal: stop.signal,
      log,
      progress: (fraction, message = pending.title) => {
        if (!this.#running.has(pending.call)) return;
        entry.fraction = Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0));
        this.#events.progress(pending.call, entry.fraction, message);
      },
    };
    void this.#run(pending, operation, log);
  }

  async #run(pending: PendingOperation, operation: Operation, log: Logger): Promise<void> {
    try {
      await pending.effective(operation);
      this.#running.delete(pending.call);
      log.debug(`${pending.where} is effective`);
      this.#events.effective(pending.call);
    } catch (error) {
      this.#running.delete(pending.call);
      const wire = toWireError(error, log, pending.where);
      log.warn(`${pending.where} was persisted but did not become effective: ${wire.message}`);
      this.#events.failed(pending.call, wire);
    }
  }

  list(): { call: string; method: string; title: string; since: string; fraction: number }[] {
    return [...this.#running].map(([call, { title, where, since, fraction }]) => ({
      call,
      method: where,
      title,
      since: since.toISOString(),
      fraction,
    }));
  }

  /** Tells every running second stage to stop; they end when they obey. */
  stopAll(reason: string): void {
    for (const { stop } of this.#running.values()) stop.abort(new Error(reason));
  }
}
