/** What the monitors and the manager say of OSDs, asked anew each time: no decision of this folder rests on an older map. */
import { z } from "zod";

import { OrchestratorError } from "../../../index.ts";
import { crushName } from "../hosts/methods.ts";
import type { Site } from "../site.ts";

const EBUSY = 16;
const ENOENT = 2;

const osdDump = z.object({
  epoch: z.int().min(1),
  pools: z.array(z.object({ pool_name: z.string(), size: z.int(), pg_num: z.int() })),
  osds: z.array(
    z.object({
      osd: z.int(),
      uuid: z.guid(),
      up: z.int(),
      /** What `osd out` and `osd in` set: 0 or 1, or between. */
      weight: z.number(),
      up_from: z.int(),
      state: z.array(z.string()),
    }),
  ),
});
export type OsdMap = z.output<typeof osdDump>;
export type OsdState = OsdMap["osds"][number];

export function readOsdMap(site: Site): Promise<OsdMap> {
  return site.monJson({ prefix: "osd dump" }, osdDump);
}

export function findOsd(map: OsdMap, id: number): OsdState | undefined {
  return map.osds.find(({ osd }) => osd === id);
}

/** Whether its id is kept for a replacement. */
export function isDestroyed(state: OsdState): boolean {
  return state.state.includes("destroyed");
}

/** Whether it never ran since the monitors gave its id: nothing can depend on it. */
export function isNew(state: OsdState): boolean {
  return state.state.includes("new") && state.up === 0;
}

const crushTree = z.object({
  nodes: z.array(
    z.object({
      id: z.int(),
      name: z.string(),
      type: z.string(),
      children: z.array(z.int()).optional(),
      crush_weight: z.number().optional(),
      status: z.string().optional(),
    }),
  ),
});

export interface CrushPlace {
  readonly weight: number;
  /** Whether it lies below some bucket: an id that nobody used yet does not. */
  readonly placed: boolean;
  /** Whether it lies below the host of the agent. */
  readonly here: boolean;
}

/** The OSDs of the CRUSH map. */
export async function crushPlaces(site: Site): Promise<Map<number, CrushPlace>> {
  const { nodes } = await site.monJson({ prefix: "osd tree" }, crushTree);
  const host = crushName(await site.hostname());
  const placed = new Set(nodes.flatMap(({ children = [] }) => children));
  const here = new Set(nodes.find(({ type, name }) => type === "host" && name === host)?.children);
  return new Map(
    nodes
      .filter(({ type }) => type === "osd")
      .map(({ id, crush_weight: weight = 0 }) => [id, { weight, placed: placed.has(id), here: here.has(id) }]),
  );
}

/** The ids that destroyed OSDs of this host left for those that replace them, lowest first. */
export async function destroyedHere(site: Site): Promise<number[]> {
  const map = await readOsdMap(site);
  const places = await crushPlaces(site);
  return map.osds
    .filter((state) => isDestroyed(state) && places.get(state.osd)?.here === true)
    .map(({ osd }) => osd)
    .sort((one, other) => one - other);
}

const safety = z.object({ safe_to_destroy: z.array(z.int()) });

/**
 * Whether no data depends on the OSD any more. With JSON the command's exit status is wrong (0 where it refuses), so only
 * the list counts; an OSD that is not in it is not safe, whatever else was answered.
 */
export async function isSafeToDestroy(site: Site, id: number): Promise<boolean> {
  const command = { prefix: "osd safe-to-destroy", ids: [String(id)], format: "json" };
  const { retval, stdout, stderr } = await site.mgr.command(command);
  if (retval !== 0 && retval !== -EBUSY)
    throw new OrchestratorError(`ceph osd safe-to-destroy ${id}: ${stderr.trim()}`, { errno: -retval });
  const answer = stdout.trim() === "" ? undefined : safety.safeParse(JSON.parse(stdout));
  return answer?.success === true && answer.data.safe_to_destroy.includes(id);
}

/** Whether every placement group stays available without the OSD. */
export async function isOkToStop(site: Site, id: number): Promise<boolean> {
  try {
    await site.mon({ prefix: "osd ok-to-stop", ids: [String(id)] });
    return true;
  } catch (error) {
    if (error instanceof OrchestratorError && error.errno === EBUSY) return false;
    throw error;
  }
}

/** States in which a placement group cannot serve its data, or misses some. */
const BAD_STATES = ["down", "incomplete", "stale", "recovery_unfound", "backfill_unfound"];

const counts = z.record(z.string(), z.int());
const pgSummary = z.object({
  all: counts,
  pg_stats_sum: z.object({ stat_sum: z.object({ num_objects_unfound: z.int() }) }),
});

/**
 * How many placement groups cannot serve their data now, or miss some of it. From the manager's own statistics: the monitors
 * refuse `pg stat` to a manager. A manager that has just started does not know all groups; those count as well.
 */
export async function unavailablePgs(site: Site): Promise<number> {
  const { pools } = await readOsdMap(site);
  const { all, pg_stats_sum: sum } = await site.map("pg_summary", pgSummary);
  const states = Object.entries(all);
  const groups = (rows: readonly (readonly [string, number])[]): number =>
    rows.reduce((total, [, num]) => total + num, 0);
  const bad = states.filter(([name]) => {
    const words = name.split("+");
    return !words.includes("active") || words.some((word) => BAD_STATES.includes(word));
  });
  const unknown = Math.max(0, pools.reduce((total, { pg_num: num }) => total + num, 0) - groups(states));
  return groups(bad) + unknown + (sum.stat_sum.num_objects_unfound > 0 ? 1 : 0);
}

const usage = z.object({ nodes: z.array(z.object({ id: z.int(), pgs: z.int().optional() })) });

/** How many placement groups each OSD serves. */
export async function pgCounts(site: Site): Promise<Map<number, number>> {
  const { nodes } = await site.monJson({ prefix: "osd df" }, usage);
  return new Map(nodes.flatMap(({ id, pgs }) => (pgs === undefined ? [] : [[id, pgs] as const])));
}

/** The text of an entity's keyring; undefined where the monitors do not know it. */
export async function findKeyring(site: Site, entity: string): Promise<string | undefined> {
  try {
    return await site.mon({ prefix: "auth get", entity });
  } catch (error) {
    if (error instanceof OrchestratorError && error.errno === ENOENT) return undefined;
    throw error;
  }
}

/** Whether the OSD exists, asked of the monitors by its id. */
export async function isInMap(site: Site, id: number): Promise<boolean> {
  try {
    await site.mon({ prefix: "osd find", id });
    return true;
  } catch (error) {
    if (error instanceof OrchestratorError && error.errno === ENOENT) return false;
    throw error;
  }
}

/**
 * Runs a command that takes an OSD out of the map and wants to be confirmed. These are the monitors' own commands, which the
 * manager's `osd purge` and `osd destroy` end in: those answer EINVAL when they come by way of a monitor. They ask nothing and
 * succeed for an OSD that is gone, so whoever calls has looked whether that is safe.
 */
export async function takeOut(
  site: Site,
  prefix: "osd purge-actual" | "osd destroy-actual" | "osd purge-new",
  id: number,
): Promise<void> {
  await site.mon({ prefix, id, yes_i_really_mean_it: true });
}

/** Sets an OSD's CRUSH weight. */
export async function setCrushWeight(site: Site, id: number, weight: number): Promise<void> {
  // The monitors refuse a number that JSON writes without a fraction; CRUSH counts in 65,536ths, so this one is lost on it.
  await site.mon({ prefix: "osd crush reweight", name: `osd.${id}`, weight: weight + 1e-7 });
}
