/** What a daemon's restart waits for, before it and after it. */
import { OrchestratorError } from "../../../index.ts";
import type { Site } from "../site.ts";
import {
  isRegistered,
  readFileSystems,
  readMgrMap,
  readMons,
  readOsdMap,
  readPgsOf,
  versionsInMaps,
} from "./ceph-maps.ts";
import { tellsVersion, type VersionedDaemon } from "./daemons.ts";
import { reduce } from "./flags.ts";

/** Why the daemon may not be restarted yet; null when it may. */
export function whyNotYet(site: Site, { type, id }: VersionedDaemon): Promise<string | null> {
  switch (type) {
    case "mon":
      return monWaits(site, id);
    case "osd":
      return okToStop(site, "osd", id);
    case "mds":
      return mdsWaits(site, id);
    default:
      return Promise.resolve(null);
  }
}

/** Two mons or one have no quorum without each of them, ever: their clients wait for the seconds of the restart. */
async function monWaits(site: Site, id: string): Promise<string | null> {
  return (await readMons(site)).all.length <= 2 ? null : okToStop(site, "mon", id);
}

/** One that stands by may go at any time; for an active one the file system is prepared. */
async function mdsWaits(site: Site, id: string): Promise<string | null> {
  const { standbys, filesystems } = await readFileSystems(site);
  const own = filesystems.find(({ daemons }) => daemons.some(({ name }) => name === id));
  if (own === undefined) return null;
  await reduce(site, own);
  if (own.maxMds > 1 || own.ranks.length > 1)
    return `file system ${own.name} still has ${own.ranks.length} active mds daemons`;
  if (own.allowsStandbyReplay) return `the standby of file system ${own.name} still follows its active mds`;
  // With nobody to take over, clients wait for the seconds of the restart; a question would be answered with no for ever.
  return standbys.length === 0 ? null : okToStop(site, "mds", id);
}

async function okToStop(site: Site, type: string, id: string): Promise<string | null> {
  try {
    await site.mon({ prefix: `${type} ok-to-stop`, ids: [id] });
    return null;
  } catch (error) {
    if (error instanceof OrchestratorError && error.errno !== undefined)
      return `${type}.${id} may not be stopped: ${error.message}`;
    throw error;
  }
}

/** What is still missing until the restarted daemon counts as upgraded; null when nothing is. */
export async function whatIsMissing(site: Site, daemon: VersionedDaemon, version: string): Promise<string | null> {
  const { name, type, id, state, runs } = daemon;
  if (state !== "running") return `${name} is ${state}`;
  if (!tellsVersion(daemon)) return null;
  if (runs === null) return `${name} does not tell its version yet`;
  const told = await versionsInMaps(site, type);
  if (["mon", "mgr", "osd", "mds"].includes(type) && told.get(id) !== version)
    return `the monitors do not know ${name} with version ${version} yet`;
  switch (type) {
    case "mon":
      return (await readMons(site)).quorum.includes(id) ? null : `${name} is not in the quorum yet`;
    case "mgr":
      return mgrMisses(site, id);
    case "osd":
      return osdMisses(site, id);
    case "mds":
      return mdsMisses(site, id);
    case "rgw":
      return (await isRegistered(site, type, id, version)) ? null : `${name} has not registered itself yet`;
    default:
      return null;
  }
}

async function mgrMisses(site: Site, id: string): Promise<string | null> {
  const { active_name: active, available, standbys } = await readMgrMap(site);
  if ((active === id && available) || standbys.some(({ name }) => name === id)) return null;
  return `mgr.${id} is neither active nor a standby yet`;
}

/** States of a placement group that pass, and after which another OSD may go. */
const UNSETTLED = /peer|activating|recover|unknown|stale|down|incomplete/;

/**
 * The next `ok-to-stop` is answered from what OSDs reported; until those reports are younger than the OSD's start, it would be
 * an answer about the cluster before the restart.
 */
async function osdMisses(site: Site, id: string): Promise<string | null> {
  const { osds } = await readOsdMap(site);
  const own = osds.find(({ osd }) => String(osd) === id);
  if (own?.up !== 1) return `osd.${id} is not up yet`;
  const pgs = await readPgsOf(site, own.osd);
  const open = pgs.find(({ state, reported_epoch: epoch }) => epoch < own.up_from || UNSETTLED.test(state));
  if (open === undefined) return null;
  return open.reported_epoch < own.up_from
    ? `placement group ${open.pgid} has not reported since osd.${id} came up`
    : `placement group ${open.pgid} is ${open.state}`;
}

async function mdsMisses(site: Site, id: string): Promise<string | null> {
  const { standbys, filesystems } = await readFileSystems(site);
  const holders = filesystems.flatMap(({ daemons }) => daemons);
  const busy = holders.find(({ rank, state }) => rank >= 0 && !/^up:(active|standby-replay)$/.test(state));
  if (busy !== undefined) return `mds.${busy.name} is ${busy.state}`;
  const lost = filesystems.find(
    ({ ranks, daemons, isJoinable }) => isJoinable && ranks.some((rank) => !daemons.some((one) => one.rank === rank)),
  );
  if (lost !== undefined) return `file system ${lost.name} has a rank without mds`;
  return standbys.includes(id) || holders.some(({ name }) => name === id) ? null : `mds.${id} is in no map yet`;
}
