/** Stands in for the manager in `call` and `dev`, where there is none. */

import { constants } from "node:os";
import { UnavailableError } from "../../orchestrator/errors.ts";
import type { HealthCheck, Json, MgrPort } from "../../orchestrator/ports.ts";

/** What the monitors take. */
const LARGEST_VALUE = 65_536;

const NO_CLUSTER = "no cluster here: the backend runs outside of a manager";

/** What there is of a manager. */
export interface MgrStandIn extends MgrPort {
  /** The health checks that the backend has set. */
  readonly health: ReadonlyMap<string, HealthCheck>;
}

/**
 * Keeps a backend's state and health checks in memory; knows no maps, and its monitors answer nothing. `tell` gets what would be
 * seen in the cluster's log and health.
 */
export function mgrStandIn(backend: string, options: Json, tell: (line: string) => void): MgrStandIn {
  const store = new Map<string, string>();
  const health = new Map<string, HealthCheck>();
  return {
    health,
    get: async (name) => {
      throw new UnavailableError(`${NO_CLUSTER}, so there is no ${name}`);
    },
    command: async ({ prefix }) => ({
      retval: -constants.errno.ENOTCONN,
      stdout: "",
      stderr: `${NO_CLUSTER}, so nobody answers ${JSON.stringify(prefix)}`,
    }),
    storeGet: async (key) => store.get(key) ?? null,
    storeSet: async (key, value) => put(store, key, value),
    storeList: async (prefix) => Object.fromEntries([...store].filter(([key]) => key.startsWith(prefix))),
    setHealthChecks: async (checks) => replaceChecks(health, checks, tell),
    progress: async ({ message, fraction, failed }) =>
      tell(`progress: ${message}: ${failed ?? `${Math.round(fraction * 100)} %`}`),
    clusterLog: async (level, message) => {
      // What the bridge itself writes there, one line a write, an author sees as the answer anyway.
      if (!message.startsWith("orchbridge: ")) tell(`cluster log: ${level}: ${message}`);
    },
    option: async (name) => (name === "backend" ? backend : name === "backend_options" ? options : null),
  };
}

function put(store: Map<string, string>, key: string, value: string | null): void {
  if (value === null) {
    store.delete(key);
    return;
  }
  const bytes = Buffer.byteLength(value);
  if (bytes > LARGEST_VALUE)
    throw new Error(`${key}: ${bytes} bytes are more than the monitors keep in a value (${LARGEST_VALUE})`);
  store.set(key, value);
}

function replaceChecks(
  health: Map<string, HealthCheck>,
  checks: Record<string, HealthCheck>,
  tell: (line: string) => void,
): void {
  for (const name of health.keys()) {
    if (checks[name] !== undefined) continue;
    health.delete(name);
    tell(`health: ${name} is over`);
  }
  for (const [name, check] of Object.entries(checks)) {
    if (health.get(name)?.summary !== check.summary) tell(`health: ${check.severity}: ${name}: ${check.summary}`);
    health.set(name, check);
  }
}
