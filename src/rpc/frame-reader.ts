/** Reads JSON-RPC messages for vscode-jsonrpc's connection. Its own reader survives a broken frame, but loses messages silently. */

import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { AbstractMessageReader, type DataCallback, type Disposable, type Message } from "vscode-jsonrpc";
import { RpcError } from "./errors.ts";
import { FrameParser } from "./frame.ts";
import { inspectIncoming } from "./inspect.ts";
import type { Limits } from "./limits.ts";
import { type Incoming, readMessage } from "./message.ts";

/** Gets each message, its size, and what is wrong with its values if anything is; gives what the connection shall see of it. */
export type Admit = (message: Incoming, bytes: number, problem: RpcError | undefined) => Message | undefined;

/** Any byte that cannot be part of a JSON-RPC message is an error, after which nothing more is read. */
export class FrameReader extends AbstractMessageReader {
  readonly #input: Readable;
  readonly #parser: FrameParser;
  readonly #limits: Limits;
  readonly #admit: Admit;
  #stop = (): void => undefined;

  constructor(input: Readable, limits: Limits, admit: Admit) {
    super();
    this.#input = input;
    this.#limits = limits;
    this.#admit = admit;
    this.#parser = new FrameParser(limits);
  }

  listen(callback: DataCallback): Disposable {
    const onData = (chunk: Buffer): void => {
      try {
        for (const body of this.#parser.push(chunk)) this.#deliver(body, callback);
      } catch (error) {
        this.#stop();
        this.fireError(error);
        this.fireClose();
      }
    };
    const onEnd = (): void => {
      this.#stop();
      if (!this.#parser.idle) this.fireError(new RpcError("RPC_BAD_FRAME", "the stream ended inside a message"));
      this.fireClose();
    };
    const onError = (cause: Error): void => {
      this.#stop();
      this.fireError(new RpcError("RPC_CLOSED", `cannot read from the other side: ${cause.message}`, { cause }));
      this.fireClose();
    };
    this.#stop = (): void => {
      this.#input.off("data", onData).off("end", onEnd).off("close", onEnd);
      this.#input.pause();
    };
    this.#input.on("data", onData).on("end", onEnd).on("close", onEnd).on("error", onError);
    return { dispose: this.#stop };
  }

  override dispose(): void {
    this.#stop();
    super.dispose();
  }

  #deliver(body: Buffer, callback: DataCallback): void {
    const text = decode(body);
    const value = parse(text);
    const message = readMessage(value);
    const admitted = this.#admit(message, body.length, inspectIncoming(value, text, this.#limits.depth));
    if (admitted !== undefined) callback(admitted);
  }
}

function decode(body: Buffer): string {
  if (!isUtf8(body)) throw new RpcError("RPC_BAD_FRAME", "a message is not valid UTF-8");
  return body.toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RpcError(
      "RPC_BAD_FRAME",
      `a message is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
