/** The command's own stdout, apart from what a backend prints in the same process. */

import { finished } from "./ending.ts";

/** What a shell shows for a program whose reader has gone. */
const EXIT_NO_READER = 141;
const EXIT_FAILED = 1;

let isEnding = false;
let stdout: typeof process.stdout | undefined;

/** Where the command writes. Made when it is first needed: `serve` has another use for the descriptor. */
export function ownStdout(): typeof process.stdout {
  stdout ??= process.stdout.on("error", endUnread);
  return stdout;
}

/** Prints of a backend go to stderr from now on: stdout may be read by a program. */
export function divertPrints(): void {
  ownStdout();
  Object.defineProperty(process, "stdout", { configurable: true, get: () => process.stderr });
}

/** Ends the process once all is written: a backend may have left a timer or a socket behind. */
export function end(status: number): void {
  if (isEnding) return;
  isEnding = true;
  finished();
  process.exitCode = status;
  ownStdout().write("", (error) => {
    // An error is told as an event.
    if (error === null || error === undefined) process.exit();
  });
}

function endUnread(error: NodeJS.ErrnoException): void {
  finished();
  if (error.code === "EPIPE") process.exit(EXIT_NO_READER);
  process.stderr.write(`orchbridge: the output cannot be written: ${error.message}\n`);
  process.exit(EXIT_FAILED);
}
