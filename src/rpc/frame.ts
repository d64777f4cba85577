/** Content-Length framing: `Content-Length: N`, an empty line, N bytes. */

import { RpcError } from "./errors.ts";

const headerEnd = Buffer.from("\r\n\r\n");
/** What may stand in a header so far: printable ASCII and CRLF. A stray line of text ends in a bare LF. */
const headerSoFar = /^(?:[\x20-\x7e]|\r\n)*\r?$/;

/** Cuts a stream of bytes into message bodies. Throws on the first byte that cannot belong to a frame; there is no way back from that. */
export class FrameParser {
  readonly #limits: { header: number; body: number };
  #chunks: Buffer[] = [];
  #size = 0;
  /** Bytes of the body being read; undefined while in a header. */
  #length: number | undefined;

  constructor(limits: { header: number; body: number }) {
    this.#limits = limits;
  }

  /** True between two frames, where the stream may end. */
  get idle(): boolean {
    return this.#size === 0 && this.#length === undefined;
  }

  /** Takes the next bytes and gives the bodies that they complete. */
  *push(chunk: Buffer): Generator<Buffer, void> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= (this.#length ?? 1)) {
      const [first] = this.#chunks;
      const data = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
      if (this.#length === undefined) {
        const end = this.#findHeaderEnd(data);
        if (end === undefined) {
          this.#keep(data);
          return;
        }
        this.#length = contentLength(data.toString("latin1", 0, end), this.#limits.body);
        this.#keep(data.subarray(end + headerEnd.length));
      } else {
        const body = data.subarray(0, this.#length);
        this.#keep(data.subarray(this.#length));
        this.#length = undefined;
        yield body;
      }
    }
  }

  #keep(data: Buffer): void {
    this.#chunks = data.length === 0 ? [] : [data];
    this.#size = data.length;
  }

  #findHeaderEnd(data: Buffer): number | undefined {
    const end = data.indexOf(headerEnd);
    const seen = data.toString("latin1", 0, Math.min(end === -1 ? data.length : end, this.#limits.header));
    if (!headerSoFar.test(seen)) {
      throw new RpcError("RPC_BAD_FRAME", `expected a Content-Length header, got ${quoted(seen)}`);
    }
    // Without an end so far, the last three bytes may be most of it.
    if ((end === -1 ? data.length - (headerEnd.length - 1) : end) > this.#limits.header) {
      throw new RpcError(
        "RPC_BAD_FRAME",
        `a frame's header is longer than ${this.#limits.header} bytes: ${quoted(seen)}`,
      );
    }
    return end === -1 ? undefined : end;
  }
}

/** Puts a body into a frame. */
export function frame(body: string, length: number): string {
  return `Content-Length: ${length}\r\n\r\n${body}`;
}

function contentLength(header: string, limit: number): number {
  let length: number | undefined;
  for (const line of header.split("\r\n")) {
    const [, name, value] = /^([A-Za-z-]+):[ ]*(.*?)[ ]*$/.exec(line) ?? [];
    if (
      name?.toLowerCase() === "content-length" &&
      value !== undefined &&
      /^\d{1,15}$/.test(value) &&
      length === undefined
    ) {
      length = Number(value);
    } else if (name?.toLowerCase() !== "content-type" || /charset=(?!"?utf-?8)/i.test(value ?? "")) {
      throw new RpcError("RPC_BAD_FRAME", `expected one Content-Length header, got ${quoted(header)}`);
    }
  }
  if (length === undefined) throw new RpcError("RPC_BAD_FRAME", `a frame without Content-Length: ${quoted(header)}`);
  if (length > limit) {
    throw new RpcError("RPC_BAD_FRAME", `a frame of ${length} bytes is over the limit of ${limit} bytes`);
  }
  return length;
}

/** The start of what came instead, for the error: often the line that somebody printed. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
