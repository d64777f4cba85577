/** The faults that strike an upgrade. The agent runs the mon and the mgrs there, so that it starts them again as well. */
import { until } from "../../testbed/cluster.ts";
import type { LocalCluster } from "../ceph/local/local-cluster.ts";
import { type Fault, isGone, kill } from "./faults.ts";
import { pidOf, UPGRADED_MS, upgradeOf } from "./upgrading.ts";

const GONE_MS = 30_000;

const nodeKilled: Fault = {
  name: "Node killed",
  async strike(at) {
    // While a manager is replaced there is none.
    const pid = await until("a Node process", UPGRADED_MS, () => at.nodePids()[0]);
    kill(pid);
  },
};

const agentKilled: Fault = {
  name: "agent killed",
  async strike(at) {
    await at.agent.kill();
    await at.agent.start();
  },
};

const mgrKilled: Fault = {
  name: "active mgr killed",
  async strike(at) {
    const pid = await at.eventually("an active mgr", async () => {
      const { active_name: active } = await at.cluster.mgrMap();
      return at.daemons()[`mgr.${active}`];
    });
    kill(pid);
  },
};

/** Right after its new program was started: it is of the new version perhaps, and in no map. */
const restartedKilled: Fault = {
  name: "restarted daemon killed",
  async strike(at) {
    await until("a daemon to be restarted", UPGRADED_MS, () => {
      const upgrade = upgradeOf(at);
      if (upgrade === undefined) return true; // over before one was
      if (upgrade.current === null) return undefined;
      const pid = pidOf(at, upgrade.current.name);
      if (pid === undefined || pid === upgrade.current.pid) return undefined;
      kill(pid);
      return true;
    });
  },
};

/** As a power cut of the host would, but for its kernel. */
const allKilled: Fault = {
  name: "everything killed",
  async strike(at) {
    await at.agent.kill();
    const pids = Object.values(at.daemons());
    for (const pid of pids) kill(pid);
    await until("the daemons to be gone", GONE_MS, () => pids.every(isGone) || undefined);
    await at.agent.start();
  },
};

export const UPGRADE_FAULTS: readonly Fault[] = [nodeKilled, agentKilled, mgrKilled, restartedKilled, allKilled];

/** Strikes when the upgrade is at a daemon whose name fits and is none of `past`; gives that name. */
export async function strikeAt(
  at: LocalCluster,
  fault: string,
  daemons: RegExp,
  past: readonly string[] = [],
): Promise<string> {
  const name = await until(
    () => `the upgrade to be at one of ${daemons.source}; it is at ${JSON.stringify(upgradeOf(at))}`,
    UPGRADED_MS,
    () => {
      const current = upgradeOf(at)?.current?.name;
      return current !== undefined && daemons.test(current) && !past.includes(current) ? current : undefined;
    },
    20,
  );
  await UPGRADE_FAULTS.find((one) => one.name === fault)!.strike(at, Math.random);
  return name;
}
