/** How long things take: the configured delays, and the second stages of writes, which can be paused and cancelled. */
import { setTimeout } from "node:timers/promises";
import { type Operation, OrchestratorError, type Persisted, type WriteCall } from "../../index.ts";
import { Gate, reasonOf } from "./gate.ts";

export interface Delays {
  readonly read_ms: number;
  readonly persist_ms: number;
  readonly effective_ms: number;
}

/** One thing that a second stage does at once. */
export interface Step {
  /** Shown as the operation's progress. */
  readonly text: string;
  run(): void;
}

/** A state comes to rest in a few rounds of steps, so one that does not has a fault; without a bound it would hold the event loop. */
const ROUNDS_IN_VAIN = 100;

/** Counts the rounds of steps that leave no less to do than there was. */
export class Unrest {
  #rounds = 0;

  /** Throws OrchestratorError when there were too many. */
  check(before: number, left: readonly Step[]): void {
    const [first] = left;
    if (first === undefined || left.length < before || ++this.#rounds < ROUNDS_IN_VAIN) return;
    throw new OrchestratorError(
      `the cluster does not come to rest: after ${ROUNDS_IN_VAIN} rounds that changed nothing, ${first.text} is still to be done`,
    );
  }
}

export class Pace {
  readonly delays: Delays;
  /** Closed by `ceph orch pause`. */
  readonly background = new Gate();
  #cancelled = new AbortController();

  constructor(delays: Delays) {
    this.delays = delays;
  }

  /** Ends the second stages that run now, as `ceph orch cancel` asks. */
  cancel(): void {
    this.#cancelled.abort(new OrchestratorError("cancelled by the operator"));
    this.#cancelled = new AbortController();
  }

  /**
   * Answers a write whose second stage takes steps until `remaining` says that none is left. It is asked again after each
   * wait, because other calls may have changed the state, so two runs of the same write do nothing twice.
   */
  converge<T>(call: WriteCall, result: T, remaining: () => readonly Step[], gate?: Gate): Persisted<T> {
    return call.persisted(result, (operation) => this.#settle(operation, remaining, gate));
  }

  /** As `converge`, but a write that leaves nothing to do is effective at once. */
  convergeIfNeeded<T>(call: WriteCall, result: T, remaining: () => readonly Step[]): T | Persisted<T> {
    return remaining().length === 0 ? result : this.converge(call, result, remaining);
  }

  /** Answers a write whose second stage takes these steps, each once. */
  each<T>(call: WriteCall, result: T, steps: readonly Step[]): Persisted<T> {
    const left: Step[] = steps.map((step) => ({
      text: step.text,
      run() {
        left.shift();
        step.run();
      },
    }));
    return this.converge(call, result, () => left);
  }

  async #settle(operation: Operation, remaining: () => readonly Step[], gate?: Gate): Promise<void> {
    const signal = AbortSignal.any([operation.signal, this.#cancelled.signal]);
    const stepMs = this.delays.effective_ms / Math.max(1, remaining().length);
    const unrest = new Unrest();
    let done = 0;
    for (;;) {
      if (signal.aborted) throw reasonOf(signal);
      await wait(stepMs, signal);
      if (this.background.closed) await this.background.passed(signal);
      if (gate?.closed === true) await gate.passed(signal);
      const steps = remaining();
      const before = steps.length;
      const now = steps.slice(0, stepMs > 0 ? 1 : before);
      const last = now.at(-1);
      if (last === undefined) return;
      for (const step of now) step.run();
      done += now.length;
      const left = remaining();
      operation.progress(done / (done + left.length), last.text);
      unrest.check(before, left);
    }
  }
}

/** Waits, unless there is nothing to wait for; rejects with the signal's reason. */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw reasonOf(signal);
  if (ms <= 0) return;
  try {
    await setTimeout(ms, undefined, { signal });
  } catch (error) {
    throw signal.aborted ? reasonOf(signal) : error;
  }
}
