/** The journal of unfinished operations, in the monitors' key-value store: it survives Node, the manager and its host. */
import { messageOf, OrchestratorError } from "../errors.ts";
import type { Logger, MgrPort } from "../ports.ts";
import { isTimeout, withSignal } from "../with-signal.ts";
import { decodeEntries, type Entry, encodeEntry, idOfKey, PREFIX, type UnreadableEntry } from "./entry.ts";

/** A write into the store waits while the monitors have no quorum. */
const WITHIN_MS = 10_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/** Where the journal stands: the monitors' key-value store. */
export type JournalStore = Pick<MgrPort, "storeSet" | "storeList">;

/** For a process without a manager behind it: what it holds ends with it. */
export function passingStore(): JournalStore {
  const values = new Map<string, string>();
  return {
    storeList: (prefix) => Promise.resolve(Object.fromEntries([...values].filter(([key]) => key.startsWith(prefix)))),
    async storeSet(key, value) {
      if (value === null) values.delete(key);
      else values.set(key, value);
    },
  };
}

export class Journal {
  readonly #store: JournalStore;
  readonly #log: Logger;
  /** The keys of each entry that are known to stand in the store, its head first: without it, parts mean nothing. */
  readonly #keys = new Map<string, readonly string[]>();
  readonly #end: AbortSignal;
  /** What went while the store was being listed: the list may hold it still. */
  #removedMeanwhile: Set<string> | undefined;

  /** `end` is the end of the process: what could not be removed by then is found by the next one. */
  constructor(store: JournalStore, log: Logger, end: AbortSignal) {
    this.#store = store;
    this.#log = log;
    this.#end = end;
  }

  /** What is not known yet of the journal, in the order in which it was written. */
  async load(): Promise<{ entries: Entry[]; unreadable: UnreadableEntry[]; orphans: string[] }> {
    const removed = new Set<string>();
    this.#removedMeanwhile = removed;
    const stored = await within(this.#store.storeList(PREFIX), "the journal could not be read").finally(() => {
      this.#removedMeanwhile = undefined;
    });
    const isNew = (id: string): boolean => !this.#keys.has(id) && !removed.has(id);
    const { entries, unreadable, orphans } = decodeEntries(stored);
    const found = {
      entries: entries.filter(({ id }) => isNew(id)),
      unreadable: unreadable.filter(({ id }) => isNew(id)),
      orphans: orphans.filter((key) => isNew(idOfKey(key))),
    };
    const keys = Map.groupBy(Object.keys(stored), idOfKey);
    for (const { id } of [...found.entries, ...found.unreadable]) this.#keys.set(id, keys.get(id)?.toSorted() ?? []);
    return found;
  }

  /** Writes an entry; it stands there when the promise resolves. An overdue write is undone as soon as it can be. */
  async write(entry: Entry): Promise<void> {
    const values = encodeEntry(entry);
    const writing = this.#writeAll(entry.id, values);
    try {
      await within(writing, `the operation could not be written into the monitors' store, so it does not go on`);
    } catch (error) {
      void writing.catch(() => {}).then(() => this.remove(entry.id));
      throw error;
    }
  }

  /** Replaces an entry that stands there; what fails is told to the log: the former one is still true enough. */
  async rewrite(entry: Entry): Promise<void> {
    try {
      await within(this.#writeAll(entry.id, encodeEntry(entry)), "not written");
    } catch (error) {
      this.#log.warn(`the journal's entry of operation ${entry.id} could not be brought up to date: ${String(error)}`);
    }
  }

  /** Removes an entry; resolves after the first attempt. One that fails is made again until it succeeds. */
  async remove(id: string): Promise<void> {
    const keys = this.#keys.get(id) ?? [];
    try {
      await this.#removeAll(id, keys);
    } catch (error) {
      this.#log.warn(`operation ${id} has ended and cannot be removed from the journal yet: ${String(error)}`);
      void this.#removeLater(id, keys);
    }
  }

  /** Removes keys in their order; rejects when one could not be. */
  async removeKeys(keys: readonly string[]): Promise<void> {
    for (const key of keys) await within(this.#store.storeSet(key, null), "not removed");
  }

  async #removeAll(id: string, keys: readonly string[]): Promise<void> {
    await this.removeKeys(keys);
    this.#keys.delete(id);
    this.#removedMeanwhile?.add(id);
  }

  async #writeAll(id: string, values: readonly [string, string][]): Promise<void> {
    // Noted before: a write whose answer is lost may stand there all the same.
    this.#keys.set(id, values.map(([key]) => key).toReversed());
    for (const [key, value] of values) await this.#store.storeSet(key, value);
  }

  async #removeLater(id: string, keys: readonly string[]): Promise<void> {
    for (let wait = FIRST_RETRY_MS; !this.#end.aborted; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      await pause(wait, this.#end);
      try {
        return await this.#removeAll(id, keys);
      } catch {
        // The monitors still do not take it.
      }
    }
  }
}

/** Resolves after that time, or at the end of `signal`. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return withSignal(new Promise<void>((resolve) => void setTimeout(resolve, ms).unref()), signal).catch(() => {});
}

async function within<T>(work: Promise<T>, what: string): Promise<T> {
  try {
    return await withSignal(work, AbortSignal.timeout(WITHIN_MS));
  } catch (error) {
    const why = isTimeout(error) ? `the monitors did not answer within ${WITHIN_MS / 1000} s` : messageOf(error);
    throw new OrchestratorError(`${what}: ${why}`, { cause: error });
  }
}
