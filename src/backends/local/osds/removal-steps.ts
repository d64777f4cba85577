/**
 * One step of the removal of an OSD. Whatever ends this process, the next round reads the record and the maps and goes on.
 * An OSD is destroyed only after the manager said, of this very moment, that no data depends on it: first while it runs, and
 * again when it is stopped. A map that cannot be read changes nothing.
 */
import { messageOf, OrchestratorError, UnavailableError } from "../../../index.ts";
import { dropSection } from "../services/mon-config.ts";
import type { Site } from "../site.ts";
import {
  crushPlaces,
  findOsd,
  isDestroyed,
  isInMap,
  isOkToStop,
  isSafeToDestroy,
  type OsdMap,
  type OsdState,
  pgCounts,
  readOsdMap,
  setCrushWeight,
  takeOut,
  unavailablePgs,
} from "./ceph-osds.ts";
import { NOTHING_SEEN, REMOVALS, type Removal, removal } from "./removal-record.ts";

/** The manager's statistics are five seconds old at most; twice that after the OSD went down they tell of the time since. */
const STATISTICS_MS = 10_000;

/** Something may have a device open for a moment; one that cannot be erased for so long is broken. */
const ERASING_MS = 60_000;

/** Takes the next step of a removal; true when the one after it may follow at once. `others` are those that are queued beside it. */
export async function stepOf(site: Site, record: Removal, others: readonly Removal[]): Promise<boolean> {
  const map = await readOsdMap(site);
  const state = sameOsd(record, findOsd(map, record.osd_id));
  if (record.step === "restoring") return restore(site, record, state);
  if (record.step === "destroying") return destroy(site, record, state);
  if (state === undefined || isDestroyed(state)) return goneAlready(site, record, state);
  if (record.step === "queued") return begin(site, record, state, map, others);
  if (record.step === "draining") return drain(site, record, state, others);
  return stop(site, record, state, others);
}

/** Undefined where another OSD has the id now. A destroyed one has no uuid any more. */
function sameOsd(record: Removal, state: OsdState | undefined): OsdState | undefined {
  if (state === undefined || isDestroyed(state)) return state;
  return record.osd_uuid === null || state.uuid === record.osd_uuid ? state : undefined;
}

/** Changes the record if it is still in the step that it was read in; somebody may have stopped the removal meanwhile. */
async function put(site: Site, record: Removal, change: Partial<Removal>): Promise<boolean> {
  let done = false;
  await site.records.change(keyOf(record), removal, (present) => {
    done = present?.step === record.step;
    return done && present !== undefined ? { ...present, ...change } : undefined;
  });
  return done;
}

export function keyOf({ osd_id: id }: Pick<Removal, "osd_id">): string {
  return `${REMOVALS}${id}`;
}

/** The former weight is written down before it is changed. */
async function begin(
  site: Site,
  record: Removal,
  state: OsdState,
  map: OsdMap,
  others: readonly Removal[],
): Promise<boolean> {
  if (record.force) {
    const verdict = await mayGoNow(site, record, others);
    if (verdict === "go") return put(site, record, { step: "stopping", waits_for: null });
    if (verdict === "soon") return false;
  }
  const reason = await tooFewOthers(site, record, map, others);
  if (reason !== null) {
    if (reason !== record.waits_for) await put(site, record, { waits_for: reason });
    return false;
  }
  const crush = await crushWeight(site, record.osd_id);
  return put(site, record, {
    step: "draining",
    former: { crush, weight: state.weight },
    drain_started_at: new Date().toISOString(),
    first_pgs: (await pgCounts(site)).get(record.osd_id) ?? null,
    waits_for: null,
  });
}

/** A drain that cannot end would only take copies away, or even the last one; so it does not begin. */
async function tooFewOthers(
  site: Site,
  record: Removal,
  map: OsdMap,
  others: readonly Removal[],
): Promise<string | null> {
  const places = await crushPlaces(site);
  const leaving = new Set(
    [record, ...others.filter(({ step }) => step !== "restoring" && step !== "queued")].map(({ osd_id: id }) => id),
  );
  const takers = map.osds.filter(
    ({ osd, up, weight }) => !leaving.has(osd) && up === 1 && weight > 0 && (places.get(osd)?.weight ?? 0) > 0,
  );
  const [largest] = map.pools.toSorted((one, other) => other.size - one.size);
  if (largest === undefined || takers.length >= largest.size) return null;
  return `pool ${largest.pool_name} keeps ${largest.size} copies, and ${takers.length} other OSDs could take them`;
}

/** As cephadm: one that goes for good leaves its CRUSH weight, so that data moves once; one to be replaced is only out. */
async function drain(site: Site, record: Removal, state: OsdState, others: readonly Removal[]): Promise<boolean> {
  const id = record.osd_id;
  if (record.replace) {
    if (state.weight > 0) await site.mon({ prefix: "osd out", ids: [String(id)] });
  } else if ((await crushWeight(site, id)) > 0) {
    await setCrushWeight(site, id, 0);
  }
  const done = { step: "stopping", drain_done_at: new Date().toISOString(), waits_for: null } as const;
  if (record.force && (await mayGoNow(site, record, others)) === "go") return put(site, record, done);
  if (!(await isSafeToDestroy(site, id))) return false;
  return put(site, record, { ...done, emptied: state.up === 1 ? state.up_from : null });
}

/**
 * What `--force` still asks for: without the OSD every placement group serves its data, and none of it is missing. It has to
 * be so for as long as the manager's statistics may be old: a pool may have lost its copies a moment ago. While another one
 * goes they tell nothing: together the two could block a pool.
 */
async function mayGoNow(site: Site, record: Removal, others: readonly Removal[]): Promise<"go" | "soon" | "no"> {
  const waits = others.some(isGoing);
  const harmless = !waits && (await unavailablePgs(site)) === 0 && (await isOkToStop(site, record.osd_id));
  if (!harmless) {
    if (record.harmless_since !== null) await put(site, record, { harmless_since: null });
    return waits ? "soon" : "no";
  }
  if (record.harmless_since === null) {
    await put(site, record, { harmless_since: new Date().toISOString() });
    return "soon";
  }
  return Date.now() - Date.parse(record.harmless_since) >= STATISTICS_MS ? "go" : "soon";
}

/** Whether the manager's statistics may not tell yet what it means that this one goes. */
function isGoing({ step, down_at: since }: Removal): boolean {
  const isDown = since !== null && Date.now() - Date.parse(since) < STATISTICS_MS;
  return step === "stopping" || step === "destroying" || isDown;
}

async function stop(site: Site, record: Removal, state: OsdState, others: readonly Removal[]): Promise<boolean> {
  const name = `osd.${record.osd_id}` as const;
  const daemon = (await site.agent.request("daemon/list", {})).find((one) => one.name === name);
  if (daemon !== undefined && (daemon.desired !== "stopped" || daemon.pid !== null)) {
    if (daemon.desired !== "stopped" && !(await mayStop(site, record, others))) return drainOn(site, record);
    if (!record.halted && !(await put(site, record, { halted: true }))) return false;
    await site.agent.request("daemon/act", { name, action: "stop" });
    return true;
  }
  if (state.up === 1) {
    if (daemon === undefined)
      throw new OrchestratorError(
        `${name} runs, but not by the agent of ${record.hostname}; stop it, or have the agent adopt it`,
      );
    await site.mon({ prefix: "osd down", ids: [String(record.osd_id)] });
    return true;
  }
  if (record.down_at === null) return put(site, record, { down_at: new Date().toISOString() });
  const verdict = await lastLook(site, record, state);
  if (verdict === "later") return false;
  if (verdict === "destroy") return put(site, record, { step: "destroying" });
  if (daemon !== undefined) await site.agent.request("daemon/act", { name, action: "start" });
  return drainOn(site, record);
}

/** Asked again right before it is stopped: the agent may have been away since the last time, and somebody given it a weight. */
async function mayStop(site: Site, record: Removal, others: readonly Removal[]): Promise<boolean> {
  if (record.force && (await mayGoNow(site, record, others)) === "go") return true;
  return isSafeToDestroy(site, record.osd_id);
}

/** Something depends on it again. */
async function drainOn(site: Site, record: Removal): Promise<false> {
  const step = record.former === null ? "queued" : "draining";
  await put(site, record, { ...NOTHING_SEEN, step, waits_for: "data depends on it again" });
  return false;
}

async function lastLook(site: Site, record: Removal, state: OsdState): Promise<"destroy" | "later" | "back"> {
  if (await isSafeToDestroy(site, record.osd_id)) return "destroy";
  // Where some other placement group is not clean, nothing is said of an OSD that is down; but it held nothing when it ran last.
  if (record.emptied !== null && record.emptied === state.up_from && (await isAway(site, record, state)))
    return "destroy";
  if (Date.now() - Date.parse(record.down_at ?? "") < STATISTICS_MS) return "later";
  return record.force && (await unavailablePgs(site)) === 0 ? "destroy" : "back";
}

/** Whether it gets no data now; at some time it got none, but somebody may have changed that. */
async function isAway(site: Site, record: Removal, state: OsdState): Promise<boolean> {
  return record.replace ? state.weight === 0 : (await crushWeight(site, record.osd_id)) === 0;
}

async function crushWeight(site: Site, id: number): Promise<number> {
  return (await crushPlaces(site)).get(id)?.weight ?? 0;
}

/** The order matters: the monitors first, then what is on the host, the record last. */
async function destroy(site: Site, record: Removal, state: OsdState | undefined): Promise<boolean> {
  const id = record.osd_id;
  if (state?.up === 1) {
    // Somebody started it again: what was seen of it holds no more.
    return put(site, record, { step: "stopping", emptied: null, down_at: null });
  }
  // Else the id is free, or another OSD's, and all that is left is to erase what this one had.
  if (record.erase_failed_at === null && !(await isOthers(site, record))) {
    // The next OSD of its id would inherit its options.
    if (!record.replace) await dropSection(site, `osd.${id}`);
    await takeOut(site, record.replace ? "osd destroy-actual" : "osd purge-actual", id);
    await removeDaemon(site, id, false);
  }
  return record.zap && !(await erase(site, record)) ? false : end(site, record);
}

async function end(site: Site, record: Removal): Promise<false> {
  await site.records.delete(keyOf(record), removal);
  return false;
}

/** Whether the id belongs to another OSD by now, whose daemon is not to be touched. */
async function isOthers(site: Site, { osd_id: id, osd_uuid: uuid }: Removal): Promise<boolean> {
  const state = findOsd(await readOsdMap(site), id);
  return state !== undefined && !isDestroyed(state) && state.uuid !== uuid;
}

async function removeDaemon(site: Site, id: number, keepData: boolean): Promise<void> {
  const name = `osd.${id}` as const;
  const daemons = await site.agent.request("daemon/list", {});
  if (daemons.some((one) => one.name === name))
    await site.agent.request("daemon/remove", { name, keep_data: keepData });
}

/**
 * Only its own store: a device may be another OSD's already, or carry the databases of others. False while it is to be tried
 * again; a broken disk ends the removal, too.
 */
async function erase(site: Site, record: Removal): Promise<boolean> {
  const { osd_id: id, osd_uuid: uuid, devices, no_destroy: keep } = record;
  if (uuid === null) return true;
  try {
    await site.agent.request("osd/discard", { osd_uuid: uuid, paths: devices, keep_parts: keep });
    return true;
  } catch (error) {
    if (error instanceof UnavailableError) throw error;
    const since = record.erase_failed_at ?? new Date().toISOString();
    const reason = messageOf(error);
    if (Date.now() - Date.parse(since) < ERASING_MS) {
      await put(site, record, { erase_failed_at: since, waits_for: `not erased yet: ${reason}` });
      return false;
    }
    await site.mgr.clusterLog(
      "warn",
      `osd.${id} is removed, but not erased from ${devices.join(", ")}: ${reason}; 'ceph orch device zap' tries it again`,
    );
    return true;
  }
}

/** Somebody else took it out of the map: that nothing depended on it is not known, so its data stays where it is. */
async function goneAlready(site: Site, record: Removal, state: OsdState | undefined): Promise<boolean> {
  if (await isOthers(site, record)) return end(site, record);
  // The monitors are asked once more, in another way: a queue must not be lost to one strange answer.
  if (state === undefined && (await isInMap(site, record.osd_id))) return false;
  const what = state === undefined ? "is no longer in the OSD map" : "was destroyed";
  site.log.warn(
    `osd.${record.osd_id} ${what} before it was drained: its removal ends, and its data is left on ${record.devices.join(", ")}`,
  );
  await removeDaemon(site, record.osd_id, true);
  return end(site, record);
}

/** Puts the OSD back as it was before. */
async function restore(site: Site, record: Removal, state: OsdState | undefined): Promise<boolean> {
  const id = record.osd_id;
  const { former } = record;
  if (state !== undefined && !isDestroyed(state)) {
    if (former !== null) {
      const crush = await crushWeight(site, id);
      if (crush === 0 && former.crush > 0) await setCrushWeight(site, id, former.crush);
      if (state.weight === 0 && former.weight > 0) await putIn(site, id, former.weight);
    }
    const name = `osd.${id}` as const;
    const daemon = (await site.agent.request("daemon/list", {})).find((one) => one.name === name);
    if (record.halted && daemon?.desired === "stopped")
      await site.agent.request("daemon/act", { name, action: "start" });
  }
  return end(site, record);
}

async function putIn(site: Site, id: number, weight: number): Promise<void> {
  if (weight === 1) await site.mon({ prefix: "osd in", ids: [String(id)] });
  else await site.mon({ prefix: "osd reweight", id, weight });
}
