/** Sources of calls, each at its own rate, one call of a source at a time as a page waits for its answer. */
import { setTimeout as pause } from "node:timers/promises";

import { type Reply, Tally } from "./tally.ts";

export interface Source {
  readonly name: string;
  /** From the start of a call to the start of the next; longer where the answer takes longer. */
  readonly everyMs: number;
  /** Whether it may be refused although nothing is wrong: a service may be gone that a write names. */
  readonly mayBeRefused?: true;
  ask(): Promise<Reply>;
}

export class Load {
  readonly tally = new Tally();
  readonly #sources: readonly Source[];
  #running: { stop: AbortController; ended: Promise<unknown> } | undefined;
  #trouble = 0;
  #inTrouble = false;

  constructor(sources: readonly Source[]) {
    this.#sources = sources;
  }

  start(): void {
    if (this.#running !== undefined) return;
    const stop = new AbortController();
    const ended = Promise.all(this.#sources.map((source) => this.#repeat(source, stop.signal)));
    this.#running = { stop, ended };
  }

  /** Sends nothing more, and returns when everything that was sent is answered. */
  async stop(): Promise<void> {
    const running = this.#running;
    running?.stop.abort();
    await running?.ended;
    this.#running = undefined;
  }

  /** From now on calls may fail. */
  troubleBegins(): void {
    this.#inTrouble = true;
    this.#trouble += 1;
  }

  /** From now on calls have to succeed. */
  troubleEnds(): void {
    this.#inTrouble = false;
  }

  async #repeat(source: Source, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const start = performance.now();
      const [wasInTrouble, before] = [this.#inTrouble, this.#trouble];
      const reply = await source.ask();
      const ms = performance.now() - start;
      const calm = !wasInTrouble && before === this.#trouble && source.mayBeRefused !== true;
      this.tally.add(source.name, reply, ms, calm);
      await pause(Math.max(0, source.everyMs - ms), undefined, { signal: stop }).catch(() => undefined);
    }
  }
}
