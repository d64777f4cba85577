/** An Orchestrator around a backend given in the test, with what it tells recorded. The manager behind it is a stand-in. */
import type { Backend, BackendContext } from "../../src/orchestrator/backend.ts";
import { defineBackend, type OptionsSchema } from "../../src/orchestrator/backend.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import type { BridgeState, EventPort, Logger, MgrPort, Session, WireError } from "../../src/orchestrator/ports.ts";

export interface Heard {
  readonly states: BridgeState[];
  readonly effective: string[];
  readonly failed: { call: string; error: WireError }[];
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

export async function orchestratorFor(
  backend: Backend | ((context: BackendContext<unknown>) => Backend | Promise<Backend>),
  settings: { dialect?: "modern" | "classic"; strict?: boolean; options?: OptionsSchema<unknown> } = {},
): Promise<{ orchestrator: Orchestrator; heard: Heard; configure(options: unknown): Promise<void> }> {
  const dialect = settings.dialect ?? "modern";
  const heard: Heard = { states: [], effective: [], failed: [], progress: [], log: [] };
  const definition = defineBackend({
    name: "probe",
    ...(settings.options === undefined ? {} : { options: settings.options }),
    create: (context) => (typeof backend === "function" ? backend(context) : backend),
  });
  const orchestrator = new Orchestrator({
    session: session(dialect),
    mgr: noManager,
    events: recorder(heard),
    log: logger(heard),
    load: () => Promise.resolve(definition),
    strict: settings.strict ?? false,
  });
  const configure = (options: unknown): Promise<void> =>
    orchestrator.configure({ name: "probe", options: options as never, options_error: null });
  await configure(null);
  return { orchestrator, heard, configure };
}

function session(dialect: "modern" | "classic"): Session {
  return {
    release: dialect === "modern" ? "tentacle" : "nautilus",
    ceph_version: dialect === "modern" ? "20.2.4" : "14.2.21",
    dialect,
    fsid: "9f1c0000-0000-4000-8000-000000000001",
    mgr: { name: "x", gid: 4100 },
    methods: [...METHODS_OF_DIALECT[dialect]],
  };
}

function recorder(heard: Heard): EventPort {
  return {
    state: (state) => void heard.states.push(state),
    effective: (call) => void heard.effective.push(call),
    failed: (call, error) => void heard.failed.push({ call, error }),
    progress: (call, fraction, message) => void heard.progress.push({ call, fraction, message }),
  };
}

export function logger(heard: Heard): Logger {
  const at = (level: string) => (message: string) => void heard.log.push({ level, message });
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), child: () => log };
  return log;
}

/** Stands for the manager where a test does not speak to it. */
const noManager: MgrPort = {
  get: () => Promise.resolve(null),
  command: () => Promise.resolve({ retval: 0, stdout: "", stderr: "" }),
  storeGet: () => Promise.resolve(null),
  storeSet: () => Promise.resolve(),
  storeList: () => Promise.resolve({}),
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

/** Resolves when `condition` holds; fails after two seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 2_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
