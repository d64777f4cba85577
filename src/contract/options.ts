/** What an author says about the backend that the suite is to check: facts, never a choice of what is checked. */
import type { BackendMethodName, Json, MaybePromise, MgrPort } from "../index.ts";
import type { BackendDefinition } from "../orchestrator/backend.ts";
import type { HostSpec, ServiceSpec } from "../orchestrator/generated/types.ts";

/** The part of a test runner that the suite uses: vitest's `test`, node:test's `test`, or anything that takes a name and a function. */
export type TestFunction = (name: string, run: (...given: unknown[]) => Promise<void>, timeoutMs?: number) => unknown;

/** What a backend is about, made anew for a case and outliving the instances of the backend in it. */
export interface World {
  /** Each `create` of it is a new instance of the backend in this world. */
  readonly definition: BackendDefinition;
  /** `backend_options` in this world; those of `ContractOptions` when left out. */
  readonly options?: Json;
  /** Called between the end of one instance and the creation of the next, as when the manager's host restarts. */
  restart?(): MaybePromise<void>;
  /** Called at the end of the case. */
  end?(): MaybePromise<void>;
}

/**
 * The backend. Alone, a definition says that every `create` makes a world of its own, which ends with that instance (a backend
 * in memory). A function is called once for each case and makes a world that outlives the instances.
 */
export type BackendGiven = BackendDefinition | (() => MaybePromise<BackendDefinition | World>);

/** A write that becomes persistent and then cannot become effective. */
export interface DoomedWrite {
  /** `backend_options` under which that is so, where it takes other ones. */
  readonly options?: Json;
  readonly method: BackendMethodName;
  readonly params: object;
}

/** Things of the author's system that the suite may use; without one, it takes what the reads offer, or makes one up. */
export interface Samples {
  /** Hosts that can be added. Left out: any name can be, and the suite makes them up. */
  readonly newHosts?: readonly HostSpec[];
  /** A service that can be applied, with a placement that its hosts can meet. Left out: `mds.contract` on the first host. */
  readonly service?: ServiceSpec;
  /** What an upgrade can go to. Left out: the first that `upgradeAvailable` or `upgradeLs` names and no daemon runs. */
  readonly upgrade?: { readonly image?: string; readonly version?: string };
  /** A write whose second stage fails. */
  readonly doomed?: DoomedWrite;
}

/** Facts about the backend and its orchestrator. */
export interface ContractOptions {
  /** `backend_options`; `{}` when left out. */
  readonly options?: Json;
  /** How long a write takes at most from persistent to effective, in milliseconds. 2,000 when left out. */
  readonly settlesWithin?: number;
  /** How long a call takes at most until it is answered, in milliseconds. 5,000 when left out; a manager gives reads 10,000. */
  readonly answersWithin?: number;
  /** True where the orchestrator makes effective what is persistent although no second stage waits for it, as a controller does. */
  readonly convergesByItself?: boolean;
  /** Names of fields that change by themselves, beside the times and measurements that Ceph's classes have. */
  readonly volatile?: readonly string[];
  readonly samples?: Samples;
  /** What the manager answers, where the backend asks it: maps, commands, options. The key-value store is the suite's own. */
  readonly mgr?: Partial<MgrPort>;
  /** The Ceph release that `create` is told. `tentacle` when left out. */
  readonly release?: string;
}

/** The options with what they stand for when left out. */
export type Facts = ContractOptions & {
  readonly settlesWithin: number;
  readonly answersWithin: number;
  readonly samples: Samples;
};

export function factsOf(options: ContractOptions): Facts {
  return {
    ...options,
    settlesWithin: options.settlesWithin ?? 2_000,
    answersWithin: options.answersWithin ?? 5_000,
    samples: options.samples ?? {},
  };
}
