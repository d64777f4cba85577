/** An Orchestrator around a backend given in the test, with what it tells recorded. The manager behind it is a stand-in. */
import type { Backend, BackendContext } from "../../src/orchestrator/backend.ts";
import { defineBackend, type OptionsSchema } from "../../src/orchestrator/backend.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import type { BridgeState, EventPort, Logger, MgrPort, Session, WireError } from "../../src/orchestrator/ports.ts";

export interface Heard {
  readonly states: BridgeState[];
  readonly effective: string[];
  readonly failed: { call: string; error: WireError }[];
  readonly operations: { call: string; title: string; fraction: number }[];
  readonly progress: { call: string; fraction: number; message: string }[];
  readonly log: { level: string; message: string }[];
}

const METHODS_OF_DIALECT = {
  modern: [
    "available",
    "get_hosts",
    "add_host",
    "apply",
    "apply_mds",
    "apply_nfs",
    "describe_service",
    "list_daemons",
    "get_inventory",
    "pause",
    "plan",
  ],
  classic: [
    "available",
    "wait",
    "get_hosts",
    "get_inventory",
    "describe_service",
    "add_host",
    "add_stateless_service",
    "service_action",
  ],
} as const;

export interface Settings {
  readonly dialect?: "modern" | "classic";
  readonly strict?: boolean;
  readonly options?: OptionsSchema<unknown>;
  /** Stands for the monitors' key-value store. With it alone, the manager is known to lead. */
  readonly store?: Store;
  /** With it, nothing is written before a lease was granted. */
  readonly owner?: string;
  /** Of the backend. */
  readonly name?: string;
  readonly leaseLost?: (reason: string) => void;
  /** Of the manager, what the test listens to. */
  readonly mgr?: Partial<MgrPort>;
  /** The backend's file has not changed since it was loaded; else every configuration finds it changed. */
  readonly isUnchanged?: boolean;
}

export async function orchestratorFor(
  backend: Backend | ((context: BackendContext<unknown>) => Backend | Promise<Backend>),
  settings: Settings = {},
): Promise<{ orchestrator: Orchestrator; heard: Heard; configure(options: unknown): Promise<void> }> {
  const dialect = settings.dialect ?? "modern";
  const heard = nothingHeard();
  const definition = defineBackend({
    name: settings.name ?? "probe",
    ...(settings.options === undefined ? {} : { options: settings.options }),
    create: (context) => (typeof backend === "function" ? backend(context) : backend),
  });
  const orchestrator = new Orchestrator({
    session: session(dialect, settings.owner ?? (settings.store === undefined ? null : "this mgr")),
    mgr: { ...noManager, ...(settings.store ?? new Store()).port, ...settings.mgr },
    events: recorder(heard),
    log: logger(heard),
    load: () => Promise.resolve(settings.isUnchanged === true ? definition : { ...definition }),
    strict: settings.strict ?? false,
    leaseLost: settings.leaseLost ?? ((reason) => heard.log.push({ level: "fatal", message: reason })),
  });
  if (settings.store !== undefined && settings.owner === undefined) orchestrator.grantLease(600_000, 0);
  const configure = (options: unknown): Promise<void> =>
    orchestrator.configure({ name: settings.name ?? "probe", options: options as never, options_error: null });
  await configure(null);
  return { orchestrator, heard, configure };
}

export function nothingHeard(): Heard {
  return { states: [], effective: [], failed: [], operations: [], progress: [], log: [] };
}

function session(dialect: "modern" | "classic", owner: string | null): Session {
  return {
    release: dialect === "modern" ? "tentacle" : "nautilus",
    ceph_version: dialect === "modern" ? "20.2.4" : "14.2.21",
    dialect,
    fsid: "9f1c0000-0000-4000-8000-000000000001",
    mgr: { name: "x", gid: 4100 },
    owner,
    methods: [...METHODS_OF_DIALECT[dialect]],
  };
}

function recorder(heard: Heard): EventPort {
  return {
    state: (state) => void heard.states.push(state),
    effective: (call) => void heard.effective.push(call),
    failed: (call, error) => void heard.failed.push({ call, error }),
    operation: (call, title, fraction) => void heard.operations.push({ call, title, fraction }),
    progress: (call, fraction, message) => void heard.progress.push({ call, fraction, message }),
  };
}

export function logger(heard: Heard): Logger {
  const at = (level: string) => (message: string) => void heard.log.push({ level, message });
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), child: () => log };
  return log;
}

/** Stands for the monitors' key-value store, which outlives an Orchestrator. */
export class Store {
  readonly values = new Map<string, string>();
  /** What a write of that key waits for, or fails with. */
  before: (key: string, value: string | null) => Promise<void> | void = () => {};
  /** What a list that was made waits for before it is handed out. */
  afterList: () => Promise<void> = () => Promise.resolve();
  lists = 0;

  get port(): Pick<MgrPort, "storeGet" | "storeSet" | "storeList"> {
    return {
      storeGet: async (key) => this.values.get(key) ?? null,
      storeSet: async (key, value) => {
        await this.before(key, value);
        if (value === null) this.values.delete(key);
        else this.values.set(key, value);
      },
      storeList: async (prefix) => {
        const list = Object.fromEntries([...this.values].filter(([key]) => key.startsWith(prefix)));
        this.lists += 1;
        await this.afterList();
        return list;
      },
    };
  }
}

/** Stands for the manager where a test does not speak to it. */
const noManager: Omit<MgrPort, "storeGet" | "storeSet" | "storeList"> = {
  get: () => Promise.resolve(null),
  command: () => Promise.resolve({ retval: 0, stdout: "", stderr: "" }),
  setHealthChecks: () => Promise.resolve(),
  progress: () => Promise.resolve(),
  clusterLog: () => Promise.resolve(),
  option: () => Promise.resolve(null),
};

let calls = 0;

/** One modern call; gives back its result and says that the answer has left, unless told to keep it. */
export async function invoke(
  orchestrator: Orchestrator,
  method: string,
  params: object = {},
  deadlineMs = 5_000,
): Promise<unknown> {
  const answer = await orchestrator.invoke(method, params, {
    id: `call-${++calls}`,
    deadlineMs,
    signal: new AbortController().signal,
  });
  answer.answered();
  return answer.result;
}

/** Resolves when `condition` holds; fails after a minute. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
