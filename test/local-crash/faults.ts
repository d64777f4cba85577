/** The faults: each ends something at once, and mends it as a unit or an operator would. */
import { expect } from "vitest";

import { until } from "../../testbed/cluster.ts";
import type { LocalCluster } from "../ceph/local/local-cluster.ts";

export interface Fault {
  readonly name: string;
  /** Strikes and mends. `random` gives numbers from 0 to 1. */
  strike(at: LocalCluster, random: () => number): Promise<void>;
}

const GONE_MS = 15_000;

const nodeKilled: Fault = {
  name: "Node killed",
  async strike(at) {
    const [pid] = at.nodePids();
    if (pid !== undefined) kill(pid);
  },
};

const mgrKilled: Fault = {
  name: "mgr killed",
  async strike(at) {
    await at.cluster.killMgr("SIGKILL");
    await at.cluster.startMgr();
    at.noteMgr();
  },
};

const agentKilled: Fault = {
  name: "agent killed",
  async strike(at) {
    await at.agent.kill();
    await at.agent.start();
  },
};

const daemonKilled: Fault = {
  name: "daemon killed",
  async strike(at, random) {
    const pids = Object.entries(at.daemons()).flatMap(([name, pid]) => (/^(osd|mds)\./.test(name) ? [pid] : []));
    const pid = pids[Math.floor(random() * pids.length)];
    if (pid !== undefined) kill(pid);
  },
};

/** As a power cut of the whole host would, but for its kernel: everything of ours and Ceph's but the monitor. */
const allKilled: Fault = {
  name: "mgr, agent and OSDs killed",
  async strike(at) {
    await at.agent.kill();
    const pids = Object.entries(at.daemons()).flatMap(([name, pid]) => (/^(osd|mds)\./.test(name) ? [pid] : []));
    for (const pid of pids) kill(pid);
    await at.cluster.killMgr("SIGKILL");
    await until("the daemons to be gone", GONE_MS, () => pids.every(isGone) || undefined);
    await at.agent.start();
    await at.cluster.startMgr();
    at.noteMgr();
  },
};

export const FAULTS: readonly Fault[] = [nodeKilled, mgrKilled, agentKilled, daemonKilled, allKilled];

export function faultNamed(name: string): Fault {
  const fault = FAULTS.find((one) => one.name === name);
  expect(fault, name).toBeDefined();
  return fault!;
}

export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
