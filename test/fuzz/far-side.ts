/** The other side of a connection, as a fuzz session needs it: it keeps what the connection says, and what was asked of its handlers. */

import { PassThrough } from "node:stream";
import type { Connection } from "../../src/rpc/connection.ts";
import { FrameParser } from "../../src/rpc/frame.ts";

export interface Said {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data: { readonly type: string } };
}

/** Turns of the event loop within which whatever is to come must have come. */
const TURNS = 200_000;

export class FarSide {
  readonly input = new PassThrough();
  readonly output = new PassThrough();
  /** Answers by the text of their id, in which no two ids of a session are alike. */
  readonly answers = new Map<string, Said[]>();
  readonly asked: Said[] = [];
  readonly #parser = new FrameParser({ header: 4096, body: 1 << 30 });

  constructor(hear: (said: Said) => void = () => undefined) {
    this.output.on("data", (chunk: Buffer) => {
      for (const body of this.#parser.push(chunk)) {
        const said = JSON.parse(body.toString("utf8")) as Said;
        this.#keep(said);
        hear(said);
      }
    });
  }

  #keep(said: Said): void {
    if (said.method !== undefined) this.asked.push(said);
    else this.answers.set(String(said.id), [...(this.answers.get(String(said.id)) ?? []), said]);
  }
}

/** Waits until the condition holds; what never comes is a failure, not a wait without end. */
export async function eventually(condition: () => boolean, what: () => string): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn === TURNS) throw new Error(`still waiting for ${what()}`);
    await new Promise(setImmediate);
  }
}

/** The reason with which the connection ends; a failure when it does not. */
export async function endOf(connection: Connection): Promise<Awaited<Connection["ended"]>> {
  let end: { reason: Awaited<Connection["ended"]> } | undefined;
  void connection.ended.then((reason) => (end = { reason }));
  await eventually(
    () => end !== undefined,
    () => "the end of the connection",
  );
  return end!.reason;
}

/** Fails when something was written into what all objects inherit. */
export function checkPrototypes(): void {
  for (const prototype of [Object.prototype, Array.prototype, Function.prototype, String.prototype]) {
    const enumerable = Object.keys(prototype);
    if (enumerable.length > 0) throw new Error(`a prototype was polluted: ${enumerable.join(", ")}`);
  }
}
