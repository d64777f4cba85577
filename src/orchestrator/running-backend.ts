/** One created backend: whether it is available, and its end. */

import type { BatchTarget } from "./attempt.ts";
import type { Availability, Backend } from "./backend.ts";
import { toWireError } from "./errors.ts";
import type { Issue } from "./issues.ts";
import { checkJson } from "./json-value.ts";
import type { Logger } from "./ports.ts";
import { isTimeout, withSignal } from "./with-signal.ts";

const ASK_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;
const CLOSE_WITHIN_MS = 2_000;

export class RunningBackend {
  readonly target: BatchTarget;
  readonly #stop: AbortController;
  readonly #changed: () => void;
  readonly #timer: NodeJS.Timeout | undefined;
  #availability: Availability = { ok: true };
  /** The question under way: one at a time, so that an old answer never follows a newer one. */
  #question: Promise<void> | undefined;
  #askAgain = false;

  /** `stop` is the controller of the signal that `create` was handed. */
  constructor(
    backend: Backend,
    what: { name: string; log: Logger; strict: boolean; stop: AbortController; changed: () => void },
  ) {
    this.#stop = what.stop;
    this.#changed = what.changed;
    this.target = { name: what.name, backend, log: what.log, strict: what.strict, signal: what.stop.signal };
    if (backend.available !== undefined) {
      this.#timer = setInterval(() => void this.ask(), ASK_EVERY_MS);
      this.#timer.unref();
    }
  }

  get availability(): Availability {
    return this.#availability;
  }

  /** Asks `available()`, within a bound. A backend without it is available unless it said otherwise by itself. */
  ask(): Promise<void> {
    if (this.target.backend.available === undefined) return Promise.resolve();
    if (this.#question !== undefined) {
      this.#askAgain = true;
      return this.#question;
    }
    this.#question = this.#ask().finally(() => {
      this.#question = undefined;
      if (!this.#askAgain) return;
      this.#askAgain = false;
      void this.ask();
    });
    return this.#question;
  }

  /** Takes what the backend says of itself, asked or not. */
  take(answer: unknown): void {
    if (this.#stop.signal.aborted) return;
    const before = JSON.stringify(this.#availability);
    this.#availability = checkedAvailability(this.target.name, answer);
    if (JSON.stringify(this.#availability) !== before) this.#changed();
  }

  async end(): Promise<void> {
    const { name, backend, log } = this.target;
    clearInterval(this.#timer);
    this.#stop.abort(new Error(`backend ${name} is being closed`));
    try {
      await withSignal(
        call(() => backend.close?.()),
        AbortSignal.timeout(CLOSE_WITHIN_MS),
      );
    } catch (error) {
      const why = isTimeout(error)
        ? `did not end within ${CLOSE_WITHIN_MS / 1000} s`
        : toWireError(error, log, `${name}.close`).message;
      log.warn(`${name}.close: ${why}`);
    }
  }

  async #ask(): Promise<void> {
    const { name, backend, log } = this.target;
    try {
      this.take(
        await withSignal(
          call(() => backend.available?.()),
          AbortSignal.timeout(ANSWER_WITHIN_MS),
        ),
      );
    } catch (error) {
      const reason = isTimeout(error)
        ? `${name}.available() did not answer within ${ANSWER_WITHIN_MS / 1000} s`
        : toWireError(error, log, `${name}.available`).message;
      this.take({ ok: false, reason });
    }
  }
}

/** A promise of what a function gives, throws or promises. */
async function call<T>(act: () => T | Promise<T>): Promise<T> {
  return act();
}

/** A backend's word about itself goes to every caller of `ceph orch status`: what is wrong with it is said instead. */
function checkedAvailability(name: string, answer: unknown): Availability {
  const wrong = wrongWith(answer);
  return wrong === undefined
    ? (answer as Availability)
    : { ok: false, reason: `${name}.available answered nonsense: ${wrong}` };
}

function wrongWith(answer: unknown): string | undefined {
  if (typeof answer !== "object" || answer === null) return `expected { ok, reason?, details? }, got ${String(answer)}`;
  const { ok, reason, details } = answer as Record<string, unknown>;
  if (typeof ok !== "boolean") return `ok: expected boolean, got ${typeof ok}`;
  if (reason !== undefined && typeof reason !== "string") return `reason: expected string, got ${typeof reason}`;
  if (details === undefined) return undefined;
  if (typeof details !== "object" || details === null || Array.isArray(details)) return "details: expected object";
  const issues: Issue[] = [];
  checkJson(details, [], issues);
  return issues[0] === undefined ? undefined : `details: ${issues[0].message}`;
}
