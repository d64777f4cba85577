/** The terminal of `dev`: text goes above the prompt, bars of what is under way stand between the two. */

import type { Interface } from "node:readline";
import type { WriteStream } from "node:tty";
import { barOf } from "./bar.ts";
import type { InFlight } from "./in-flight.ts";

/** The part of a terminal that is written to. */
export type Terminal = Pick<WriteStream, "write" | "columns">;

/** Bars beyond these are counted. */
const MOST_BARS = 8;

/** Draws; everything that is printed goes through it. */
export class Screen {
  readonly #terminal: Terminal;
  readonly #operations: () => readonly InFlight[];
  #prompt: Pick<Interface, "prompt"> | undefined;
  #drawn = 0;

  constructor(terminal: Terminal, operations: () => readonly InFlight[]) {
    this.#terminal = terminal;
    this.#operations = operations;
  }

  /** Text above the bars. */
  print(text: string): void {
    this.#erase();
    this.#terminal.write(text === "" || text.endsWith("\n") ? text : `${text}\n`);
    this.#draw();
  }

  /** The bars have changed. */
  update(): void {
    this.#erase();
    this.#draw();
  }

  /** From now on a line can be typed. */
  ask(prompt: Pick<Interface, "prompt">): void {
    this.#erase();
    this.#prompt = prompt;
    this.#draw();
  }

  /** A line was typed, so the terminal stands below it; the bars above it would be out of date. */
  entered(line: string): void {
    const rows = Math.floor(line.length / Math.max(1, this.#terminal.columns)) + 1;
    if (this.#drawn > 0) {
      this.#terminal.write(`\u001b[${this.#drawn + rows}A\r\u001b[J${line}\n`);
      this.#drawn = 0;
    }
    this.#prompt = undefined;
    this.#draw();
  }

  /** Nothing is drawn any more. */
  end(): void {
    this.#erase();
    this.#prompt = undefined;
    this.#drawn = 0;
  }

  #erase(): void {
    this.#terminal.write(`${this.#drawn > 0 ? `\u001b[${this.#drawn}A` : ""}\r\u001b[J`);
    this.#drawn = 0;
  }

  #draw(): void {
    const all = this.#operations();
    const lines = all.slice(0, MOST_BARS).map((operation) => barOf(operation, this.#terminal.columns));
    if (all.length > MOST_BARS) lines.push(`and ${all.length - MOST_BARS} more`);
    if (lines.length > 0) this.#terminal.write(`${lines.join("\n")}\n`);
    this.#drawn = lines.length;
    this.#prompt?.prompt(true);
  }
}
