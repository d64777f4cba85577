/** A progress bar as a line of text. */

import type { InFlight } from "./in-flight.ts";

const WIDTH = 24;

/** The bar, its operation and what it does now, in one line of the terminal. */
export function barOf({ title, fraction, message }: InFlight, columns = 80): string {
  const done = Math.round(fraction * WIDTH);
  const bar = `[${"=".repeat(done)}${" ".repeat(WIDTH - done)}] ${String(Math.round(fraction * 100)).padStart(3)} %`;
  const text = `${bar} ${firstLine(title)}${message === "" ? "" : `: ${firstLine(message)}`}`;
  // A line that wraps could not be drawn over.
  return text.slice(0, Math.max(20, columns - 1));
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
