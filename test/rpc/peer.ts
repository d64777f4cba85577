/** The other side of a connection in tests: writes any bytes, reads frames. */

import { PassThrough } from "node:stream";
import { vi } from "vitest";
import { Connection, type ConnectionOptions } from "../../src/rpc/connection.ts";
import { FrameParser, frame } from "../../src/rpc/frame.ts";

export interface Received {
  id?: number | string;
  method?: string;
  params?: Record<string, unknown>;
  result?: unknown;
  error?: { code: number; message: string; data: Record<string, unknown> };
}

export class Peer {
  readonly toConnection = new PassThrough();
  readonly fromConnection: PassThrough;
  readonly received: Received[] = [];
  readonly warnings: string[] = [];
  readonly connection: Connection;
  readonly #parser = new FrameParser({ header: 4096, body: 1 << 30 });

  constructor(limits: ConnectionOptions["limits"] = {}, output = new PassThrough()) {
    this.fromConnection = output;
    this.connection = new Connection({
      input: this.toConnection,
      output,
      limits,
      warn: (message) => this.warnings.push(message),
      toWireError: (error) => ({
        code: 1001,
        message: error instanceof Error ? error.message : String(error),
        data: { type: "TestError" },
      }),
    });
  }

  /** Starts both directions; without it the peer does not read. */
  start(): this {
    this.read();
    this.connection.listen();
    return this;
  }

  read(): void {
    this.fromConnection.on("data", (chunk: Buffer) => {
      for (const body of this.#parser.push(chunk)) this.received.push(JSON.parse(body.toString("utf8")) as Received);
    });
  }

  sendText(text: string): void {
    this.toConnection.write(frame(text, Buffer.byteLength(text)));
  }

  send(message: object): void {
    this.sendText(JSON.stringify({ jsonrpc: "2.0", ...message }));
  }

  /** The answer to a request, once it is there. */
  answer(id: number | string): Promise<Received> {
    return vi.waitFor(() => {
      const found = this.received.find((message) => message.id === id && message.method === undefined);
      if (found === undefined) throw new Error(`no answer to ${id} yet`);
      return found;
    });
  }

  ask(id: number | string, method: string, params?: unknown): Promise<Received> {
    this.send({ id, method, ...(params === undefined ? {} : { params }) });
    return this.answer(id);
  }
}
