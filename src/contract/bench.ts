/** One case's world: the backend behind the real orchestrator layer, as the bridge runs it in a manager, and the calls of a manager. */
import { fail } from "node:assert/strict";
import type { BackendMethodName, Json } from "../index.ts";
import { type BackendDefinition, isBackendDefinition } from "../orchestrator/backend.ts";
import { METHODS } from "../orchestrator/generated/methods.ts";
import { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { Session, WireError } from "../orchestrator/ports.ts";
import { Skip, until } from "./case.ts";
import { Heard, QUIET_MANAGER, Store } from "./manager.ts";
import type { BackendGiven, Facts, World } from "./options.ts";
import { Witness, wireName } from "./witness.ts";

/** A call was answered with an error. */
export class Refused extends Error {
  readonly type: string;
  readonly wire: WireError;

  constructor(method: string, wire: WireError) {
    super(`${method}: ${wire.data.type}: ${wire.message}`);
    this.type = wire.data.type;
    this.wire = wire;
  }
}

/** A write that was answered. */
export interface Answered<T = unknown> {
  readonly value: T;
  /** The ids of what is persistent and not effective yet. */
  readonly operations: readonly string[];
  /** Lets the answer leave: only then do second stages begin. */
  leave(): void;
}

/** One Node process, as far as the backend can tell. */
interface Process {
  readonly orchestrator: Orchestrator;
  readonly heard: Heard;
  readonly life: { killed: boolean };
}

const MINUTES = 600_000;

let calls = 0;

export class Bench {
  readonly facts: Facts;
  readonly witness = new Witness();
  readonly store = new Store();
  /** True where the world outlives the instances of the backend. */
  readonly lasting: boolean;
  readonly #given: BackendGiven;
  readonly #world: World;
  readonly #session: Session;
  readonly #processes: Process[] = [];

  private constructor(given: BackendGiven, world: World, facts: Facts, dialect: "modern" | "classic") {
    this.#given = given;
    this.#world = world;
    this.lasting = !isBackendDefinition(given);
    this.facts = facts;
    this.#session = sessionOf(facts, dialect);
  }

  static async open(given: BackendGiven, facts: Facts, dialect: "modern" | "classic" = "modern"): Promise<Bench> {
    const made = isBackendDefinition(given) ? given : await given();
    const bench = new Bench(given, isBackendDefinition(made) ? { definition: made } : made, facts, dialect);
    try {
      await bench.begin();
    } catch (error) {
      await bench.end().catch(() => {}); // the first error says more
      throw error;
    }
    return bench;
  }

  /** Another world of the same kind. */
  another(dialect: "modern" | "classic" = "modern"): Promise<Bench> {
    return Bench.open(this.#given, this.facts, dialect);
  }

  get definition(): BackendDefinition {
    return this.#world.definition;
  }

  get heard(): Heard {
    return this.#process.heard;
  }

  get orchestrator(): Orchestrator {
    return this.#process.orchestrator;
  }

  /** Skips the case where the backend lacks one of these. */
  needs(...methods: readonly BackendMethodName[]): void {
    const missing = methods.filter((name) => !this.witness.methods.has(name));
    if (missing.length > 0) throw new Skip(`this backend has no ${missing.join(", ")}`);
  }

  has(...methods: readonly BackendMethodName[]): boolean {
    return methods.every((name) => this.witness.methods.has(name));
  }

  /** The answer to a call of a backend method; rejects with `Refused`. */
  async read<T>(method: BackendMethodName, params: object = {}): Promise<T> {
    return (await this.call(wireOf(method), params)).value as T;
  }

  /** A write, once it is effective. */
  async write<T = string>(method: BackendMethodName, params: object = {}): Promise<T> {
    const answered = await this.start<T>(method, params);
    answered.leave();
    await this.settled(answered.operations);
    return answered.value;
  }

  /** A write, once it is persistent; its second stage waits for `leave`. */
  async start<T = string>(method: BackendMethodName, params: object = {}): Promise<Answered<T>> {
    if (method !== "applyService") return (await this.call(wireOf(method), params)) as Answered<T>;
    const { spec, ...how } = params as { spec: object };
    const answered = await this.call("orchestrator/apply", { specs: [spec], ...how });
    return { ...answered, value: (answered.value as T[])[0] as T };
  }

  /** The error of a call that has to be refused. */
  async refused(method: BackendMethodName, params: object): Promise<WireError> {
    try {
      const answered = await this.start(method, params);
      answered.leave();
      await this.settled(answered.operations);
    } catch (error) {
      if (error instanceof Refused) return error.wire;
      throw error;
    }
    fail(`${method}(${JSON.stringify(params)}) has to be refused, and was answered`);
  }

  /** Any call of the wire; one of many writes may take longer. */
  async call(
    wire: string,
    params: object,
    { signal = new AbortController().signal, writes = 1 }: { signal?: AbortSignal; writes?: number } = {},
  ): Promise<Answered> {
    const { orchestrator } = this.#process;
    try {
      const answer = await orchestrator.invoke(wire, params, {
        id: `contract-${++calls}`,
        deadlineMs: this.facts.answersWithin * writes,
        signal,
      });
      const { result } = answer;
      const write = METHODS[wire]?.kind === "write";
      const { value, operations } = result as { value: unknown; operations: { call: string }[] };
      const leave = (): void => answer.answered();
      if (write) return { value, operations: operations.map(({ call }) => call), leave };
      leave();
      return { value: result, operations: [], leave };
    } catch (error) {
      throw new Refused(wire, orchestrator.wireError(error, wire));
    }
  }

  /** Resolves when these operations are effective, one after another at worst; rejects when one failed or takes too long. */
  async settled(operations: readonly string[]): Promise<void> {
    const { heard } = this.#process;
    const failed = (): string | undefined => operations.find((operation) => heard.failed.has(operation));
    const { settlesWithin } = this.facts;
    await until(
      () => failed() !== undefined || operations.every((operation) => heard.effective.has(operation)),
      settlesWithin * Math.max(1, operations.length),
      "the write became effective",
    );
    const broken = failed();
    if (broken !== undefined) {
      throw new Error(`a write was persisted and did not become effective: ${heard.failed.get(broken)?.message}`);
    }
  }

  /** A new instance of the backend with other options, in the same world. */
  async configure(options: Json): Promise<void> {
    const { name } = this.#world.definition;
    await this.#process.orchestrator.configure({ name, options, options_error: null });
  }

  /**
   * The process ends and another begins, with the same store. One that is killed reaches the store no more; what it has begun
   * is told to stop all the same, since nothing else can end it inside of a test.
   */
  async restart(how: "killed" | "stopped"): Promise<void> {
    const { life, orchestrator } = this.#process;
    life.killed = how === "killed";
    await orchestrator.close();
    await this.#world.restart?.();
    await this.begin();
  }

  /** Begins a process; it has to become available. */
  async begin(): Promise<void> {
    const heard = new Heard();
    const life = { killed: false };
    const orchestrator = new Orchestrator({
      session: this.#session,
      mgr: { ...QUIET_MANAGER, ...this.facts.mgr, ...this.store.port(life) },
      events: heard.events,
      log: heard.log,
      load: () => Promise.resolve(this.witness.of(this.#world.definition)),
      strict: true,
    });
    this.#processes.push({ orchestrator, heard, life });
    // This manager leads, and no other one is left.
    orchestrator.grantLease(MINUTES, 0);
    await this.configure(this.#world.options ?? this.facts.options ?? {});
    const state = heard.states.at(-1);
    if (state?.available !== true) fail(`the backend is not available: ${state?.reason ?? "it did not say anything"}`);
  }

  /** Ends everything; rejects with what happened beside the case and must not happen at all. */
  async end(): Promise<void> {
    await this.#process.orchestrator.close();
    await this.#world.end?.();
    const lines = this.#processes.flatMap(({ heard }) => heard.lines);
    const { name } = this.#world.definition;
    const complaints = [
      ...lines.filter(({ bug, message }) => bug || message.startsWith(`${name}.close: `)).map(({ message }) => message),
      ...this.witness.complaints,
    ];
    if (complaints.length > 0) fail([...new Set(complaints)].join("\n"));
  }

  get #process(): Process {
    return this.#processes.at(-1) ?? fail("no process was begun");
  }
}

function wireOf(method: BackendMethodName): string {
  return wireName(method) ?? fail(`${method} is not a call of its own in this dialect`);
}

/** As a manager of today's release, or of the last classic one, introduces itself. */
function sessionOf({ release }: Facts, dialect: "modern" | "classic"): Session {
  const prefix = dialect === "modern" ? "orchestrator/" : "classic/";
  return {
    release: release ?? (dialect === "modern" ? "tentacle" : "nautilus"),
    ceph_version: dialect === "modern" ? "20.2.4" : "14.2.21",
    dialect,
    fsid: "c0117ac7-0000-4000-8000-000000000001",
    mgr: { name: "contract", gid: 4100 },
    owner: "contract",
    methods: Object.entries(METHODS).flatMap(([wire, { name }]) => (wire.startsWith(prefix) ? [name] : [])),
  };
}
