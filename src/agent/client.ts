/** How a backend reaches the host agent: one connection over a Unix socket, made when it is needed and again when it broke. */
import { connect, type Socket } from "node:net";

import { isOrchestratorError, NotFoundError, OrchestratorError, UnavailableError, ValidationError } from "../index.ts";
import { Connection } from "../rpc/connection.ts";
import { type AgentParams, type AgentResult, CONFLICT, METHODS, type Method } from "./protocol.ts";

export type * from "./protocol.ts";
export { DAEMON_TYPES, DEFAULT_SOCKET, PROTOCOL } from "./protocol.ts";

/** The records were changed by somebody else since they were read. */
export class ConflictError extends Error {}

export interface RequestOptions {
  /** Ends the waiting; what the agent began it brings to an end. */
  readonly signal?: AbortSignal;
}

const CLASSES: Readonly<Record<string, typeof OrchestratorError>> = {
  ValidationError,
  NotFoundError,
  // The backend's method is there, and this host cannot do it: of a NotSupportedError, `ceph orch` would drop the reason.
  NotSupportedError: ValidationError,
  UnavailableError,
  OrchestratorError,
};

export class AgentClient {
  readonly socketPath: string;
  readonly #warn: (message: string) => void;
  #connection: Promise<Connection> | undefined;
  #closed = false;

  constructor(socketPath: string, warn: (message: string) => void) {
    this.socketPath = socketPath;
    this.#warn = warn;
  }

  /** Asks the agent. Throws UnavailableError when it cannot be reached, and what the agent answered as the public error classes. */
  async request<Name extends Method>(
    method: Name,
    params: AgentParams<Name>,
    options: RequestOptions = {},
  ): Promise<AgentResult<Name>> {
    const { signal } = options;
    signal?.throwIfAborted();
    const connection = await this.#connected();
    const answer = await withSignal(connection.request(method, { ...params }), signal).catch((error: unknown) => {
      throw asPublicError(method, error, signal);
    });
    const parsed = METHODS[method].result.safeParse(answer);
    if (!parsed.success) throw new Error(`${method}: the agent's answer cannot be used: ${parsed.error.message}`);
    // Checked by the very schema that the type comes from.
    return parsed.data as AgentResult<Name>;
  }

  close(): void {
    this.#closed = true;
    void this.#connection?.then((connection) => connection.close(null)).catch(() => undefined);
  }

  #connected(): Promise<Connection> {
    if (this.#closed) throw new UnavailableError("the backend is being closed");
    this.#connection ??= this.#connect();
    return this.#connection;
  }

  async #connect(): Promise<Connection> {
    try {
      const socket = await opened(this.socketPath);
      const connection = new Connection({
        input: socket,
        output: socket,
        toWireError: (error) => ({ code: -32603, message: String(error), data: { type: "InternalError" } }),
        warn: this.#warn,
      });
      connection.listen();
      void connection.ended.then(() => {
        this.#connection = undefined;
        socket.destroy();
      });
      return connection;
    } catch (error) {
      this.#connection = undefined;
      throw new UnavailableError(howToStart(this.socketPath, error), { cause: error });
    }
  }
}

function opened(path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(path);
  socket.once("error", reject);
  socket.once("connect", () => {
    socket.off("error", reject);
    socket.on("error", () => undefined); // the connection hears of it as the end of its input
    resolve(socket);
  });
  return promise;
}

function howToStart(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const why: Record<string, string> = {
    ENOENT: "it does not run: start it with 'systemctl start orchbridge-agent' or, as root, 'orchbridge agent'",
    ECONNREFUSED: "it does not run: start it with 'systemctl start orchbridge-agent' or, as root, 'orchbridge agent'",
    EACCES: "the manager's user may not use its socket: start the agent with --group set to that user's group",
  };
  return `the host agent at ${path} cannot be reached (${code === "" ? String(error) : code}): ${why[code] ?? "see its log"}`;
}

async function withSignal<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([answer, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The errors that the agent answers are recognised by `data.type`; the rest are failures of the connection. */
function asPublicError(method: string, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true || isOrchestratorError(error)) return error;
  const { message, data } = error instanceof Error ? (error as Error & { data?: unknown }) : { message: String(error) };
  const { type, reason } = (typeof data === "object" && data !== null ? data : {}) as {
    type?: string;
    reason?: string;
  };
  if (reason === CONFLICT) return new ConflictError(message);
  const PublicError = type === undefined ? undefined : CLASSES[type];
  if (PublicError !== undefined) return new PublicError(message, { cause: error });
  return new UnavailableError(`the host agent did not answer ${method}: ${message}`, { cause: error });
}
