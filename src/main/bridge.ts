/** The protocol's methods (`initialize`, `bridge/…`, `orchestrator/…`), each handed to the orchestrator layer. */

import type { BackendDefinition } from "../orchestrator/backend.ts";
import { ERRORS, METHODS, SCHEMA_HASH } from "../orchestrator/generated/methods.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { BackendConfig, Session } from "../orchestrator/ports.ts";
import type { Connection, Params, Reply, RequestContext } from "../rpc/connection.ts";
import { type ErrorObject, RefusedRequest, RpcError, WireCode } from "../rpc/errors.ts";
import { Exit } from "./exit.ts";
import type { ProcessLog } from "./log.ts";
import { eventPort, mgrPort } from "./mgr-port.ts";
import type { Recorder } from "./recording/recorder.ts";
import { PROTOCOL, VERSION } from "./version.ts";
import { duration, readBackend, readCall, readCallTimeout, readSession, text, texts } from "./wire-params.ts";

/** Seconds that a call may take, unless the option `call_timeout` says otherwise. */
const DEFAULT_TIMEOUT = { read: 10, write: 60 };

/** What is different in a process that its author started: see `orchbridge attach`. */
export interface AuthorsProcess {
  /** The one to run, whatever the manager's side names. */
  readonly backend: string;
  /**
   * How long a lease that ran out is waited for: at a breakpoint the process reads nothing, and what renewed the lease
   * meanwhile is read afterwards.
   */
  readonly leasePatienceMs: number;
  /** Told whose manager has introduced itself. */
  readonly introduced: (session: Session) => void;
}

/** One connection's orchestrator, from `initialize` to the end. */
export class Bridge {
  readonly #log: ProcessLog;
  readonly #load: (name: string) => Promise<BackendDefinition>;
  readonly #authors: AuthorsProcess | undefined;
  /** Runs while the lease has run out and may yet be renewed. */
  #leaseEnd: NodeJS.Timeout | undefined;
  /** Set by `initialize`. Loaded only after its answer, since what it imports takes longer than all before. */
  #orchestrator: Promise<Orchestrator> | undefined;
  #loaded: Orchestrator | undefined;
  /** Completions submitted with a value that cannot cross, until somebody waits for them. */
  readonly #refused = new Map<string, ErrorObject>();
  #callTimeout: number | null = null;
  #lastId = 0;
  #recorder: Pick<Recorder, "state"> | undefined;

  constructor(log: ProcessLog, load: (name: string) => Promise<BackendDefinition>, authors?: AuthorsProcess) {
    this.#log = log;
    this.#load = load;
    this.#authors = authors;
  }

  /** Registers the protocol's methods on a connection that is not listening yet. */
  attach(connection: Connection, recorder?: Pick<Recorder, "state">): void {
    this.#recorder = recorder;
    connection.onRequest("initialize", (params) => this.#initialize(connection, params));
    connection.onRequest("bridge/check", (params) => this.#check(params));
    connection.onRequest("bridge/ping", () => ({ result: {} }));
    connection.onRequest("bridge/status", async () => ({ result: await this.#status() }));
    connection.onRequest("bridge/configure", (params) => this.#configure(params));
    connection.onRequest("bridge/wait", (params, context) => this.#wait(params, context));
    connection.onRequest("bridge/operations", async () => ({
      result: { operations: (await this.#ready()).operations() },
    }));
    connection.onRequest("bridge/operation", (params) => this.#operation(params));
    connection.onRequest("orchestrator/", (params, context) => this.#call(params, context));
    connection.onNotification("bridge/submit", (params, problem) => this.#submit(params, problem));
    connection.onNotification("bridge/lease", (params) => this.#lease(params));
    connection.onNotification("bridge/drop", (params) => this.#drop(params));
  }

  /** An error as the other side gets it. */
  wireError(error: unknown, method: string): ErrorObject {
    if (error instanceof RefusedRequest) return error.wire;
    // A backend answered what cannot cross.
    if (error instanceof RpcError) return badValue("InvalidAnswerError", error, method);
    if (this.#loaded !== undefined) return { ...this.#loaded.wireError(error, method) };
    this.#log.error(`${method} failed before the bridge was ready`, { error });
    const { code, errno } = ERRORS["InternalError"]!;
    return { code, message: `${method}: ${String(error)}`, data: { type: "InternalError", errno } };
  }

  /** Closes the backend. */
  async close(): Promise<void> {
    clearTimeout(this.#leaseEnd);
    await (await this.#orchestrator)?.close();
  }

  #initialize(connection: Connection, params: Params): Reply {
    if (this.#orchestrator !== undefined)
      throw new RefusedRequest(WireCode.invalidRequest, "InvalidRequest", "initialize was called before");
    checkSchema(params);
    const session = readSession(params);
    const config = this.#config(params);
    this.#callTimeout = readCallTimeout(params);
    const loaded = Promise.withResolvers<Orchestrator>();
    this.#orchestrator = loaded.promise;
    return {
      result: {
        protocol: PROTOCOL,
        version: VERSION,
        schema_hash: SCHEMA_HASH,
        node: process.versions.node,
        pid: process.pid,
      },
      answered: () => {
        this.#authors?.introduced(session);
        loaded.resolve(this.#start(connection, session, config));
      },
    };
  }

  #config(params: Params): BackendConfig {
    const given = readBackend(params);
    return this.#authors === undefined ? given : { ...given, name: this.#authors.backend };
  }

  async #start(connection: Connection, session: Session, config: BackendConfig): Promise<Orchestrator> {
    const { Orchestrator } = await import("../orchestrator/orchestrator.ts");
    const orchestrator = new Orchestrator({
      session,
      mgr: mgrPort(connection),
      events: eventPort(connection),
      log: this.#log,
      load: this.#load,
      leaseLost: (reason) => this.#leaseLost(reason),
    });
    this.#loaded = orchestrator;
    void orchestrator.configure(config);
    return orchestrator;
  }

  /** May come before `initialize`. Loaded late for the same reason as the orchestrator. */
  async #check(params: Params): Promise<Reply> {
    const { checkBackend } = await import("./check-backend.ts");
    return { result: await checkBackend(this.#config(params), this.#load, this.#log) };
  }

  #ready(): Promise<Orchestrator> {
    if (this.#orchestrator === undefined)
      throw new RefusedRequest(WireCode.invalidRequest, "InvalidRequest", "initialize must come first");
    return this.#orchestrator;
  }

  async #status(): Promise<object> {
    const own = {
      version: VERSION,
      node: process.versions.node,
      pid: process.pid,
      uptime_s: Math.round(process.uptime()),
      recording: this.#recorder?.state ?? null,
    };
    return { ...own, rss_mb: Math.round(process.memoryUsage.rss() / 1e6), ...(await this.#ready()).status() };
  }

  async #configure(params: Params): Promise<Reply> {
    const config = this.#config(params);
    const callTimeout = readCallTimeout(params);
    const orchestrator = await this.#ready();
    this.#callTimeout = callTimeout;
    // Creating a backend may take long; what became of it is told by bridge/state.
    return { result: {}, answered: () => void orchestrator.configure(config) };
  }

  async #call(params: Params, context: RequestContext): Promise<Reply> {
    const { kind } = METHODS[context.method] ?? { kind: "read" };
    const seconds = this.#callTimeout ?? DEFAULT_TIMEOUT[kind];
    const { id, deadlineMs, partial } = readCall(params, seconds * 1000);
    const orchestrator = await this.#ready();
    const { result, page, answered } = await orchestrator.invoke(context.method, params, {
      id: id ?? `call-${++this.#lastId}`,
      deadlineMs,
      signal: context.signal,
    });
    return { result, partial: page ? partial : undefined, answered };
  }

  async #operation(params: Params): Promise<Reply> {
    const call = text(params["call"], "call");
    const action = text(params["action"], "action");
    const orchestrator = await this.#ready();
    if (action === "show") return { result: { operation: orchestrator.operation(call) } };
    if (action === "retry") return { result: { message: await orchestrator.retryOperation(call) } };
    if (action === "forget") return { result: { message: await orchestrator.forgetOperation(call) } };
    throw new RefusedRequest(
      WireCode.invalidParams,
      "InvalidParams",
      `action: expected "show", "retry" or "forget", got ${JSON.stringify(action)}`,
      "action",
    );
  }

  #lease(params: Params): void {
    const ttlMs = duration(params["ttl_ms"], "ttl_ms");
    const fenceMs = duration(params["fence_ms"], "fence_ms");
    // A process that was stopped or blocked reads old leases late: what has passed since does not count.
    const late = typeof params["sent_ms"] !== "number" ? 0 : monotonicMs() - params["sent_ms"];
    const leftMs = Math.max(0, ttlMs - late);
    if (leftMs > 0) clearTimeout(this.#leaseEnd);
    this.#whenReady((orchestrator) => orchestrator.grantLease(leftMs, fenceMs));
  }

  #leaseLost(reason: string): void {
    if (this.#authors === undefined) return this.#endAtOnce(reason);
    const { leasePatienceMs } = this.#authors;
    this.#log.warn(`${reason}; unless it does within ${leasePatienceMs / 1000} s, this process ends`);
    clearTimeout(this.#leaseEnd);
    this.#leaseEnd = setTimeout(() => this.#endAtOnce(reason), leasePatienceMs);
  }

  /** Another manager may lead by now: not even the backend's `close` may act any more. */
  #endAtOnce(reason: string): void {
    this.#log.fatal(reason);
    process.exit(Exit.leaseLost);
  }

  #submit(params: Params, problem: RpcError | undefined): void {
    const call = text(params["call"], "call");
    const method = text(params["method"], "method");
    if (problem !== undefined) {
      this.#refused.set(call, badValue("ValidationError", problem, method));
    } else {
      this.#whenReady((orchestrator) => orchestrator.submit(call, method, params["params"] ?? {}));
    }
  }

  #drop(params: Params): void {
    const calls = texts(params["calls"], "calls");
    for (const call of calls) this.#refused.delete(call);
    this.#whenReady((orchestrator) => orchestrator.drop(calls));
  }

  /** At once where possible: a `bridge/wait` that follows must find what came before it. */
  #whenReady(act: (orchestrator: Orchestrator) => void): void {
    if (this.#loaded !== undefined) act(this.#loaded);
    else void this.#ready().then(act);
  }

  async #wait(params: Params, context: RequestContext): Promise<Reply> {
    const calls = texts(params["calls"], "calls");
    const timeoutMs = duration(params["timeout_ms"], "timeout_ms");
    const orchestrator = await this.#ready();
    const refused = calls.flatMap((call) => {
      const error = this.#refused.get(call);
      return error === undefined ? [] : [{ call, error }];
    });
    const others = calls.filter((call) => !this.#refused.has(call));
    const answer = await orchestrator.wait(others, timeoutMs, context.signal);
    for (const { call } of refused) this.#refused.delete(call);
    return refused.length === 0
      ? answer
      : { result: withRefused(answer.result, refused), answered: () => answer.answered() };
  }
}

function withRefused(result: unknown, refused: { call: string; error: ErrorObject }[]): unknown {
  const { settled, pending } = result as { settled: unknown[]; pending: string[] };
  return { settled: [...settled, ...refused], pending };
}

function checkSchema(params: Params): void {
  const given = params["schema_hash"];
  if (given === SCHEMA_HASH && params["protocol"] === PROTOCOL) return;
  const { code } = ERRORS["SchemaMismatchError"]!;
  throw new RefusedRequest(
    code,
    "SchemaMismatchError",
    `the mgr module and its Node process are of different versions: the module has schema ${String(given)} and protocol ${String(params["protocol"])}, ` +
      `orchbridge ${VERSION} has ${SCHEMA_HASH} and ${PROTOCOL}; run orchbridge install again and restart the mgr`,
  );
}

function badValue(
  type: "InvalidAnswerError" | "ValidationError",
  { message, field }: RpcError,
  method: string,
): ErrorObject {
  const { code, errno } = ERRORS[type]!;
  return { code, message: `${method}: ${message}`, data: { type, errno, ...(field === undefined ? {} : { field }) } };
}

/** The host's monotonic clock, which Python's time.monotonic() reads too. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
