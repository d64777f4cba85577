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
  /** Ends with the backend that began it. */
  readonly backendSignal: AbortSignal;
}

/** Progress is told this often at most, however often a backend reports it. */
const PROGRESS_EVERY_MS = 100;

interface Entry {
  readonly title: string;
  readonly where: string;
  readonly since: Date;
  fraction: number;
  message: string;
  /** Set while a report waits for its turn. */
  report: NodeJS.Timeout | undefined;
  toldAt: number;
}

/** Runs second stages and tells of their progress and their end. */
export class Operations {
  readonly #running = new Map<string, Entry>();
  readonly #stop = new AbortController();
  readonly #events: EventPort;
  readonly #log: Logger;

  constructor(events: EventPort, log: Logger) {
    this.#events = events;
    this.#log = log;
  }

  start(pending: PendingOperation): void {
    const { call, title, where } = pending;
    const entry: Entry = { title, where, since: new Date(), fraction: 0, message: title, report: undefined, toldAt: 0 };
    this.#running.set(call, entry);
    const log = this.#log.child({ call, method: where });
    const operation: Operation = {
      id: call,
      signal: AbortSignal.any([this.#stop.signal, pending.backendSignal]),
      log,
      progress: (fraction, message = title) => this.#report(call, entry, fraction, message),
    };
    void this.#run(pending, entry, operation, log);
  }

  async #run(pending: PendingOperation, entry: Entry, operation: Operation, log: Logger): Promise<void> {
    const { call, where } = pending;
    try {
      await pending.effective(operation);
      this.#end(call, entry);
      log.debug(`${where} is effective`);
      this.#events.effective(call);
    } catch (error) {
      this.#end(call, entry);
      const wire = toWireError(error, log, where);
      log.warn(`${where} was persisted but did not become effective: ${wire.message}`);
      this.#events.failed(call, wire);
    }
  }

  #end(call: string, entry: Entry): void {
    clearTimeout(entry.report);
    if (this.#running.get(call) === entry) this.#running.delete(call);
  }

  /** Keeps the newest report and tells it in its turn: a backend in a tight loop must not fill the pipe. */
  #report(call: string, entry: Entry, fraction: number, message: string): void {
    if (this.#running.get(call) !== entry) return;
    entry.fraction = Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0));
    entry.message = message;
    if (entry.report !== undefined) return;
    const tell = (): void => {
      entry.report = undefined;
      entry.toldAt = performance.now();
      this.#events.progress(call, entry.fraction, entry.message);
    };
    const wait = entry.toldAt === 0 ? 0 : entry.toldAt + PROGRESS_EVERY_MS - performance.now();
    if (wait <= 0) tell();
    else entry.report = setTimeout(tell, wait);
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
    this.#stop.abort(new Error(reason));
  }
}
