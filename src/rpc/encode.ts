/** Values as JSON text: whole, or as the pages of a large list. */

import { RpcError } from "./errors.ts";
import { inspectOutgoing } from "./inspect.ts";
import type { Limits } from "./limits.ts";

/** A value that is JSON already, so that the writer does not serialise it a second time. */
export class Encoded {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

/** Room for the envelope around a value in a frame. */
const envelope = 1024;

/** Makes JSON of a value; an RpcError names the field that cannot cross. `name` is the value's name in errors. */
export function encode(value: unknown, name: string, limits: Limits): Encoded {
  const json = stringify(value, name, limits.depth);
  const bytes = Buffer.byteLength(json);
  if (bytes > limits.body - envelope) throw tooLarge(name, `${bytes} bytes`, limits);
  return new Encoded(json);
}

/**
 * Makes JSON of a list, whole while it is smaller than a page. Above that each page is handed to `send`, which is awaited,
 * and the answer is `{pages: n}`: so the event loop, the pipe and the reader never have more than a page in hand.
 */
export async function encodeList(
  list: readonly unknown[],
  name: string,
  limits: Limits,
  send: (page: Encoded) => Promise<void>,
): Promise<Encoded> {
  let pages = 0;
  let items: string[] = [];
  let size = 0;
  for (const [index, item] of list.entries()) {
    const json = stringify(item, `${name}[${index}]`, limits.depth);
    const bytes = Buffer.byteLength(json);
    if (bytes > limits.body - envelope) throw tooLarge(`${name}[${index}]`, `${bytes} bytes`, limits);
    if (items.length > 0 && size + bytes > limits.page) {
      await send(joined(items));
      pages += 1;
      items = [];
      size = 0;
    }
    items.push(json);
    size += bytes + 1;
  }
  if (pages === 0) return joined(items);
  await send(joined(items));
  return new Encoded(`{"pages":${pages + 1}}`);
}

function joined(items: string[]): Encoded {
  return new Encoded(`[${items.join(",")}]`);
}

function stringify(value: unknown, name: string, depth: number): string {
  inspectOutgoing(value, name, depth);
  try {
    return JSON.stringify(value) ?? "null";
  } catch (cause) {
    if (cause instanceof RangeError)
      throw new RpcError("RPC_TOO_LARGE", `${name}: too large for one message`, { field: name, cause });
    throw new RpcError(
      "RPC_BAD_VALUE",
      `${name}: not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { field: name, cause },
    );
  }
}

function tooLarge(name: string, size: string, limits: Limits): RpcError {
  return new RpcError("RPC_TOO_LARGE", `${name}: ${size} are over the limit of ${limits.body} bytes a message`, {
    field: name,
  });
}
