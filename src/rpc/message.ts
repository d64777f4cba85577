/** What a JSON value must look like to be a JSON-RPC 2.0 message. */

import type { NotificationMessage, RequestMessage, ResponseMessage } from "vscode-jsonrpc";
import { RpcError } from "./errors.ts";

export type Incoming =
  | { kind: "request"; message: RequestMessage; id: string | number }
  | { kind: "notification"; message: NotificationMessage }
  | { kind: "response"; message: ResponseMessage; id: string | number };

/** True for a JSON object, which a list or null is not. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Throws for what vscode-jsonrpc would drop without an answer (batches, `id: null`) or stumble over. */
export function readMessage(value: unknown): Incoming {
  if (!isObject(value)) throw bad(Array.isArray(value) ? "a list: JSON-RPC batches are not supported" : shown(value));
  const { jsonrpc, id, method, params } = value;
  if (jsonrpc !== "2.0") throw bad(`jsonrpc: expected "2.0", got ${shown(jsonrpc)}`);
  if (id !== undefined && !isId(id)) throw bad(`id: expected an integer or a string, got ${shown(id)}`);
  if (method === undefined) return readResponse(value, id);
  if (typeof method !== "string") throw bad(`method: expected a string, got ${shown(method)}`);
  if (id !== undefined) return { kind: "request", message: { jsonrpc, id, method, ...structured(params) }, id };
  if (method === "$/cancelRequest" && !(isObject(params) && isId(params["id"])))
    throw bad("$/cancelRequest without the id of a request");
  return { kind: "notification", message: { jsonrpc, method, ...structured(params) } };
}

function readResponse(value: Record<string, unknown>, id: string | number | undefined): Incoming {
  const { result, error } = value;
  if (id === undefined) throw bad("neither a method nor an id");
  if (result !== undefined && error === undefined) {
    // ResponseMessage's type is narrower than what vscode-jsonrpc hands on, which is any JSON.
    return { kind: "response", message: { jsonrpc: "2.0", id, result: result as object }, id };
  }
  if (result !== undefined || !isObject(error)) throw bad(`answer ${id}: expected either a result or an error object`);
  const { code, message, data } = error;
  if (!Number.isInteger(code) || typeof message !== "string")
    throw bad(`answer ${id}: an error without code and message`);
  return {
    kind: "response",
    message: { jsonrpc: "2.0", id, error: { code: Number(code), message, data: data as object } },
    id,
  };
}

/** Params in a form that the types allow; what is not an object is refused where the request is answered. */
function structured(params: unknown): { params?: object | unknown[] } {
  if (params === undefined) return {};
  return { params: typeof params === "object" && params !== null ? params : [params] };
}

function isId(value: unknown): value is string | number {
  return typeof value === "string" || Number.isSafeInteger(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function bad(what: string): RpcError {
  return new RpcError("RPC_BAD_MESSAGE", `not a JSON-RPC 2.0 message: ${what}`);
}
