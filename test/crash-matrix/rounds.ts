/** What the matrix has no cell for: a leader that was asleep when it lost the lead, and a module that is switched off meanwhile. */
import { setTimeout as pause } from "node:timers/promises";

import { until } from "../../testbed/cluster.ts";
import type { Site } from "./site.ts";
import { sendWrites, succeeded, type Write } from "./writes.ts";

/** One that can be made again and again. */
export interface Round {
  readonly what: string;
  /** `run` names its services. */
  make(site: Site, run: string): Promise<RoundOutcome>;
}

export interface RoundOutcome {
  /** A sentence for every promise that was broken. */
  readonly broken: readonly string[];
  /** What was measured. */
  readonly seen: string;
}

/** The lease, and what a process may take to end. */
const FENCE_MS = 11_000;
const WITHIN_MS = 90_000;

/** Three writes whose second stages are under way, and the process in which they are. */
async function underWay(site: Site, run: string): Promise<{ writes: Write[]; node: number; name: string }> {
  await site.ready();
  site.clear();
  site.hold("begun");
  const writes = sendWrites(site, run, ["librados", "second librados", "librados"]);
  const [name = ""] = writes[0]?.names ?? [];
  const node = await site.reached("begun", name);
  await Promise.all(writes.map(({ ended }) => ended));
  return { writes, node, name };
}

async function allEffective(site: Site, writes: readonly Write[]): Promise<string[]> {
  const names = writes.filter(succeeded).flatMap((write) => write.names);
  await until(
    () => `${names.join(", ")} to be effective; there is ${JSON.stringify(site.effects())}`,
    WITHIN_MS,
    async () =>
      (names.every((name) => site.effects().some((effect) => effect.name === name)) &&
        (await site.journal()).length === 0) ||
      undefined,
  );
  const made = site.effects().map(({ name }) => name);
  const doubled = made.filter((name, index) => made.indexOf(name) !== index);
  await site.ready();
  return [...doubled.map((name) => `doubled: ${name}`), ...site.harm()];
}

export const ASLEEP: Round = {
  what: "the active mgr is stopped (SIGSTOP), and goes on after another has taken over",
  async make(site, run) {
    const broken: string[] = [];
    let seen = "";
    const { writes, node, name } = await underWay(site, run);
    const active = await site.active();
    const stopped = Date.now();
    site.at.cluster.daemon(`mgr.${active}`).signal("SIGSTOP");
    try {
      // As long as the backend is held it leaves its mark every few milliseconds: the last thing that it wrote.
      const next = await until("another process to take it up", WITHIN_MS, () => firstMark(site, name, node), 5);
      const last = site.marks("at-begun", name).find(({ pid }) => pid === node)?.at ?? 0;
      if (last - stopped > FENCE_MS)
        broken.push(`the former Node acted until ${Math.round(last - stopped)} ms after its manager was stopped`);
      if (next.at <= last) broken.push(`the next Node acted ${last - next.at} ms before the former one had ended`);
      seen = `the former Node acted until ${Math.round(last - stopped)} ms after its manager was stopped, the next from ${Math.round(next.at - stopped)} ms on`;
      if (isAlive(node)) broken.push("the former Node lives on");
      site.letGo("begun");
    } finally {
      site.at.cluster.daemon(`mgr.${active}`).signal("SIGCONT");
      site.releaseAll();
    }
    return { broken: [...broken, ...(await allEffective(site, writes))], seen };
  },
};

export const DISABLED: Round = {
  what: "the module is disabled during operations, and enabled again",
  async make(site, run) {
    const { writes, node } = await underWay(site, run);
    await site.at.cluster.disableModule("orchbridge");
    await until("Node to be gone", WITHIN_MS, () => !isAlive(node) || undefined);
    site.releaseAll();
    const early = site.effects().map(({ name }) => `${name} was made by a process that had to end`);
    await site.at.cluster.enableModule("orchbridge");
    return {
      broken: [...early, ...(await allEffective(site, writes))],
      seen: `${writes.length} operations were taken up`,
    };
  },
};

export const STALLED: Round = {
  what: "Node is killed while the monitor is stopped and has its journal entry to write, and started again before it goes on",
  async make(site, run) {
    await site.ready();
    site.clear();
    const active = await site.active();
    const created = (): number => site.at.cluster.mgrLog(active).split("backend durable created").length;
    const former = created();
    const writes = sendWrites(site, run, ["librados"]);
    const [name = ""] = writes[0]?.names ?? [];
    site.hold("stored", name);
    try {
      const node = await site.reached("stored", name);
      site.stopMon();
      site.letGo("stored");
      await until(`${name} to return`, WITHIN_MS, () => site.marks("returned", name)[0], 5);
      // What was asked of the monitor waits in its socket, in this order: the entry, and the next process's question.
      await pause(50); // from the backend's return to the monitor's socket
      process.kill(node, "SIGKILL");
      // It asks for the journal before it creates the backend.
      await until("the next Node to create the backend", WITHIN_MS, () => created() > former || undefined);
    } finally {
      site.continueMon();
      site.releaseAll();
    }
    await Promise.all(writes.map(({ ended }) => ended));
    return { broken: await allEffective(site, writes), seen: `${site.marks("resumed", name).length} resumed` };
  },
};

export const ROUNDS: readonly Round[] = [ASLEEP, DISABLED, STALLED];

function firstMark(site: Site, name: string, except: number): { pid: number; at: number } | undefined {
  return site.marks("at-begun", name).find(({ pid }) => pid !== except);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
