/** What an upgrade waits for before it restarts a daemon, and after it, beyond what any restart does. */
import { isRegistered, readFileSystems, versionsInMaps } from "../ceph-maps.ts";
import { tellsMonitors, whatIsOpen, whyNoRestart } from "../restart-gates.ts";
import type { Site } from "../site.ts";
import { tellsVersion, type VersionedDaemon } from "./daemons.ts";
import { reduce } from "./flags.ts";

/** Why the daemon may not be restarted yet; null when it may. */
export async function whyNotYet(site: Site, daemon: VersionedDaemon): Promise<string | null> {
  const unready = daemon.type === "mds" ? await mdsWaits(site, daemon.id) : null;
  return unready ?? whyNoRestart(site, daemon);
}

/** One that stands by may go at any time; for an active one the file system is prepared. */
async function mdsWaits(site: Site, id: string): Promise<string | null> {
  const { filesystems } = await readFileSystems(site);
  const own = filesystems.find(({ daemons }) => daemons.some(({ name }) => name === id));
  if (own === undefined) return null;
  await reduce(site, own);
  if (own.maxMds > 1 || own.ranks.length > 1)
    return `file system ${own.name} still has ${own.ranks.length} active mds daemons`;
  if (own.allowsStandbyReplay) return `the standby of file system ${own.name} still follows its active mds`;
  return null;
}

/** What is still missing until the restarted daemon counts as upgraded; null when nothing is. */
export async function whatIsMissing(site: Site, daemon: VersionedDaemon, version: string): Promise<string | null> {
  const { name, type, id, state, runs } = daemon;
  if (state !== "running") return `${name} is ${state}`;
  if (!tellsVersion(daemon)) return null;
  if (runs === null) return `${name} does not tell its version yet`;
  const told = await versionsInMaps(site, type);
  if (tellsMonitors(daemon) && told.get(id) !== version)
    return `the monitors do not know ${name} with version ${version} yet`;
  if (type === "rgw" && !(await isRegistered(site, type, id, version))) return `${name} has not registered itself yet`;
  return whatIsOpen(site, daemon);
}
