/** A gate that work passes while it is open, and waits at while it is closed. */
export class Gate {
  #closed: { opened: Promise<void>; open: () => void } | undefined;

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  close(): void {
    if (this.#closed !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = { opened: promise, open: resolve };
  }

  open(): void {
    this.#closed?.open();
    this.#closed = undefined;
  }

  /** Resolves once the gate is open; rejects with the signal's reason if that comes first. */
  async passed(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(reasonOf(signal));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    try {
      while (this.#closed !== undefined || signal.aborted) await Promise.race([this.#closed?.opened, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}

/** What an aborted signal was aborted with, always as an error. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}
