/** What answers the agent's methods, and what those handlers get to know of the manifest. */
import type { AgentDescription, AgentResult, CheckedParams, DaemonName, Method } from "./protocol.ts";

/** One function a method. Its params are checked already; its answer becomes JSON as it is. */
export type Handlers<Names extends Method> = {
  readonly [Name in Names]: (
    params: CheckedParams<Name>,
    signal: AbortSignal,
  ) => AgentResult<Name> | Promise<AgentResult<Name>>;
};

export type HostMethod = Extract<Method, `host/${string}` | `osd/${string}`>;

/** What is found out about the host for `agent/describe`. */
export type HostDescription = Pick<AgentDescription, "binaries" | "abilities">;

/** The daemons that are to run on this host, or are to be stopped there. */
export interface ManifestView {
  names(): readonly DaemonName[];
  has(name: DaemonName): boolean;
}
