/** What can go wrong with the connection itself. These have a string code; errors that crossed the wire have a number. */

/**
 * - `RPC_BAD_FRAME`: the bytes are not a frame, not UTF-8 or not JSON; the connection ends.
 * - `RPC_BAD_MESSAGE`: the JSON is not a JSON-RPC 2.0 message; the connection ends.
 * - `RPC_BAD_VALUE`: a value in a message cannot cross (unsafe integer, NaN, too deep, …); `field` names it.
 * - `RPC_TOO_LARGE`: a message of ours is over the limit and was not sent.
 * - `RPC_STALLED`: the other side stopped reading and too much is waiting for it; the connection ends.
 * - `RPC_CLOSED`: the connection is gone.
 */
export type RpcErrorCode =
  | "RPC_BAD_FRAME"
  | "RPC_BAD_MESSAGE"
  | "RPC_BAD_VALUE"
  | "RPC_TOO_LARGE"
  | "RPC_STALLED"
  | "RPC_CLOSED";

/** A failure of the connection or of a message on it. */
export class RpcError extends Error {
  readonly code: RpcErrorCode;
  /** Where in the message, as `params.spec.count`. */
  readonly field: string | undefined;

  constructor(code: RpcErrorCode, message: string, options?: { field?: string; cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RpcError";
    this.code = code;
    this.field = options?.field;
  }
}

/** JSON-RPC's own error codes, one of those that it leaves to servers, and LSP's for a cancelled request. */
export const WireCode = {
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  tooManyRequests: -32000,
  cancelled: -32800,
} as const;

/** An error as JSON-RPC sends it. */
export interface ErrorObject {
  code: number;
  message: string;
  data: { type: string; [key: string]: unknown };
}

/** A refusal that is meant for the other side as it stands. */
export class RefusedRequest extends Error {
  readonly wire: ErrorObject;

  constructor(code: number, type: string, message: string, field?: string) {
    super(message);
    this.name = "RefusedRequest";
    this.wire = { code, message, data: field === undefined ? { type } : { type, field } };
  }
}
