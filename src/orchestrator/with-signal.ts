/** The promise's outcome, or the signal's reason if that comes first. */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {}); // nobody is left who could hear of it
    return Promise.reject(asError(signal.reason));
  }
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(asError(signal.reason));
    signal.addEventListener("abort", abort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** Tells of the end of a signal, also of one that has ended already. */
export function onAbort(signal: AbortSignal, act: (reason: unknown) => void): void {
  if (signal.aborted) act(signal.reason);
  else signal.addEventListener("abort", () => act(signal.reason), { once: true });
}

/**
 * A signal that ends with the first of others, until it is released. In place of `AbortSignal.any`: Node keeps one of those for
 * good while somebody listens to it, and its sources keep what listens to them.
 */
export function firstOf(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const ends = signals.map((source) => {
    const end = (): void => controller.abort(source.reason);
    if (source.aborted) end();
    else source.addEventListener("abort", end, { once: true });
    return () => source.removeEventListener("abort", end);
  });
  return { signal: controller.signal, release: () => ends.forEach((remove) => remove()) };
}

export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
