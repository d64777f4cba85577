import { setTimeout as pause } from "node:timers/promises";

/** Waits until `probe` answers something other than undefined; after `timeoutMs` it fails with `what`. */
export async function until<T>(
  what: string | (() => string),
  timeoutMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
  everyMs = 40,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    if (performance.now() > end) {
      throw new Error(`waited ${timeoutMs / 1000} s in vain: ${typeof what === "string" ? what : what()}`);
    }
    await pause(everyMs);
  }
}
