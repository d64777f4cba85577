/** Where `dev` writes: a terminal, plain text, or one JSON object a line. */

import { ownStdout } from "../own-stdout.ts";
import { type Paint, paintFor } from "./colours.ts";
import type { InFlight } from "./in-flight.ts";
import { ProgressLines } from "./progress-lines.ts";
import type { Screen } from "./screen.ts";
import type { LineResult } from "./shell.ts";

/** What there is to say. */
export interface Output {
  /** What a line of the prompt came to. */
  result(line: string, result: LineResult, ms: number): void;
  /** Something that happened by itself. */
  event(kind: "log" | "trace" | "reload", text: string, problem?: boolean): void;
  moved(operation: InFlight): void;
  ended(operation: InFlight, failure: string | undefined): void;
}

/** For scripts and pipes: results on stdout, all else on stderr. */
export function plainOutput(): Output {
  const lines = new ProgressLines({ isTTY: false, columns: 80, write: (text) => process.stderr.write(text) }, true);
  const tell = (text: string): void => void process.stderr.write(`${text}\n`);
  return {
    result(_line, { stdout, stderr }) {
      if (stdout !== "") ownStdout().write(`${stdout}\n`);
      if (stderr !== "") tell(stderr);
    },
    event: (_kind, text) => tell(text),
    moved: (operation) => lines.moved(operation),
    ended: (operation, failure) => tell(endText(operation, failure)),
  };
}

/** For programs. */
export function jsonOutput(): Output {
  const tell = (value: object): void => void ownStdout().write(`${JSON.stringify(value)}\n`);
  return {
    result: (command, { status, stdout, stderr }, ms) =>
      tell({ command, status: status === "0" ? 0 : status, stdout, stderr, ms: Math.round(ms) }),
    event: (event, text) => tell({ event, text }),
    moved: ({ call, title, fraction, message }) => tell({ event: "progress", call, title, fraction, message }),
    ended: ({ call, title }, error) =>
      tell(error === undefined ? { event: "effective", call, title } : { event: "failed", call, title, error }),
  };
}

/** For a person. */
export function terminalOutput(screen: Screen, paint: Paint = paintFor(ownStdout())): Output {
  return {
    result(_line, { stdout, stderr }) {
      if (stdout !== "") screen.print(stdout);
      if (stderr !== "") screen.print(paint(stderr, "red"));
    },
    event: (kind, text, problem = false) =>
      screen.print(paint(text, problem ? "red" : kind === "reload" ? "green" : "faint")),
    moved: () => screen.update(),
    ended: (operation, failure) =>
      screen.print(paint(endText(operation, failure), failure === undefined ? "green" : "red")),
  };
}

function endText({ title }: InFlight, failure: string | undefined): string {
  return `${title}: ${failure === undefined ? "effective" : `failed: ${failure}`}`;
}
