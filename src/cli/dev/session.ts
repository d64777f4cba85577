/** A backend file with the orchestrator layer above it, in one process and without a manager. */

import { constants } from "node:os";
import { resolve } from "node:path";
import { loadBackend } from "../../main/load-backend.ts";
import type { BackendDefinition } from "../../orchestrator/backend.ts";
import { METHODS } from "../../orchestrator/generated/methods.ts";
import { Orchestrator } from "../../orchestrator/orchestrator.ts";
import type { Json, Session, WireError } from "../../orchestrator/ports.ts";
import type { AuthorLog } from "./author-log.ts";
import type { OperationsInFlight } from "./in-flight.ts";
import { type MgrStandIn, mgrStandIn } from "./mgr-stand-in.ts";

/** What a session is made of. */
export interface SessionSetup {
  /** A path, or a built-in backend's name. */
  readonly file: string;
  readonly options: Json;
  readonly dialect: "modern" | "classic";
  readonly log: AuthorLog;
  readonly inFlight: OperationsInFlight;
  readonly tell: (line: string) => void;
  /** Looks at a definition before it is used. */
  readonly observe?: (definition: BackendDefinition) => BackendDefinition;
}

/** A call that was answered. */
export interface Answered {
  readonly result: unknown;
  /** The second stages still to come. */
  readonly operations: readonly { readonly call: string; readonly title: string }[];
}

/** Why a call failed. */
export interface CallFailure {
  readonly type: string;
  readonly errno: string;
  readonly message: string;
  /** Of a bug. */
  readonly stack: string | undefined;
}

/** The running pair of backend and orchestrator layer. */
export class AuthorSession {
  readonly orchestrator: Orchestrator;
  readonly mgr: MgrStandIn;
  /** The name to load by: a built-in one or an absolute path. */
  readonly name: string;
  readonly #setup: SessionSetup;
  /** What runs, or is to run. */
  #definition: BackendDefinition | undefined;
  #lastId = 0;

  constructor(setup: SessionSetup) {
    this.#setup = setup;
    this.name = backendName(setup.file);
    this.mgr = mgrStandIn(this.name, setup.options, setup.tell);
    this.orchestrator = new Orchestrator({
      session: sessionOf(setup.dialect),
      mgr: this.mgr,
      events: setup.inFlight,
      log: setup.log,
      load: async (name) => {
        this.#definition ??= await loadBackend(name);
        return setup.observe?.(this.#definition) ?? this.#definition;
      },
      strict: true,
    });
  }

  /** Loads and creates the backend; gives the reason when there is none then. */
  async start(): Promise<string | undefined> {
    await this.orchestrator.configure({ name: this.name, options: this.#setup.options, options_error: null });
    return this.reason;
  }

  /** Puts a newly loaded definition in the place of the one that runs; one that cannot be created leaves the former in use. */
  async replace(definition: BackendDefinition): Promise<string | undefined> {
    const former = this.#definition;
    this.#definition = definition;
    const reason = await this.start();
    if (reason === undefined) return undefined;
    this.#definition = former;
    if (former !== undefined) await this.start();
    return reason;
  }

  /** Why no backend runs; undefined when one does. */
  get reason(): string | undefined {
    const { backend, reason } = this.orchestrator.status();
    return backend === null ? (typeof reason === "string" ? reason : "no reason given") : undefined;
  }

  /** Makes a call by its name on the wire; rejects with what the backend threw. Second stages start at once. */
  async call(wire: string, params: object, how: { timeoutMs: number; signal: AbortSignal }): Promise<Answered> {
    const answer = await this.orchestrator.invoke(wire, params, {
      id: `call-${++this.#lastId}`,
      deadlineMs: how.timeoutMs,
      signal: how.signal,
    });
    const answered = readAnswer(wire, answer.result);
    for (const { call, title } of answered.operations) this.#setup.inFlight.operation(call, title);
    answer.answered();
    return answered;
  }

  /** An error of `call`, in words. */
  failure(error: unknown, wire: string): CallFailure {
    return this.failureOf(this.orchestrator.wireError(error, wire));
  }

  failureOf({ message, data }: WireError): CallFailure {
    return { type: data.type, errno: errnoName(data.errno), ...this.#setup.log.explained(message) };
  }

  /** A reason from the state, with the stack of the bug behind it. */
  explained(reason: string): string {
    const { message, stack } = this.#setup.log.explained(reason);
    return stack === undefined ? message : `${message}\n${stack}`;
  }

  close(): Promise<void> {
    return this.orchestrator.close();
  }
}

/** A write's result goes with the operations it began. */
function readAnswer(wire: string, result: unknown): Answered {
  if (METHODS[wire]?.kind !== "write") return { result, operations: [] };
  // Made by the orchestrator layer a moment ago.
  const { value, operations } = result as { value: unknown; operations: Answered["operations"] };
  return { result: value, operations };
}

/** A built-in name stays as it is; everything else is a path. */
function backendName(file: string): string {
  return /^[a-z][a-z0-9-]*$/.test(file) ? file : resolve(file);
}

function sessionOf(dialect: "modern" | "classic"): Session {
  const release = dialect === "modern" ? "tentacle" : "nautilus";
  const prefix = dialect === "modern" ? "orchestrator/" : "classic/";
  const methods = Object.entries(METHODS).filter(
    ([wire, { signatures }]) => wire.startsWith(prefix) && signatures[release] !== undefined,
  );
  return {
    release,
    ceph_version: dialect === "modern" ? "20.2.4" : "14.2.21",
    dialect,
    fsid: "00000000-0000-0000-0000-000000000000",
    mgr: { name: "nobody", gid: null },
    owner: null,
    methods: methods.map(([, { name }]) => name),
  };
}

/** `EINVAL` for 22, as `ceph` prints it. */
export function errnoName(errno: number | undefined): string {
  const entry = Object.entries(constants.errno).find(([, number]) => number === errno);
  return entry?.[0] ?? (errno === undefined ? "EINVAL" : String(errno));
}
