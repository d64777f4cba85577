/** Keeps what is known of one daemon, in memory and on disk. */
import { messageOf } from "../index.ts";
import type { AgentLog } from "./log.ts";
import type { DaemonName } from "./protocol.ts";
import { type DaemonEvent, deleteRunRecord, type RunRecord, readRunRecord, writeRunRecord } from "./run-record.ts";

const MOST_EVENTS = 20;

export class RunHistory {
  readonly #stateDir: string;
  readonly #name: DaemonName;
  readonly #log: AgentLog;
  #record: RunRecord;
  #saved: Promise<void> = Promise.resolve();

  constructor(stateDir: string, name: DaemonName, log: AgentLog) {
    this.#stateDir = stateDir;
    this.#name = name;
    this.#log = log;
    this.#record = readRunRecord(stateDir, name);
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** Resolves when all that was noted so far is on disk, or could not be written. */
  get saved(): Promise<void> {
    return this.#saved;
  }

  /** Adds an event; it goes to disk with the next note. */
  event(level: DaemonEvent["level"], message: string): void {
    const event = { time: new Date().toISOString(), level, message };
    this.#record = { ...this.#record, events: [...this.#record.events, event].slice(-MOST_EVENTS) };
  }

  /** Changes what is known. A disk that is full does not end supervision. */
  note(change: Partial<RunRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    this.#saved = this.#saved.then(async () => {
      try {
        await writeRunRecord(this.#stateDir, this.#name, this.#record);
      } catch (error) {
        this.#log.warn(`${this.#name}: ${messageOf(error)}`);
      }
    });
    return this.#saved;
  }

  /** Forgets all of it. */
  async forget(): Promise<void> {
    await this.#saved;
    deleteRunRecord(this.#stateDir, this.#name);
  }
}
