/** What the orchestrator layer needs from outside, injected by main: the manager, and whoever hears of changes. */

import type { Log } from "./call.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The other direction of the bridge: what a Python module gets from MgrModule (`mgr/…` requests). */
export interface MgrPort {
  /** A map of the manager, as `MgrModule.get(name)` gives it: `osd_map`, `mon_map`, `health`, … */
  get(name: string): Promise<Json>;
  /** Runs a monitor command, as `MgrModule.mon_command`. `retval` is 0 or a negative errno. */
  command(command: {
    prefix: string;
    [argument: string]: Json;
  }): Promise<{ retval: number; stdout: string; stderr: string }>;
  storeGet(key: string): Promise<string | null>;
  /** Null deletes the key. At most 65,536 bytes. */
  storeSet(key: string, value: string | null): Promise<void>;
  storeList(prefix: string): Promise<Record<string, string>>;
  /** Replaces the backend's own health checks; the bridge's (ORCHBRIDGE_…) stay. They go when the backend is closed. */
  setHealthChecks(checks: Record<string, HealthCheck>): Promise<void>;
  /** An event in `ceph -s`; one that has neither reached 1 nor failed is failed when the backend is closed. */
  progress(event: { id: string; message: string; fraction: number; failed?: string }): Promise<void>;
  clusterLog(level: "debug" | "info" | "warn" | "error" | "security", message: string): Promise<void>;
  /** The value of one of the module's options. */
  option(name: string): Promise<Json>;
}

export interface HealthCheck {
  severity: "warning" | "error";
  summary: string;
  detail: string[];
  count?: number;
}

/** What the manager's side is told without asking (`bridge/…` notifications). */
export interface EventPort {
  state(state: BridgeState): void;
  effective(call: string): void;
  failed(call: string, error: WireError): void;
  progress(call: string, fraction: number, message: string): void;
  /** An unfinished operation that this process did not answer for is under way (again). */
  operation(call: string, title: string, fraction: number): void;
}

export interface BridgeState {
  available: boolean;
  /** Why not; "" when available. One sentence that says what to do. */
  reason: string;
  details: { [key: string]: Json };
  backend: string | null;
  /** The interface methods supported, in the dialect's own names (`get_hosts`, `apply_mds`, …). */
  features: string[];
  /** One sentence for each operation that needs an operator. */
  failures: string[];
}

/** Where log lines go; `child` adds fields (`backend`, `method`, `call`) to every line. */
export interface Logger extends Log {
  child(fields: object): Logger;
}

/** An error as it crosses the wire. */
export interface WireError {
  code: number;
  message: string;
  data: { type: string; errno?: number; log_id?: string; field?: string };
}

/** Who is asking: fixed for the life of a connection (`initialize`). */
export interface Session {
  release: string;
  ceph_version: string;
  dialect: "modern" | "classic";
  fsid: string;
  mgr: { name: string; gid: number | null };
  /** Tells one load of the mgr module from all others; null where no manager stands behind the connection. */
  owner: string | null;
  /** The public methods of the installed Orchestrator class. */
  methods: string[];
}

/** Which backend to run: from the module's options. */
export interface BackendConfig {
  /** A built-in name, an absolute path, or null: not set yet. */
  name: string | null;
  options: Json;
  /** Why the options could not be read (not JSON), else null. */
  options_error: string | null;
}
