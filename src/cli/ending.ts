/** How a command ends that runs a backend in its own process: by itself. Any other end is told, and is no success. */

import { Exit } from "../main/exit.ts";

interface Watch {
  /** The exit status if it comes to that. */
  readonly status: number;
  readonly tell: (sentence: string) => void;
}

let watch: Watch | undefined;
/** Whether nothing was left to wait for. */
let isEmpty = false;

/** From now on until `finished`, the end of the process is the backend's doing. */
export function watchEnding(status: number, tell: Watch["tell"] = tellPerson): void {
  if (!process.listeners("exit").includes(lastWords)) {
    process.on("exit", lastWords);
    process.on("beforeExit", () => (isEmpty = true));
    // Node prints such an exception with its stack.
    process.on("uncaughtExceptionMonitor", () => {
      if (process.listenerCount("uncaughtException") === 0) finished();
    });
  }
  watch = { status, tell };
}

/** The command has done its work, or said why not. */
export function finished(): void {
  watch = undefined;
}

function lastWords(given: number): void {
  // A process that is attached to a manager ends itself so, and has said why.
  if (watch === undefined || given === Exit.leaseLost) return;
  const { status, tell } = watch;
  finished();
  process.exitCode = status;
  tell(
    isEmpty
      ? "the backend never settles: nothing is left in this process that could settle what is awaited"
      : `the backend ended the process, by process.exit(${given}) or the like; NODE_OPTIONS=--trace-exit shows where`,
  );
}

function tellPerson(sentence: string): void {
  process.stderr.write(`orchbridge: ${sentence}\n`);
}
