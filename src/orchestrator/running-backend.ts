/** One created backend: whether it is available, and its end. */

import type { BatchTarget } from "./attempt.ts";
import type { Availability, Backend } from "./backend.ts";
import { toWireError } from "./errors.ts";
import type { Issue } from "./issues.ts";
import { checkJson } from "./json-value.ts";
import type { Json, Logger } from "./ports.ts";
import { hideSecretsOf, withoutSecretsOf } from "./secrets.ts";
import { isTimeout, withSignal } from "./with-signal.ts";

const ASK_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;
const CLOSE_WITHIN_MS = 2_000;

export class RunningBackend {
  readonly target: BatchTarget;
  readonly #stop: AbortController;
  readonly #changed: () => void;
  readonly #closed: () => void;
  readonly #timer: NodeJS.Timeout | undefined;
  #availability: Availability = { ok: true };
  /** The question under way: one at a time, so that an old answer never follows a newer one. */
  #question: Promise<void> | undefined;
  #askAgain = false;

  constructor(
    backend: Backend,
    what: {
      readonly name: string;
      readonly log: Logger;
      readonly strict: boolean;
      readonly options: Json;
      /** Of the signal that `create` was handed. */
      readonly stop: AbortController;
      /** Told at every change of `availability`. */
      readonly changed: () => void;
      /** Told when it was closed, or did not close in time. */
      readonly closed: () => void;
    },
  ) {
    const { name, log, strict, options, stop } = what;
    this.#stop = stop;
    this.#changed = what.changed;
    this.#closed = what.closed;
    this.target = { name, backend, log, strict, options, signal: stop.signal };
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
    const { name, options } = this.target;
    const said = checkedAvailability(name, answer);
    const { reason } = said;
    this.#availability = reason === undefined ? said : { ...said, reason: withoutSecretsOf([options], reason) };
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
        : this.#sentence(error, `${name}.close`);
      log.warn(`${name}.close: ${why}`);
    } finally {
      this.#closed();
    }
  }

  async #ask(): Promise<void> {
    const { name, backend } = this.target;
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
        : this.#sentence(error, `${name}.available`);
      this.take({ ok: false, reason });
    }
  }

  #sentence(error: unknown, where: string): string {
    const { options, log } = this.target;
    return toWireError(hideSecretsOf([options], error), log, where).message;
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
