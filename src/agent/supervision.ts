/** What supervision works with, and how it takes its time. */
import type { ForeignDaemon } from "./foreign.ts";
import type { LaunchPlans } from "./launch-plan.ts";
import type { AgentLog } from "./log.ts";
import type { Manifest } from "./manifest.ts";
import type { DaemonName } from "./protocol.ts";

/** How supervision takes its time. */
export interface Pace {
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** After so long without an end its former ones are forgotten. */
  readonly healthyMs: number;
  /** How long one without an admin socket has to run to count as running. */
  readonly settledMs: number;
  /** The same for one whose admin socket does not answer. */
  readonly silentMs: number;
  /** How long the kernel gets to end it after SIGKILL. */
  readonly killMs: number;
}

export const PACE: Pace = {
  firstDelayMs: 1000,
  longestDelayMs: 60_000,
  healthyMs: 600_000,
  settledMs: 2000,
  silentMs: 30_000,
  killMs: 20_000,
};

export interface Supervision {
  readonly stateDir: string;
  readonly plans: LaunchPlans;
  readonly manifest: Manifest;
  readonly log: AgentLog;
  readonly pace: Pace;
  /** What has to be done for a daemon before each start, such as activating an OSD's devices. */
  beforeStart(name: DaemonName): Promise<void>;
  /** The process of a daemon of this cluster by this name, whoever started it. */
  findStray(name: DaemonName): ForeignDaemon | undefined;
}
