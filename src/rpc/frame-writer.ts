/** Writes JSON-RPC messages for vscode-jsonrpc's connection: one write a message, where its own writer makes two and a semaphore. */

import type { Writable } from "node:stream";
import { AbstractMessageWriter, type Message, type MessageWriter } from "vscode-jsonrpc";
import { Encoded } from "./encode.ts";
import { RpcError } from "./errors.ts";
import { frame } from "./frame.ts";
import type { Limits } from "./limits.ts";

const done = Promise.resolve();

export interface WriterEvents {
  /** Right after the message, as `json`, was handed to the stream. */
  sent(message: Message, json: string): void;
  /** Too much is waiting (true), or all of it was read (false). */
  pressure(high: boolean): void;
}

/** `write` resolves when there is room for more, so a caller that awaits it is held to the reader's pace. */
export class FrameWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #output: Writable;
  readonly #limits: Limits;
  readonly #events: WriterEvents;
  #drained: PromiseWithResolvers<void> | undefined;
  #high = false;
  #broken: RpcError | undefined;

  constructor(output: Writable, limits: Limits, events: WriterEvents) {
    super();
    this.#output = output;
    this.#limits = limits;
    this.#events = events;
    output.on("drain", () => this.#onDrain());
    output.on("error", (cause: Error) =>
      this.#break(new RpcError("RPC_CLOSED", `cannot write to the other side: ${cause.message}`, { cause })),
    );
    output.on("close", () => this.#break(new RpcError("RPC_CLOSED", "the other side is no longer there to write to")));
  }

  write(message: Message): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const body = serialise(message);
    const length = Buffer.byteLength(body);
    if (length > this.#limits.body) {
      return Promise.reject(
        new RpcError("RPC_TOO_LARGE", `a message of ${length} bytes is over the limit of ${this.#limits.body} bytes`),
      );
    }
    const flowing = this.#output.write(frame(body, length), "utf8");
    this.#events.sent(message, body);
    return flowing ? done : this.#wait();
  }

  end(): void {
    this.#output.end();
  }

  #wait(): Promise<void> {
    const waiting = this.#output.writableLength;
    if (waiting > this.#limits.stallAt) {
      this.#break(new RpcError("RPC_STALLED", `the other side does not read: ${waiting} bytes are waiting for it`));
    }
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    if (waiting > this.#limits.pauseAt && !this.#high) {
      this.#high = true;
      this.#events.pressure(true);
    }
    this.#drained ??= Promise.withResolvers<void>();
    return this.#drained.promise;
  }

  #onDrain(): void {
    if (this.#high) {
      this.#high = false;
      this.#events.pressure(false);
    }
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  /** Nothing is written any more, also not the answers of calls that are still running. */
  override dispose(): void {
    this.#refuse(new RpcError("RPC_CLOSED", "the connection is closed"));
    super.dispose();
  }

  #refuse(error: RpcError): void {
    this.#broken ??= error;
    // The writers that wait get it; where none does, it is no unhandled rejection.
    this.#drained?.promise.catch(() => undefined);
    this.#drained?.reject(error);
    this.#drained = undefined;
  }

  #break(error: RpcError): void {
    if (this.#broken !== undefined) return;
    this.#refuse(error);
    this.fireError(error);
    this.fireClose();
  }
}

/** JSON.stringify, but with what is JSON already put in as it is. */
function serialise(message: Message): string {
  const { result, params, ...rest } = message as Message & { result?: unknown; params?: unknown };
  if (result instanceof Encoded) return `${open(rest)},"result":${result.json}}`;
  if (params instanceof Encoded) return `${open(rest)},"params":${params.json}}`;
  return JSON.stringify(message);
}

function open(rest: object): string {
  return JSON.stringify(rest).slice(0, -1);
}
