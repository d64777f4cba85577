/** Whether this process may act: its manager must be known to lead, and former managers' processes must have stopped. */
import { UnavailableError } from "./errors.ts";
import { withSignal } from "./with-signal.ts";

/**
 * A time bound, not a lock: the monitors' store has no compare-and-swap. The manager's side renews it while the store names
 * it as owner; the process ends when it was not renewed in time. The next owner waits that long before it acts.
 */
export class Lease {
  readonly #lost: (reason: string) => void;
  readonly #granted = Promise.withResolvers<void>();
  readonly #fenced = Promise.withResolvers<void>();
  #expiry: NodeJS.Timeout | undefined;
  #fence: NodeJS.Timeout | undefined;
  #until = 0;
  #isFenced = false;

  /** `required` is false where no manager stands behind the connection: a person, a test. `lost` ends the process. */
  constructor(required: boolean, lost: (reason: string) => void) {
    this.#lost = lost;
    if (required) return;
    this.#granted.resolve();
    this.#fenceOff();
    this.#until = Number.POSITIVE_INFINITY;
  }

  /** For `ttlMs` from now the manager leads; for `fenceMs` former owners' processes may still act. */
  grant(ttlMs: number, fenceMs: number): void {
    clearTimeout(this.#expiry);
    this.#until = performance.now() + ttlMs;
    this.#expiry = setTimeout(
      () => this.#lost("the lease ran out: the mgr could not confirm with the monitors that it still leads"),
      ttlMs,
    );
    this.#expiry.unref();
    this.#granted.resolve();
    if (fenceMs <= 0) {
      this.#fenceOff();
    } else if (this.#fence === undefined) {
      this.#fence = setTimeout(() => this.#fenceOff(), fenceMs);
      this.#fence.unref();
    }
  }

  get held(): boolean {
    return performance.now() < this.#until;
  }

  /** Whether former owners' processes have stopped. */
  get isFenced(): boolean {
    return this.#isFenced;
  }

  /** Resolves once this manager is known to lead. */
  granted(signal: AbortSignal): Promise<void> {
    return withSignal(this.#granted.promise, signal);
  }

  /** Resolves once no former owner's process can act any more. */
  fenced(signal: AbortSignal): Promise<void> {
    return withSignal(this.#fenced.promise, signal);
  }

  close(): void {
    clearTimeout(this.#expiry);
    clearTimeout(this.#fence);
    const ended = new UnavailableError("the process is ending");
    for (const waiting of [this.#granted, this.#fenced]) {
      waiting.promise.catch(() => {});
      waiting.reject(ended);
    }
  }

  #fenceOff(): void {
    clearTimeout(this.#fence);
    this.#isFenced = true;
    this.#fenced.resolve();
  }
}
