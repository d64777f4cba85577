/** What a daemon's restart waits for: before it, until the cluster can do without it; after it, until the cluster has it again. */
import type { Daemon } from "../../agent/client.ts";
import { OrchestratorError } from "../../index.ts";
import { readFileSystems, readMgrMap, readMons, readOsdMap, readPgsOf } from "./ceph-maps.ts";
import type { Site } from "./site.ts";

type Named = Pick<Daemon, "type" | "id">;

/** Why the daemon may not be restarted yet; null when it may. */
export function whyNoRestart(site: Site, { type, id }: Named): Promise<string | null> {
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

/**
 * One that stands by may go at any time. With nobody to take over, clients wait for the seconds of the restart; a question would be
 * answered with no for ever.
 */
async function mdsWaits(site: Site, id: string): Promise<string | null> {
  const { standbys, filesystems } = await readFileSystems(site);
  const serves = filesystems.some(({ daemons }) => daemons.some(({ name }) => name === id));
  return serves && standbys.length > 0 ? okToStop(site, "mds", id) : null;
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

/** The types of daemons that tell the monitors of themselves when they start. */
const TELLING: readonly string[] = ["mon", "mgr", "osd", "mds"];

/** True for a daemon of which the monitors know whether it is there. */
export function tellsMonitors({ type }: Named): boolean {
  return TELLING.includes(type);
}

/** As what the monitors know this run of a daemon, which is something else for its next run; null while they do not know it. */
export async function knownAs(site: Site, { type, id }: Named): Promise<string | null> {
  switch (type) {
    case "mon": {
      const { quorum, election } = await readMons(site);
      return quorum.includes(id) ? `election ${election}` : null;
    }
    case "mgr": {
      const { active_name: active, active_gid, available, standbys } = await readMgrMap(site);
      return gidText(available && active === id ? active_gid : standbys.find(({ name }) => name === id)?.gid);
    }
    case "osd": {
      const own = (await readOsdMap(site)).osds.find(({ osd }) => String(osd) === id);
      return own?.up === 1 ? `up from ${own.up_from}` : null;
    }
    case "mds": {
      const { standbys, filesystems } = await readFileSystems(site);
      const all = [...standbys, ...filesystems.flatMap(({ daemons }) => daemons)];
      return gidText(all.find(({ name }) => name === id)?.gid);
    }
    default:
      return null;
  }
}

function gidText(gid: number | undefined): string | null {
  return gid === undefined ? null : `gid ${gid}`;
}

/** What is open in the cluster since the daemon's restart, so that the next one has to wait; null when nothing is. */
export async function whatIsOpen(site: Site, { type, id }: Named): Promise<string | null> {
  switch (type) {
    case "mon":
      return (await readMons(site)).quorum.includes(id) ? null : `mon.${id} is not in the quorum yet`;
    case "mgr":
      return (await knownAs(site, { type, id })) === null ? `mgr.${id} is neither active nor a standby yet` : null;
    case "osd":
      return osdMisses(site, id);
    case "mds":
      return mdsMisses(site, id);
    default:
      return null;
  }
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
  return [...standbys, ...holders].some(({ name }) => name === id) ? null : `mds.${id} is in no map yet`;
}
