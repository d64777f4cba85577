/**
 * Stands between the orchestrator layer and the backend and changes nothing: it sees when methods and second stages begin and
 * end, which no caller of `ceph orch` can see.
 */
import type { BackendMethodName, MaybePromise, Operation, Persisted } from "../index.ts";
import { BACKEND_METHODS, type Backend, type BackendCall, type BackendDefinition } from "../orchestrator/backend.ts";
import { isOrchestratorError } from "../orchestrator/errors.ts";
import { METHODS } from "../orchestrator/generated/methods.ts";

/** A method of the backend, or the second stage of a write, that was begun. */
export interface Run {
  readonly what: BackendMethodName | "available" | "close" | "batch";
  readonly stage: "call" | "effective";
  readonly id: string;
  readonly resumed: boolean;
  readonly params: unknown;
  ended: boolean;
}

/** What a call or an operation is handed, as far as it is looked at here. */
interface Handed {
  readonly id: string;
  readonly resumed?: boolean;
  persisted?(result: unknown, effective: SecondStage): unknown;
}

type SecondStage = (operation: Operation) => MaybePromise<void>;
type Method = (params: unknown, call: Handed) => unknown;

const OWN = ["available", "close", "batch"] as const;

export class Witness {
  readonly runs: Run[] = [];
  /** Sentences about what no backend may do, whoever asked. */
  readonly complaints: string[] = [];
  /** The methods of the instance that was created last. */
  methods: ReadonlySet<string> = new Set();

  /** The same definition, whose instances are seen. */
  of(definition: BackendDefinition): BackendDefinition {
    return {
      ...definition,
      create: async (context) => {
        const backend = await definition.create(context);
        this.methods = new Set([...BACKEND_METHODS, ...OWN].filter((name) => backend[name] !== undefined));
        return this.#seen(backend);
      },
    };
  }

  /** Those of that stage that have not ended. */
  running(stage: Run["stage"]): Run[] {
    return this.runs.filter((run) => run.stage === stage && !run.ended);
  }

  #seen(backend: Backend): Backend {
    const methods = BACKEND_METHODS.flatMap((name): [string, unknown][] => {
      const method = backend[name];
      // Names and parameters stay paired as they were.
      return method === undefined ? [] : [[name, this.#method(name, (method as Method).bind(backend))]];
    });
    const { batch } = backend;
    return {
      ...(Object.fromEntries(methods) as Backend),
      ...this.#own(backend, "available"),
      ...this.#own(backend, "close"),
      ...(batch === undefined ? {} : { batch: (calls) => this.#batch(calls, batch.bind(backend)) }),
    };
  }

  #own(backend: Backend, name: "available" | "close"): Backend {
    const method: (() => unknown) | undefined = backend[name]?.bind(backend);
    if (method === undefined) return {};
    const run = { what: name, stage: "call", id: name, resumed: false, params: {} } as const;
    return { [name]: () => this.#note(run, method) };
  }

  #method(what: BackendMethodName, method: Method): Method {
    return (params, call) => {
      const run = { what, stage: "call", id: call.id, resumed: call.resumed ?? false, params } as const;
      return this.#note(run, () => method(params, this.#call(what, params, call)));
    };
  }

  #batch(calls: BackendCall[], batch: (calls: BackendCall[]) => Promise<void>): Promise<void> {
    const run = {
      what: "batch",
      stage: "call",
      id: "batch",
      resumed: false,
      params: calls.map(({ method }) => method),
    } as const;
    const seen = calls.map((entry) => ({
      ...entry,
      call: this.#call(entry.method, entry.params, entry.call as unknown as Handed),
    }));
    // The union by `method` cannot be followed by the type checker.
    return this.#note(run, () => batch(seen as unknown as BackendCall[])) as Promise<void>;
  }

  #call(what: BackendMethodName, params: unknown, call: Handed): Handed {
    const { persisted } = call;
    if (persisted === undefined) return call;
    const watched = (result: unknown, effective: SecondStage): Persisted<unknown> =>
      persisted(result, (operation) => this.#effective(what, params, operation, effective)) as Persisted<unknown>;
    return { ...call, persisted: watched };
  }

  #effective(
    what: BackendMethodName,
    params: unknown,
    operation: Operation,
    effective: SecondStage,
  ): MaybePromise<void> {
    const run = { what, stage: "effective", id: operation.id, resumed: false, params } as const;
    const progress = (fraction: number, message?: string): void => {
      if (!(fraction >= 0 && fraction <= 1)) {
        this.complaints.push(`${what} reported progress ${String(fraction)}; a fraction lies between 0 and 1`);
      }
      operation.progress(fraction, message);
    };
    return this.#note(run, () => effective({ ...operation, progress })) as MaybePromise<void>;
  }

  #note(began: Omit<Run, "ended">, act: () => unknown): unknown {
    const run: Run = { ...began, ended: false };
    this.runs.push(run);
    const end = (): void => void (run.ended = true);
    const failed = (error: unknown): void => {
      end();
      if (isOrchestratorError(error) && error.type === "NotSupportedError") {
        this.complaints.push(`${run.what} is defined, so it is a feature, and says: ${error.message}; leave it out`);
      }
    };
    try {
      const answer = act();
      if (answer instanceof Promise) void answer.then(end, failed);
      else end();
      return answer;
    } catch (error) {
      failed(error);
      throw error;
    }
  }
}

/** The interface method of `orchestrator/` that becomes one call of a backend method; undefined where a dialect makes it of others. */
export function wireName(method: BackendMethodName): string | undefined {
  return Object.keys(METHODS).find((wire) => wire.startsWith("orchestrator/") && METHODS[wire]?.backend === method);
}
