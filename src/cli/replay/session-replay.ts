/** Runs the requests of a recorded session against a backend, over the protocol itself, and compares what it answers. */

import { PassThrough } from "node:stream";
import type { ProcessLog } from "../../main/log.ts";
import { Redaction } from "../../main/recording/redaction.ts";
import { serveConnection } from "../../main/serve.ts";
import { PROTOCOL } from "../../main/version.ts";
import { SCHEMA_HASH } from "../../orchestrator/generated/methods.ts";
import { Connection, type Params } from "../../rpc/connection.ts";
import { isObject } from "../../rpc/message.ts";
import { differences } from "./compare.ts";
import { RecordedManager } from "./manager.ts";
import type { RecordedMessage, RecordedSession, Wire } from "./session-file.ts";

/** Of the backend that is asked. Left out: the one of the recording. */
export interface ReplayOptions {
  readonly backend?: string | undefined;
  readonly options?: unknown;
  readonly log: ProcessLog;
  /** How long each recorded answer is waited for. */
  readonly patienceMs?: number;
}

/** One recorded message that did not come again as it was. */
export interface Difference {
  /** The line in the file. */
  readonly line: number;
  readonly method: string;
  readonly says: readonly string[];
}

export interface ReplayReport {
  /** How many recorded requests were made again. */
  readonly requests: number;
  /** How many answers, and ends of operations, were compared. */
  readonly compared: number;
  readonly differences: readonly Difference[];
  /** Why the backend could not be created; then nothing was asked. */
  readonly unavailable?: string;
}

/** The beginning and the watching of a process, which a replay does by itself. */
const SKIPPED: readonly string[] = ["initialize", "bridge/check", "bridge/ping", "bridge/status", "bridge/lease"];
/** About a session's own process, or its journal. */
const NOT_COMPARED: readonly string[] = ["bridge/configure", "bridge/operations", "bridge/operation"];

const USUAL_PATIENCE_MS = 60_000;

/** Answers as soon as every recorded message has had its turn. */
export async function replaySession(session: RecordedSession, options: ReplayOptions): Promise<ReplayReport> {
  const replay = new SessionReplay(session, options);
  try {
    return await replay.run();
  } finally {
    await replay.end();
  }
}

type Outcome = { readonly result: unknown } | { readonly error: unknown };

interface Asked {
  readonly line: number;
  readonly method: string;
  /** The token of its pages. */
  readonly partial: unknown;
  readonly outcome: Promise<Outcome>;
}

class SessionReplay {
  readonly #session: RecordedSession;
  readonly #options: ReplayOptions;
  readonly #patienceMs: number;
  readonly #manager: RecordedManager;
  readonly #served: ReturnType<typeof serveConnection>;
  readonly #connection: Connection;
  readonly #found: Difference[] = [];
  /** Recorded requests that have no answer yet, by their id. */
  readonly #asked = new Map<unknown, Asked>();
  /** The pages of recorded answers, by their token. */
  readonly #pages = new Map<unknown, unknown[]>();
  readonly #cancelled = new Set<unknown>();
  readonly #ends = new Map<string, Wire[]>();
  /** Calls whose end the recording has. */
  readonly #wasEnded = new Set<string>();
  /** Calls that the store held, and the replay's does not. */
  readonly #resumed = new Set<unknown>();
  /** Requests of the recording that are not made again. */
  readonly #skipped: Set<unknown>;
  readonly #redaction = new Redaction();
  #state: Wire | undefined;
  #heard = Promise.withResolvers<void>();
  #requests = 0;
  #compared = 0;

  constructor(session: RecordedSession, options: ReplayOptions) {
    this.#session = session;
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? USUAL_PATIENCE_MS;
    this.#manager = new RecordedManager(session.messages);
    const skipped = session.messages.filter(
      ({ to, message }) => to === "node" && SKIPPED.includes(String(message["method"])),
    );
    this.#skipped = new Set(skipped.map(({ message }) => message["id"]));
    const [toNode, fromNode] = [new PassThrough(), new PassThrough()];
    this.#served = serveConnection(toNode, fromNode, options.log);
    this.#connection = new Connection({
      input: fromNode,
      output: toNode,
      toWireError: (error) => ({ code: -32603, message: String(error), data: { type: "InternalError" } }),
      warn: (message) => this.#found.push({ line: 0, method: "", says: [message] }),
    });
  }

  async run(): Promise<ReplayReport> {
    this.#listen();
    const introduction = this.#introduction();
    // So that what is compared hides what was hidden.
    this.#redaction.shown("to Node", { method: "initialize", params: introduction });
    await this.#connection.request("initialize", introduction);
    const unavailable = await this.#created();
    if (unavailable !== undefined) return { requests: 0, compared: 0, differences: [], unavailable };
    for (const recorded of this.#session.messages) await this.#turn(recorded);
    for (const { line, method } of this.#asked.values())
      this.#differs(line, method, ["the recording has no answer to it"]);
    for (const [call, ends] of this.#ends)
      if (ends.length > 0 && this.#wasEnded.has(call))
        this.#differs(0, String(ends[0]?.["method"]), [`${call} ended once more than in the recording`]);
    return { requests: this.#requests, compared: this.#compared, differences: this.#found };
  }

  async end(): Promise<void> {
    this.#connection.close(null);
    this.#served.end();
    await this.#served.ended;
  }

  #listen(): void {
    this.#connection.onNotification("bridge/state", (params) => {
      this.#state = params;
      this.#wake();
    });
    for (const method of ["bridge/effective", "bridge/failed"]) {
      this.#connection.onNotification(method, (params) => {
        const call = String(params["call"]);
        this.#ends.set(call, [...(this.#ends.get(call) ?? []), { method, params }]);
        this.#wake();
      });
    }
    for (const method of ["bridge/progress", "bridge/resumed"])
      this.#connection.onNotification(method, () => undefined);
    this.#connection.onRequest("mgr/", (params, { method }) => {
      const { params: shown } = this.#redaction.shown("to the manager", { method, params });
      return { result: this.#manager.answer(method, isObject(shown) ? shown : {}) };
    });
    this.#connection.listen();
  }

  #wake(): void {
    const heard = this.#heard;
    this.#heard = Promise.withResolvers();
    heard.resolve();
  }

  /** Waits, as long as patience lasts, until something is there. */
  async #until<T>(look: () => T | undefined): Promise<T | undefined> {
    const deadline = Date.now() + this.#patienceMs;
    for (;;) {
      const found = look();
      if (found !== undefined || Date.now() >= deadline) return found;
      await within(this.#heard.promise, deadline - Date.now());
    }
  }

  #introduction(): Params {
    const recorded = this.#session.messages.find(({ message }) => message["method"] === "initialize")?.message[
      "params"
    ];
    const given = isObject(recorded) ? recorded : {};
    // What became of new fields since the recording is told by those of this version.
    const { header } = this.#session;
    return {
      release: header.release,
      ceph_version: header.ceph_version,
      fsid: "00000000-0000-0000-0000-000000000000",
      mgr: { name: "x", gid: null },
      methods: [],
      call_timeout: null,
      dialect: header.release === "nautilus" ? "classic" : "modern",
      ...given,
      backend: this.#backend(given["backend"]),
      schema_hash: SCHEMA_HASH,
      protocol: PROTOCOL,
      // Nobody leads here, and nothing is recorded or kept.
      owner: null,
      record_path: null,
    };
  }

  #backend(recorded: unknown): Wire {
    const given = isObject(recorded) ? recorded : {};
    const { backend = given["name"], options = backend === given["name"] ? given["options"] : null } = this.#options;
    return { name: backend ?? null, options: options ?? null, options_error: null };
  }

  /** Why the backend is not there, or undefined when it is. */
  async #created(): Promise<string | undefined> {
    const state = await this.#until(() =>
      this.#state?.["available"] === true || (this.#state?.["reason"] ?? "") !== "" ? this.#state : undefined,
    );
    if (state?.["available"] === true) return undefined;
    const reason = state?.["reason"];
    return typeof reason === "string" ? reason : `it was not there within ${this.#patienceMs / 1000} s`;
  }

  async #turn(recorded: RecordedMessage): Promise<void> {
    const { to, message, line } = recorded;
    const { method, id, params } = message;
    if (to === "node") {
      if (typeof method === "string" && !SKIPPED.includes(method)) this.#make(recorded, method);
    } else if (method === "$/progress" && isObject(params)) {
      this.#pages.set(params["token"], [...(this.#pages.get(params["token"]) ?? []), params["value"]].flat());
    } else if (method === "bridge/resumed" && isObject(params)) {
      this.#resumed.add(params["call"]);
    } else if (method === "bridge/effective" || method === "bridge/failed") {
      await this.#expectEnd(line, method, isObject(params) ? params : {});
    } else if (method === "bridge/state" && isObject(params) && params["available"] === true) {
      await this.#until(() => this.#state?.["available"] === true || undefined);
    } else if (method === undefined) {
      await this.#expectAnswer(line, id, message);
    }
  }

  /** Makes a recorded request or notification again. */
  #make({ line, message }: RecordedMessage, method: string): void {
    const { id } = message;
    if (message["cut"] !== undefined) {
      this.#differs(line, method, [`it was too large to be recorded: ${JSON.stringify(message["cut"])} bytes`]);
      if (id !== undefined) this.#skipped.add(id);
      return;
    }
    const params = isObject(message["params"]) ? { ...message["params"] } : {};
    if (method === "$/cancelRequest") {
      this.#cancelled.add(params["id"]);
    } else if (id === undefined) {
      void this.#connection.notify(method, params);
    } else {
      this.#requests += 1;
      if (method === "bridge/configure") {
        this.#state = undefined;
        params["backend"] = this.#options.backend === undefined ? params["backend"] : this.#backend(params["backend"]);
      }
      this.#redaction.shown("to Node", { id, method, params });
      const call = isObject(params["_call"]) ? params["_call"] : {};
      if (params["_call"] !== undefined) params["_call"] = withoutPages(call);
      this.#asked.set(id, {
        line,
        method,
        partial: call["partial"],
        outcome: settled(this.#connection.request(method, params)),
      });
    }
  }

  async #expectAnswer(line: number, id: unknown, message: Wire): Promise<void> {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (asked === undefined) {
      // Each skipped request has one answer, which is skipped too.
      if (!this.#skipped.delete(id))
        this.#differs(line, "", [`an answer to ${JSON.stringify(id)}, which was not asked or answered before`]);
      return;
    }
    const outcome = await within(asked.outcome, this.#patienceMs);
    if (outcome === undefined) {
      this.#differs(line, asked.method, [`no answer within ${this.#patienceMs / 1000} s`]);
      return;
    }
    if (this.#cancelled.has(id) || message["cut"] !== undefined || NOT_COMPARED.includes(asked.method)) return;
    this.#compared += 1;
    this.#differs(
      line,
      asked.method,
      differences(this.#recordedOutcome(message, asked.partial), this.#shownOutcome(id, outcome)),
    );
  }

  #recordedOutcome(message: Wire, partial: unknown): unknown {
    if ("error" in message) return { error: ordered(message["error"]) };
    const { result } = message;
    const paged = isObject(result) && typeof result["pages"] === "number";
    return { result: paged ? (this.#pages.get(partial) ?? []) : ordered(result) };
  }

  #shownOutcome(id: unknown, outcome: Outcome): unknown {
    const { id: _, ...shown } = this.#redaction.shown("to the manager", { id, ...outcome });
    return Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, ordered(value)]));
  }

  async #expectEnd(line: number, method: string, params: Wire): Promise<void> {
    const call = String(params["call"]);
    if (this.#resumed.has(call)) return;
    this.#wasEnded.add(call);
    const now = await this.#until(() => this.#ends.get(call)?.shift());
    this.#compared += 1;
    if (now === undefined) this.#differs(line, method, [`${call} did not end within ${this.#patienceMs / 1000} s`]);
    else this.#differs(line, method, differences({ method, params }, this.#redaction.shown("to the manager", now)));
  }

  #differs(line: number, method: string, says: readonly string[]): void {
    if (says.length > 0) this.#found.push({ line, method, says });
  }
}

/** Pages are for the manager's sake. */
function withoutPages(call: Wire): Wire {
  const { partial: _, ...rest } = call;
  return rest;
}

/** In what order completions settle is not said. */
function ordered(result: unknown): unknown {
  if (!isObject(result) || !Array.isArray(result["settled"])) return result;
  const byCall = (one: unknown): string => (isObject(one) ? String(one["call"]) : "");
  const settledCalls: unknown[] = result["settled"];
  return { ...result, settled: settledCalls.toSorted((a, b) => (byCall(a) < byCall(b) ? -1 : 1)) };
}

async function settled(answer: Promise<unknown>): Promise<Outcome> {
  try {
    return { result: await answer };
  } catch (error) {
    const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
    return { error: { code, message, ...(data === undefined ? {} : { data }) } };
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, Math.max(0, ms), undefined);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
