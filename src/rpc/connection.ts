/** A JSON-RPC connection over two streams: vscode-jsonrpc's bookkeeping, our transport, limits and errors. Knows no method by name. */

import type { Readable, Writable } from "node:stream";
import {
  CancellationStrategy,
  type CancellationToken,
  createMessageConnection,
  Message,
  type MessageConnection,
  type RequestMessage,
  ResponseError,
} from "vscode-jsonrpc";
import { Encoded, encode, encodeList } from "./encode.ts";
import { type ErrorObject, RefusedRequest, RpcError, WireCode } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { type Admit, FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import { Gate } from "./gate.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { type Incoming, isObject } from "./message.ts";
import { installRuntime } from "./runtime.ts";

export type Params = Record<string, unknown>;

/** What a handler gives for a request. */
export interface Reply {
  readonly result: unknown;
  /** Token under which a large list may go as pages; left out, it goes whole. */
  readonly partial?: string | number | undefined;
  /** Called right after the answer was handed to the writer, so that nothing the handler starts here can overtake it. */
  answered?(): void;
}

export interface RequestContext {
  readonly method: string;
  /** Ends when the caller cancels, and with the connection. */
  readonly signal: AbortSignal;
}

export type RequestHandler = (params: Params, context: RequestContext) => Reply | Promise<Reply>;
export type NotificationHandler = (params: Params, problem: RpcError | undefined) => void;

/** Sees every message that passes, for a recording. It must not throw, nor change what it sees. */
export interface Observer {
  /** `bytes` are those that came. */
  received(message: Message, bytes: number): void;
  /** Of `message`, params and result may be JSON already: they are to be read from `json`. */
  sent(message: Message, json: string): void;
}

export interface ConnectionOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** Makes what a handler threw into what the other side gets. */
  readonly toWireError: (error: unknown, method: string) => ErrorObject;
  /** What nobody waits for: failed notifications, late answers. */
  readonly warn: (message: string) => void;
  readonly observer?: Observer | undefined;
  readonly limits?: Partial<Limits>;
}

/** Register handlers, then `listen`. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #limits: Limits;
  readonly #writer: FrameWriter;
  readonly #inner: MessageConnection;
  readonly #requests = new Map<string, RequestHandler>();
  readonly #notifications = new Map<string, NotificationHandler>();
  /** Requests of the other side that are not answered yet, by the text of their id: vscode-jsonrpc queues 1 and "1" as one. */
  readonly #open = new Map<string, Exchange>();
  readonly #inputGate: Gate;
  /** Messages that vscode-jsonrpc has in its queue. */
  #queued = 0;
  /** The ids of the answers among them; a second answer would take the first one's place. */
  readonly #queuedAnswers = new Set<string | number>();
  readonly #ended = Promise.withResolvers<RpcError | null>();
  #end: { reason: RpcError | null } | undefined;

  constructor(options: ConnectionOptions) {
    installRuntime();
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#inputGate = new Gate(options.input);
    this.#writer = new FrameWriter(options.output, this.#limits, {
      sent: (message, json) => {
        options.observer?.sent(message, json);
        this.#onSent(message);
      },
      pressure: (high) => this.#inputGate.hold("unread output", high),
    });
    const reader = new FrameReader(options.input, this.#limits, this.#admit);
    const warn = (message: string): void => {
      if (this.#end === undefined) options.warn(message);
    };
    this.#inner = createMessageConnection(
      reader,
      this.#writer,
      { error: warn, warn, info: warn, log: warn },
      {
        // Our exchange is both source and token: it carries the abort signal and what follows the answer.
        cancellationStrategy: {
          receiver: {
            kind: "request",
            createCancellationTokenSource: (request: RequestMessage) =>
              this.#open.get(String(request.id)) ?? new Exchange(),
          },
          sender: CancellationStrategy.Message.sender,
        },
        messageStrategy: {
          handleMessage: (message, next) => {
            if (isQueued(message)) this.#queued -= 1;
            if (Message.isResponse(message)) this.#queuedAnswers.delete(message.id ?? "");
            if (this.#queued === 0) this.#inputGate.hold("unhandled input", false);
            return next(message);
          },
        },
      },
    );
    this.#inner.onError(([error]) =>
      this.close(error instanceof RpcError ? error : new RpcError("RPC_CLOSED", error.message, { cause: error })),
    );
    this.#inner.onClose(() => this.close(null));
    this.#inner.onRequest((method: string, params: unknown, token: CancellationToken) =>
      this.#answer(method, params, token),
    );
    this.#inner.onNotification((method: string, params: unknown) => this.#hear(method, params));
  }

  /** Resolves when the connection has ended: null after the other side closed it, else what was wrong. */
  get ended(): Promise<RpcError | null> {
    return this.#ended.promise;
  }

  /** `name` is a method, or a namespace as `orchestrator/` for all of its methods. */
  onRequest(name: string, handler: RequestHandler): void {
    this.#requests.set(name, handler);
  }

  /** The handler also hears of a notification with a bad value, as `problem`; it decides whom that concerns. */
  onNotification(method: string, handler: NotificationHandler): void {
    this.#notifications.set(method, handler);
  }

  listen(): void {
    this.#inner.listen();
  }

  /** Asks the other side. Rejects with its ResponseError, or an RpcError when the question cannot be sent or the connection ends. */
  async request(method: string, params: Params): Promise<unknown> {
    this.#throwIfEnded(method);
    const encoded = encode(params, "params", this.#limits);
    try {
      return await this.#inner.sendRequest<unknown>(method, encoded);
    } catch (error) {
      this.#throwIfEnded(method);
      throw error;
    }
  }

  /** Tells the other side. Resolves when there is room for more; what cannot be sent is a warning, since nobody waits for it. */
  async notify(method: string, params: Params): Promise<void> {
    if (this.#end !== undefined) return;
    try {
      await this.#inner.sendNotification(method, encode(params, "params", this.#limits));
    } catch (error) {
      if (this.#end === undefined) this.#options.warn(`notification ${method} was not sent: ${String(error)}`);
    }
  }

  /** Ends the connection: handlers are aborted, waiting requests rejected. The streams stay open. */
  close(reason: RpcError | null): void {
    if (this.#end !== undefined) return;
    this.#end = { reason };
    for (const exchange of this.#open.values()) exchange.abort(closed("the call", reason));
    this.#open.clear();
    this.#inner.dispose();
    this.#ended.resolve(reason);
  }

  readonly #admit: Admit = (incoming, bytes, problem) => {
    this.#options.observer?.received(incoming.message, bytes);
    const admitted = this.#screen(incoming, problem);
    if (admitted === undefined) return undefined;
    if (incoming.kind === "request") this.#open.set(String(incoming.id), new Exchange());
    if (incoming.kind === "response" && !this.#isAwaited(incoming.id)) return undefined;
    if (isQueued(admitted)) {
      this.#queued += 1;
      if (this.#queued > this.#limits.queue) this.#inputGate.hold("unhandled input", true);
    }
    return admitted;
  };

  /** False for the answer to a question that cannot be ours, or has its answer already in the queue. */
  #isAwaited(id: string | number): boolean {
    const awaited = typeof id === "number" && !this.#queuedAnswers.has(id);
    if (awaited) this.#queuedAnswers.add(id);
    else this.#options.warn(`nobody waits for an answer to ${JSON.stringify(id)}`);
    return awaited;
  }

  /** Answers or tells at once what must not reach a handler; the message to go on with otherwise. */
  #screen(incoming: Incoming, problem: RpcError | undefined): Message | undefined {
    if (incoming.kind === "request") {
      const error = this.#refusal(incoming.id, problem);
      if (error === undefined) return incoming.message;
      void this.#write({ jsonrpc: "2.0", id: incoming.id, error: error.wire } as Message);
      return undefined;
    }
    if (problem === undefined) return incoming.message;
    if (incoming.kind === "notification") {
      this.#hear(incoming.message.method, incoming.message.params, problem);
      return undefined;
    }
    const error = { code: WireCode.internal, message: `the answer cannot be used: ${problem.message}` };
    return { jsonrpc: "2.0", id: incoming.id, error } as Message;
  }

  #refusal(id: string | number, problem: RpcError | undefined): RefusedRequest | undefined {
    if (this.#open.has(String(id)))
      throw new RpcError("RPC_BAD_MESSAGE", `request id ${id} is used again before its answer`);
    if (problem !== undefined)
      return new RefusedRequest(WireCode.invalidParams, "InvalidParams", problem.message, problem.field);
    if (this.#open.size < this.#limits.open) return undefined;
    return new RefusedRequest(
      WireCode.tooManyRequests,
      "TooManyRequests",
      `${this.#open.size} requests are waiting for their answers already`,
    );
  }

  #throwIfEnded(what: string): void {
    if (this.#end !== undefined) throw closed(what, this.#end.reason);
  }

  async #answer(method: string, params: unknown, token: CancellationToken): Promise<Encoded | ResponseError<unknown>> {
    const exchange = token instanceof Exchange ? token : new Exchange();
    try {
      const handler = this.#requests.get(method) ?? this.#requests.get(method.slice(0, method.indexOf("/") + 1));
      if (handler === undefined)
        throw new RefusedRequest(WireCode.methodNotFound, "MethodNotFound", `there is no method ${method}`);
      const reply = await handler(readParams(method, params), { method, signal: exchange.signal });
      exchange.answered = reply.answered?.bind(reply);
      return await this.#encodeReply(reply, exchange.signal);
    } catch (error) {
      const { code, message, data } =
        error instanceof RefusedRequest ? error.wire : this.#options.toWireError(error, method);
      return new ResponseError(code, message, data);
    }
  }

  #encodeReply({ result, partial }: Reply, signal: AbortSignal): Encoded | Promise<Encoded> {
    if (partial === undefined || !Array.isArray(result)) return encode(result, "result", this.#limits);
    return encodeList(result, "result", this.#limits, async (page) => {
      signal.throwIfAborted();
      const value = new Encoded(`{"token":${JSON.stringify(partial)},"value":${page.json}}`);
      await this.#inner.sendNotification("$/progress", value);
      // A page's turn of the event loop, so that other calls are heard between two pages.
      await new Promise(setImmediate);
    });
  }

  #hear(method: string, params: unknown, problem?: RpcError): void {
    try {
      const handler = this.#notifications.get(method);
      if (handler === undefined) throw new Error(`there is no notification ${method}`);
      handler(readParams(method, params), problem);
    } catch (error) {
      this.#options.warn(`notification ${method} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #onSent(message: Message): void {
    const { id } = message as { id?: string | number | null };
    if (id === undefined || id === null || "method" in message) return;
    const exchange = this.#open.get(String(id));
    this.#open.delete(String(id));
    try {
      exchange?.answered?.();
    } catch (error) {
      this.#options.warn(`after answer ${id}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #write(message: Message): Promise<void> {
    try {
      await this.#writer.write(message);
    } catch (error) {
      if (this.#end === undefined) this.#options.warn(`an answer was not sent: ${String(error)}`);
    }
  }
}

/** False for a cancellation, which vscode-jsonrpc often takes in without queueing it. */
function isQueued(message: Message): boolean {
  return !("method" in message) || message.method !== "$/cancelRequest";
}

function readParams(method: string, params: unknown): Params {
  if (params === undefined) return {};
  if (isObject(params)) return params;
  throw new RefusedRequest(
    WireCode.invalidParams,
    "InvalidParams",
    `${method}: params must be an object, by name`,
    "params",
  );
}

function closed(what: string, reason: RpcError | null): RpcError {
  const why = reason === null ? "the other side closed the connection" : reason.message;
  return new RpcError("RPC_CLOSED", `${what}: ${why}`, { cause: reason });
}
