/** The longest delay of a timer of Node's: a longer one ends at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A delay as a timer takes it. */
export function timerMs(ms: number): number {
  return Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(ms)));
}
