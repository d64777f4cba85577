/** One run: an activity, a fault at a random moment of it, and what the host came to. */
import { setTimeout as pause } from "node:timers/promises";

import { until } from "../../testbed/cluster.ts";
import type { LocalCluster } from "../ceph/local/local-cluster.ts";
import type { Activity, Wanted } from "./activities.ts";
import { osdIds } from "./activities.ts";
import type { Fault } from "./faults.ts";
import { lostData, unclean } from "./kept-data.ts";

export interface Outcome {
  readonly activity: string;
  readonly fault: string;
  /** When the fault struck, in milliseconds after the activity began. */
  readonly afterMs: number;
  /** From the fault until everything was as wanted, in seconds. */
  readonly settledS: number;
  readonly wanted: Wanted;
  /** Every promise that was not kept. */
  readonly broken: readonly string[];
}

/** Without a fault the longest activity takes about so long. */
const MOMENTS_MS = 8000;
/** A killed mgr is taken for dead after 30 s, an OSD moves its data in a few. */
const REST_MS = 180_000;

export async function oneRun(
  at: LocalCluster,
  wanted: Wanted,
  activity: Activity,
  fault: Fault,
  random: () => number,
): Promise<Outcome> {
  const afterMs = Math.round(random() * MOMENTS_MS);
  const broken: string[] = [];
  const acting = activity.act(at, wanted, random).catch((error: unknown) => {
    broken.push(`${activity.name}: ${text(error)}`);
    return wanted;
  });
  await pause(afterMs);
  await fault.strike(at, random).catch((error: unknown) => broken.push(`${fault.name}: ${text(error)}`));
  const struck = performance.now();
  const after = await acting;
  await atRest(at, after).catch((error: unknown) => broken.push(text(error)));
  const settledS = (performance.now() - struck) / 1000;
  const lost = await lostData(at).catch((error: unknown) => [text(error)]);
  broken.push(...lost.map((name) => `lost: ${name}`));
  return { activity: activity.name, fault: fault.name, afterMs, settledS, wanted: after, broken };
}

/** Waits until the host has what is wanted, and nothing of what was under way is left. */
export async function atRest(at: LocalCluster, wanted: Wanted): Promise<void> {
  let last = "";
  await until(
    () => `the host to come to rest with ${JSON.stringify(wanted)}; ${last}\n${at.agent.log().slice(-2000)}`,
    REST_MS,
    async () => {
      last = await unrest(at, wanted).catch((error: unknown) => text(error));
      return last === "" || undefined;
    },
    500,
  );
}

interface DaemonRow {
  readonly daemon_name: string;
  readonly daemon_type: string;
  readonly status_desc: string;
}

/** What is not yet as wanted; empty when everything is. */
async function unrest(at: LocalCluster, wanted: Wanted): Promise<string> {
  const ids = await osdIds(at);
  if (ids.length !== wanted.osds) return `the OSDs are ${ids.join(", ")}`;
  const { num_up_osds: up, num_in_osds: within } = await at.osdStat();
  if (up !== wanted.osds || within !== wanted.osds) return `${up} OSDs are up and ${within} in`;
  const running = Object.keys(at.daemons());
  const expected = ids.map((id) => `osd.${id}`).toSorted();
  const osds = running.filter((name) => name.startsWith("osd.")).toSorted();
  if (osds.join() !== expected.join()) return `the processes are ${osds.join(", ")}`;
  const mds = running.filter((name) => name.startsWith("mds."));
  if (mds.length !== wanted.mds) return `the MDS processes are ${mds.join(", ")}`;
  const rows = await at.read<DaemonRow[]>("orch ps");
  const wrong = rows.filter(
    ({ daemon_type: type, status_desc: status }) => /osd|mds/.test(type) && status !== "running",
  );
  if (wrong.length > 0) return wrong.map((row) => `${row.daemon_name} is ${row.status_desc}`).join(", ");
  if (rows.filter(({ daemon_type: type }) => type === "osd").length !== wanted.osds) return "orch ps shows other OSDs";
  const { out } = await at.cluster.rados().mgr({ prefix: "orch osd rm status", format: "json" });
  if (out.includes("osd_id")) return `removals: ${out}`;
  const journal = await at.journalKeys();
  if (journal.length > 0) return `the journal has ${journal.join(", ")}`;
  return (await unclean(at)) ?? "";
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
