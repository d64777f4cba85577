/** Work that goes on in the background: the difference between what is wanted and what is there gets done, round by round. */
import { setTimeout } from "node:timers/promises";

import { type Log, messageOf, type Operation, OrchestratorError, UnavailableError } from "../../index.ts";

/** How long until the next round. */
const BUSY_MS = 1000;
const IDLE_MS = 30_000;

/** What a round left: nothing, or something that is to be looked at soon. */
export type Left = "nothing" | "more";

/** One task's rounds, one after the other. A round that throws is logged once per reason, and tried again. */
export class Rounds {
  readonly #name: string;
  readonly #round: () => Promise<Left>;
  readonly #log: Log;
  readonly #end = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | undefined;
  #cancelled = new AbortController();
  #isPaused: () => Promise<boolean> = () => Promise.resolve(false);
  /** Why the last round failed; undefined after one that did not. */
  #failure: string | undefined;

  constructor(name: string, log: Log, round: () => Promise<Left>) {
    this.#name = name;
    this.#log = log;
    this.#round = round;
  }

  /** Why the last round failed, for those who wait for what it should have done. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** While it says so, rounds rest. */
  pausedWhile(isPaused: () => Promise<boolean>): void {
    this.#isPaused = isPaused;
  }

  /** Ends what waits in `until`; the work itself goes on. */
  cancel(): void {
    this.#cancelled.abort(new OrchestratorError("cancelled by the operator"));
    this.#cancelled = new AbortController();
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Begins the next round at once, or right after the one that runs. */
  kick(): void {
    this.#wake.abort();
  }

  /** Begins no more rounds, and waits for the one that runs. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#wake.abort();
    await this.#running;
  }

  /**
   * The second stage of a write: waits until `look` says null. Until then it says how far things are, from 0 to 1, which
   * becomes the operation's progress. While the agent is away, which its unit starts again, it waits on: the write is kept.
   */
  async until(
    operation: Operation,
    look: () => Promise<readonly [fraction: number, text: string] | null>,
  ): Promise<void> {
    const signal = AbortSignal.any([operation.signal, this.#cancelled.signal]);
    let fraction = 0;
    for (;;) {
      signal.throwIfAborted();
      const left = await look().catch((error: unknown): readonly [number, string] => {
        if (!(error instanceof UnavailableError) || this.#end.signal.aborted) throw error;
        return [fraction, error.message];
      });
      if (left === null) return;
      fraction = left[0];
      operation.progress(left[0], this.#failure === undefined ? left[1] : `${left[1]}: ${this.#failure}`);
      this.kick();
      await wait(BUSY_MS / 2, signal);
    }
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      this.#wake = new AbortController();
      const left = await this.#once();
      const wake = AbortSignal.any([this.#wake.signal, this.#end.signal]);
      await setTimeout(left === "more" ? BUSY_MS : IDLE_MS, undefined, { signal: wake }).catch(() => undefined);
    }
  }

  async #once(): Promise<Left> {
    try {
      if (await this.#isPaused()) return "nothing";
      const left = await this.#round();
      if (this.#failure !== undefined) this.#log.info(`${this.#name}: goes on`);
      this.#failure = undefined;
      return left;
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#failure && !this.#end.signal.aborted) this.#log.error(`${this.#name}: ${reason}`, { error });
      this.#failure = reason;
      return "more";
    }
  }
}

/** Rejects with the signal's own reason. */
async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
