/** Pauses a stream for as long as anyone has a reason to. */

import type { Readable } from "node:stream";

export class Gate {
  readonly #stream: Readable;
  readonly #reasons = new Set<string>();

  constructor(stream: Readable) {
    this.#stream = stream;
  }

  /** Sets or lifts one reason; the stream flows when none is left. */
  hold(reason: string, on: boolean): void {
    const held = this.#reasons.size > 0;
    if (on) this.#reasons.add(reason);
    else this.#reasons.delete(reason);
    if (held === this.#reasons.size > 0) return;
    if (on) this.#stream.pause();
    else this.#stream.resume();
  }
}
