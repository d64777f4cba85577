/** What a manager and its Node process occupy, from /proc and from the monitors. */
import { readdirSync, readFileSync } from "node:fs";

import type { Cluster } from "../../testbed/cluster.ts";

export interface Footprint {
  /** Resident memory that is the process's own, in MB. */
  readonly memory: number;
  readonly threads: number;
  readonly descriptors: number;
}

export interface Sample {
  /** Seconds since the begin. */
  readonly at: number;
  readonly mgr: Footprint;
  /** Null while none runs, or there is none. */
  readonly node: (Footprint & { readonly pid: number }) | null;
  /** Of the manager, those that have ended included. */
  readonly children: number;
  /** Processes that have ended and that nobody asked for. */
  readonly zombies: number;
  /** Operations that are not finished. */
  readonly journal: number;
  /** Progress events under way. */
  readonly events: number;
}

/** The manager's keys for operations. */
const JOURNAL = "mgr/orchbridge/op/";

export async function sample(cluster: Cluster, begin: number): Promise<Sample> {
  const mgr = cluster.mgrPid();
  if (mgr === undefined) throw new Error(`the manager of ${cluster.name} ended: ${cluster.daemon("mgr.x").logTail()}`);
  const [node] = nodePids(cluster);
  const children = childrenOf(mgr);
  const nodeSize = node === undefined ? undefined : footprint(node);
  const mgrSize = footprint(mgr);
  if (mgrSize === undefined) throw new Error(`the manager of ${cluster.name} ended`);
  return {
    at: (performance.now() - begin) / 1000,
    mgr: mgrSize,
    node: node === undefined || nodeSize === undefined ? null : { pid: node, ...nodeSize },
    children: children.length,
    zombies: children.filter(({ state }) => state === "Z").length,
    journal: await journalEntries(cluster),
    events: await runningEvents(cluster),
  };
}

/** The Node processes of the module, one as a rule. */
export function nodePids(cluster: Cluster): number[] {
  return cluster
    .processes()
    .filter(({ command }) => command.includes(" serve --fd ") && !command.includes("launcher.sh"))
    .map(({ pid }) => pid);
}

async function journalEntries(cluster: Cluster): Promise<number> {
  const { ret, out, err } = await cluster.rados().mon({ prefix: "config-key ls", format: "json" });
  if (ret !== 0) throw new Error(`config-key ls: ${err} (${ret})`);
  return (JSON.parse(out) as string[]).filter((key) => key.startsWith(JOURNAL)).length;
}

async function runningEvents(cluster: Cluster): Promise<number> {
  const { ret, out, err } = await cluster.rados().mgr({ prefix: "progress json" });
  if (ret !== 0) throw new Error(`progress json: ${err} (${ret})`);
  return (JSON.parse(out) as { events: unknown[] }).events.length;
}

function footprint(pid: number): Footprint | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
    return {
      memory: (field("RssAnon") * 1024) / 1e6,
      threads: field("Threads"),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
    };
  } catch {
    return undefined; // it ended
  }
}

function childrenOf(parent: number): { state: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const [state = "", of] = fieldsOf(pid);
      return of === String(parent) ? [{ state }] : [];
    });
}

/** What follows the name in /proc/PID/stat: state, parent and so on. */
function fieldsOf(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return []; // it ended
  }
}
