/** Progress of operations for `call`: a bar that is drawn over itself on a terminal, else a line for each new message. */

import type { WriteStream } from "node:tty";
import { barOf } from "./bar.ts";
import type { InFlight } from "./in-flight.ts";

/** Writes to one stream. */
export class ProgressLines {
  readonly #stream: Pick<WriteStream, "isTTY" | "columns" | "write">;
  readonly #wanted: boolean;
  readonly #told = new Map<string, string>();

  constructor(stream: Pick<WriteStream, "isTTY" | "columns" | "write">, wanted: boolean) {
    this.#stream = stream;
    this.#wanted = wanted;
  }

  moved(operation: InFlight): void {
    if (!this.#wanted) return;
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\u001b[K${barOf(operation, this.#stream.columns)}`);
      return;
    }
    const { call, title, fraction, message } = operation;
    if (message === "" || this.#told.get(call) === message) return;
    this.#told.set(call, message);
    this.#stream.write(`${title}: ${Math.round(fraction * 100)} % ${message}\n`);
  }

  ended({ title }: InFlight): void {
    if (!this.#wanted) return;
    if (this.#stream.isTTY) this.#stream.write("\r\u001b[K");
    else this.#stream.write(`${title}: ended\n`);
  }
}
