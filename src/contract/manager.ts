/** The manager as the suite plays it: a key-value store that outlives the processes, and a record of what they tell. */
import type { BridgeState, EventPort, Logger, MgrPort, WireError } from "../orchestrator/ports.ts";

/** A row of the manager's log. */
export interface Line {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  /** Set on the line that tells of a backend's bug. */
  readonly bug: boolean;
}

/** What one process told without being asked. */
export class Heard {
  readonly states: BridgeState[] = [];
  readonly effective = new Set<string>();
  readonly failed = new Map<string, WireError>();
  readonly resumed = new Set<string>();
  readonly lines: Line[] = [];
  readonly events: EventPort = {
    state: (state) => void this.states.push(state),
    effective: (call) => void this.effective.add(call),
    failed: (call, error) => void this.failed.set(call, error),
    progress: () => {}, // the witness sees each report, not only those whose turn comes
    operation: (call) => void this.resumed.add(call),
  };

  get log(): Logger {
    const at = (level: Line["level"]) => (message: string, values?: object) =>
      void this.lines.push({ level, message, bug: values !== undefined && "log_id" in values });
    const log: Logger = {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      child: () => log,
    };
    return log;
  }
}

/** The monitors' key-value store. */
export class Store {
  readonly #values = new Map<string, string>();
  /** What the monitors do with the journal: they take all, they take no new operation, or they remove none. */
  journal: "open" | "refuses" | "keeps" = "open";

  /** As one process sees it; a process that was killed reaches it no more. */
  port(process: { readonly killed: boolean }): Pick<MgrPort, "storeGet" | "storeSet" | "storeList"> {
    const alive = (): void => {
      if (process.killed) throw new Error("this process was killed");
    };
    return {
      storeGet: async (key) => {
        alive();
        return this.#values.get(key) ?? null;
      },
      storeSet: async (key, value) => {
        alive();
        if (key.startsWith("op/") && this.journal === (value === null ? "keeps" : "refuses")) {
          throw new Error("the monitors have no quorum (made so by the contract suite)");
        }
        if (value === null) this.#values.delete(key);
        else this.#values.set(key, value);
      },
      storeList: async (prefix) => {
        alive();
        return Object.fromEntries([...this.#values].filter(([key]) => key.startsWith(prefix)));
      },
    };
  }
}

/** What a manager answers that has nothing to tell. */
export const QUIET_MANAGER: Omit<MgrPort, "storeGet" | "storeSet" | "storeList"> = {
  get: () => Promise.resolve(null),
  command: () => Promise.resolve({ retval: 0, stdout: "", stderr: "" }),
  setHealthChecks: () => Promise.resolve(),
  progress: () => Promise.resolve(),
  clusterLog: () => Promise.resolve(),
  option: () => Promise.resolve(null),
};
