/** The manager, as the orchestrator layer sees it: requests and notifications on the connection. */

import type { EventPort, Json, MgrPort } from "../orchestrator/ports.ts";
import { type Connection, type Params } from "../rpc/connection.ts";
import { isObject } from "../rpc/message.ts";

/** `mgr/…`: what a Python module gets from MgrModule. */
export function mgrPort(connection: Connection): MgrPort {
  const ask = (method: string, params: Params): Promise<unknown> => connection.request(`mgr/${method}`, params);
  const tell = async (method: string, params: Params): Promise<void> => {
    await ask(method, params);
  };
  return {
    // What was parsed from JSON is JSON.
    get: async (name) => (await ask("get", { name })) as Json,
    option: async (name) => (await ask("option", { name })) as Json,
    command: async (command) => readCommandResult(await ask("command", command)),
    storeGet: async (key) => readStored(await ask("store_get", { key }), "mgr/store_get"),
    storeSet: (key, value) => tell("store_set", { key, value }),
    storeList: async (prefix) => readStoredList(await ask("store_list", { prefix })),
    setHealthChecks: (checks) => tell("set_health_checks", { checks }),
    progress: (event) => tell("progress", event),
    clusterLog: (level, message) => tell("cluster_log", { level, message }),
  };
}

/** `bridge/…`: what the manager's side is told. Nobody waits for these; the connection bounds what is unread. */
export function eventPort(connection: Connection): EventPort {
  const tell = (name: string, params: object): void => void connection.notify(`bridge/${name}`, { ...params });
  return {
    state: (state) => tell("state", state),
    effective: (call) => tell("effective", { call }),
    failed: (call, error) => tell("failed", { call, error }),
    progress: (call, fraction, message) => tell("progress", { call, fraction, message }),
    operation: (call, title, fraction) => tell("resumed", { call, title, fraction }),
  };
}

function readCommandResult(answer: unknown): { retval: number; stdout: string; stderr: string } {
  if (!isObject(answer)) throw unusable("mgr/command", answer);
  const { retval, stdout, stderr } = answer;
  if (typeof retval !== "number" || typeof stdout !== "string" || typeof stderr !== "string")
    throw unusable("mgr/command", answer);
  return { retval, stdout, stderr };
}

function readStored(value: unknown, method: string): string | null {
  if (value !== null && typeof value !== "string") throw unusable(method, value);
  return value;
}

function readStoredList(answer: unknown): Record<string, string> {
  if (!isObject(answer)) throw unusable("mgr/store_list", answer);
  const entries = Object.entries(answer).map(([key, value]): [string, string] => {
    if (typeof value !== "string") throw unusable("mgr/store_list", value);
    return [key, value];
  });
  return Object.fromEntries(entries);
}

function unusable(method: string, answer: unknown): Error {
  return new Error(
    `${method}: the manager's side gave an unexpected answer of type ${answer === null ? "null" : typeof answer}`,
  );
}
