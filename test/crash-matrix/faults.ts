/** The faults, each of which ends what it names at once and mends it afterwards. */
import { until } from "../../testbed/cluster.ts";
import type { Scene } from "./stages.ts";

export interface Fault {
  readonly name: string;
  /** Whether calls in flight lose their manager. */
  readonly endsMgr: boolean;
  /** Resolves when it has struck, so that the stage may be left. */
  strike(scene: Scene): Promise<void>;
  /** Mends what is broken, once `hurt` says that somebody has felt it. */
  mend(scene: Scene, hurt: () => Promise<boolean>): Promise<void>;
}

const GONE_MS = 15_000;
const FELT_MS = 10_000;

const nodeKilled: Fault = {
  name: "Node killed",
  endsMgr: false,
  async strike({ node }) {
    process.kill(node, "SIGKILL");
    await gone(node);
  },
  mend: async () => {},
};

const mgrKilled: Fault = {
  name: "mgr killed",
  endsMgr: true,
  async strike({ site, active, node }) {
    await site.at.cluster.killMgr("SIGKILL", active);
    await gone(node);
  },
  async mend({ site, active }) {
    await site.at.cluster.waitForMgr((map) => map.available && map.active_name !== active, "the standby to take over");
    await site.at.cluster.startMgr(active);
  },
};

const mgrFail: Fault = {
  name: "mgr fail",
  endsMgr: true,
  async strike({ site, active, node }) {
    const failing = site.at.cluster.rados().mon({ prefix: "mgr fail", who: active });
    failing.catch(() => undefined); // seen in what follows
    // A stopped monitor takes it when the stage is left.
    if (!site.monStopped) await gone(node);
  },
  async mend({ site, active, node }) {
    await gone(node);
    await site.at.cluster.waitForMgr((map) => map.available && map.active_name !== active, "the standby to take over");
  },
};

const monRestarted: Fault = {
  name: "mon restarted",
  endsMgr: false,
  async strike({ site }) {
    await site.at.cluster.daemon("mon.a").stop("SIGKILL");
    site.monStopped = false;
  },
  mend: ({ site }) => site.at.cluster.restartMon("SIGKILL"),
};

const diskFull: Fault = {
  name: "disk full",
  endsMgr: false,
  async strike({ site }) {
    site.disk.fill();
  },
  async mend({ site }, hurt) {
    // At some moments nothing is left to be written, and nobody feels it.
    await until("somebody to feel the full disk", FELT_MS, async () => (await hurt()) || undefined).catch(
      () => undefined,
    );
    site.disk.free();
  },
};

export const FAULTS: readonly Fault[] = [nodeKilled, mgrKilled, mgrFail, monRestarted, diskFull];

async function gone(pid: number): Promise<void> {
  await until(`process ${pid} to be gone`, GONE_MS, () => isGone(pid) || undefined, 2);
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
