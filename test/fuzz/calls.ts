/** Calls of the whole interface, sound and changed, through a real connection into a real orchestrator with the memory backend. */

import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import memory from "../../src/backends/memory/index.ts";
import { Bridge } from "../../src/main/bridge.ts";
import { createLog } from "../../src/main/log.ts";
import { ERRORS, METHODS, SCHEMA_HASH } from "../../src/orchestrator/generated/methods.ts";
import { validate } from "../../src/orchestrator/validate.ts";
import { Connection } from "../../src/rpc/connection.ts";
import { frame } from "../../src/rpc/frame.ts";
import { checkPrototypes, endOf, eventually, FarSide, type Said } from "./far-side.ts";
import { jsonTexts } from "./json-text.ts";
import { type Rounds, runRounds, type Summary } from "./rounds.ts";
import { changed, changes, valuesOf } from "./schema-values.ts";

type Dialect = "modern" | "classic";

interface MadeCall {
  readonly method: string;
  /** JSON. */
  readonly params: string;
}

const calls: Record<Dialect, fc.Arbitrary<MadeCall>> = {
  modern: callsOf("orchestrator/"),
  classic: callsOf("classic/"),
};

/** Puts at least so many generated calls through an orchestrator. */
export function fuzzCalls(rounds: Rounds): Promise<Summary> {
  const sessions = fc.constantFrom<Dialect>("modern", "modern", "modern", "classic").chain((dialect) =>
    fc.record({
      dialect: fc.constant(dialect),
      calls: fc.array(calls[dialect], { minLength: 1, maxLength: 24 }),
      faults: fc.constantFrom({}, {}, { getHosts: "throw" }, { applyService: "fail", getInventory: "nonsense" }),
    }),
  );
  return runRounds("calls", rounds, (count) =>
    fc.asyncProperty(sessions, async ({ dialect, calls: made, faults }) => {
      await runSession(dialect, made, faults);
      count(made.length);
    }),
  );
}

function callsOf(prefix: string): fc.Arbitrary<MadeCall> {
  const methods = Object.keys(METHODS).filter((name) => name.startsWith(prefix));
  const known = fc.constantFrom(...methods).chain((method) => {
    const values = valuesOf(`params:${method}`).map(withoutCall);
    const sound = values.map((value) => ({ method, params: checkedText(method, value) }));
    const unsound = fc.tuple(values, changes).map(([value, change]) => ({ method, params: changed(value, change) }));
    return fc.oneof({ weight: 3, arbitrary: sound }, { weight: 2, arbitrary: unsound });
  });
  const unknown = fc.tuple(
    fc.constantFrom("", "constructor", "__proto__", "get_host", "wait", "\0", "toString"),
    jsonTexts,
  );
  return fc.oneof(
    { weight: 30, arbitrary: known },
    { weight: 1, arbitrary: unknown.map(([name, { text }]) => ({ method: prefix + name, params: text })) },
  );
}

function withoutCall(params: unknown): object {
  const { _call, ...rest } = params as { _call?: unknown };
  return rest;
}

/** What the schemas allow must be let through as it is. */
function checkedText(method: string, params: object): string {
  const text = JSON.stringify(params);
  const { value, issues, unknown } = validate(`params:${method}`, JSON.parse(text), { unknown: "report" });
  if (issues.length > 0 || unknown.length > 0)
    throw new Error(`${method}: valid params are refused: ${[...issues, ...unknown].join("; ")}: ${text}`);
  if (!isDeepStrictEqual(value, JSON.parse(text))) throw new Error(`${method}: valid params are changed: ${text}`);
  return text;
}

const silent = createLog("error", { write: () => undefined });
const OPTIONS = { hosts: [{ hostname: "h1" }], generate: { hosts: 2, devices_per_host: 2, daemons_per_host: 3 } };

const SESSION = {
  schema_hash: SCHEMA_HASH,
  protocol: 1,
  release: "tentacle",
  ceph_version: "20.2.4",
  fsid: "f",
  mgr: { name: "x", gid: 1 },
  owner: "owner",
  call_timeout: null,
};

/** A manager's side that answers what a write needs, and the bridge behind the connection. */
class Whole {
  readonly store = new Map<string, unknown>();
  readonly heard: Said[] = [];
  readonly far = new FarSide((said) => this.#serve(said));
  readonly bridge = new Bridge(silent, () => Promise.resolve(memory as never));
  readonly connection: Connection;
  #sent = 0;

  constructor() {
    this.connection = new Connection({
      input: this.far.input,
      output: this.far.output,
      toWireError: (error, method) => this.bridge.wireError(error, method),
      warn: () => undefined,
    });
    this.bridge.attach(this.connection);
    this.connection.listen();
  }

  write(text: string): void {
    this.far.input.write(frame(text, Buffer.byteLength(text)));
  }

  tell(method: string, params: string): void {
    this.write(`{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":${params}}`);
  }

  /** Sends a request and gives its id. */
  ask(method: string, params: string): string {
    const id = `r${this.#sent++}`;
    this.write(`{"jsonrpc":"2.0","id":"${id}","method":${JSON.stringify(method)},"params":${params}}`);
    return id;
  }

  async answer(id: string): Promise<Said> {
    await eventually(
      () => this.far.answers.has(id),
      () => `the answer to ${id}`,
    );
    return this.far.answers.get(id)![0]!;
  }

  async start(dialect: Dialect, faults: object): Promise<void> {
    const methods = Object.keys(METHODS).filter((name) => name.startsWith(dialect === "modern" ? "orch" : "classic"));
    const session = {
      ...SESSION,
      dialect,
      methods: methods.map((name) => METHODS[name]!.name),
      backend: { name: "memory", options: { ...OPTIONS, faults }, options_error: null },
    };
    const { error } = await this.answer(this.ask("initialize", JSON.stringify(session)));
    if (error !== undefined) throw new Error(`initialize: ${error.message}`);
    this.tell("bridge/lease", '{"ttl_ms":3600000,"fence_ms":0}');
  }

  #serve({ id, method, params }: Said): void {
    if (id === undefined || method === undefined) {
      this.heard.push({ ...(method === undefined ? {} : { method }), params });
      return;
    }
    const { key = "", value = null, prefix = "" } = params as { key?: string; value?: unknown; prefix?: string };
    let result: unknown = {};
    if (method === "mgr/store_get") result = this.store.get(key) ?? null;
    if (method === "mgr/store_list")
      result = Object.fromEntries([...this.store].filter(([at]) => at.startsWith(prefix)));
    if (method === "mgr/store_set" && value === null) this.store.delete(key);
    else if (method === "mgr/store_set") this.store.set(key, value);
    if (method === "mgr/command") result = { retval: 0, stdout: "", stderr: "" };
    this.write(JSON.stringify({ jsonrpc: "2.0", id, result }));
  }
}

async function runSession(dialect: Dialect, made: readonly MadeCall[], faults: object): Promise<void> {
  const whole = new Whole();
  await whole.start(dialect, faults);
  const mayThrow = Object.keys(faults).length > 0;
  if (dialect === "modern") await runModern(whole, made, mayThrow);
  else await runClassic(whole, made, mayThrow);
  if ((await whole.answer(whole.ask("bridge/ping", "{}"))).error !== undefined) throw new Error("no answer to a ping");
  whole.far.input.end();
  const reason = await endOf(whole.connection);
  if (reason !== null) throw new Error(`the connection ended: ${reason.message}`);
  await whole.bridge.close();
  for (const [id, answers] of whole.far.answers)
    if (answers.length !== 1) throw new Error(`${answers.length} answers to ${id}`);
  checkPrototypes();
}

async function runModern(whole: Whole, made: readonly MadeCall[], mayThrow: boolean): Promise<void> {
  const ids = made.map(({ method, params }, at) => whole.ask(method, withCall(params, at)));
  for (const [at, id] of ids.entries()) {
    const { error } = await whole.answer(id);
    if (error !== undefined) checkError(error, made[at]!, mayThrow);
  }
}

/** Params that are no object go as they are. */
function withCall(params: string, at: number): string {
  if (!params.startsWith("{")) return params;
  const rest = params.slice(1).trimStart();
  const call = `"_call":{"id":"c${at}","deadline_ms":30000,"partial":"p${at}"}`;
  return `{${call}${rest === "}" ? "" : ","}${rest}`;
}

async function runClassic(whole: Whole, made: readonly MadeCall[], mayThrow: boolean): Promise<void> {
  for (const [at, { method, params }] of made.entries())
    whole.tell("bridge/submit", `{"call":"c${at}","method":${JSON.stringify(method)},"params":${params}}`);
  const settled = new Map<string, { call: string; error?: NonNullable<Said["error"]> }>();
  let pending = made.map((_, at) => `c${at}`);
  for (let turn = 0; pending.length > 0; turn++) {
    if (turn === 10) throw new Error(`still pending: ${pending.join(", ")}`);
    const { result } = await whole.answer(
      whole.ask("bridge/wait", JSON.stringify({ calls: pending, timeout_ms: 30_000 })),
    );
    const answer = result as { settled: { call: string; error?: NonNullable<Said["error"]> }[]; pending: string[] };
    for (const entry of answer.settled) {
      if (settled.has(entry.call)) throw new Error(`${entry.call} was settled twice`);
      settled.set(entry.call, entry);
    }
    ({ pending } = answer);
  }
  for (const [at, call] of made.entries()) {
    const entry = settled.get(`c${at}`);
    if (entry === undefined) throw new Error(`c${at} was not settled`);
    if (entry.error !== undefined) checkError(entry.error, call, mayThrow);
  }
}

/** The longest sentence that a terminal should have to show. */
const LONGEST = 20_000;

function checkError({ code, message, data }: NonNullable<Said["error"]>, call: MadeCall, mayThrow: boolean): void {
  const shown = `${code} ${data?.type}: ${message.slice(0, 300)}, to ${call.method} ${call.params.slice(0, 2000)}`;
  const known = ERRORS[data.type]?.code === code || (code === -32602 && data.type === "InvalidParams");
  if (!known) throw new Error(`an unknown error: ${shown}`);
  if ((data.type === "InternalError" || data.type === "InvalidAnswerError") && !mayThrow)
    throw new Error(`a bug: ${shown}`);
  if (message === "" || message.length > LONGEST) throw new Error(`an error of ${message.length} characters: ${shown}`);
}
