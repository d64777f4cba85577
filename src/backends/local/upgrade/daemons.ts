/** Which daemons an upgrade concerns, and in which order they are restarted. */
import { DAEMON_TYPES, type Daemon, type DaemonType } from "../../../agent/client.ts";
import { readFileSystems, readMgrMap, versionsInMaps } from "../ceph-maps.ts";
import type { Site } from "../site.ts";
import type { UpgradeRecord } from "./record.ts";
import { shortVersion } from "./versions.ts";

/** A daemon of the host with the version it runs; null when there is no way to know. */
export interface VersionedDaemon extends Daemon {
  readonly runs: string | null;
}

/** Scripts and foreign programs, which tell no version of Ceph. */
const UNVERSIONED: ReadonlySet<DaemonType> = new Set(["crash", "nfs"]);

export function tellsVersion({ type }: Pick<Daemon, "type">): boolean {
  return !UNVERSIONED.has(type);
}

/** The host's daemons with their versions: of the process itself, or where it does not answer, what it told the monitors. */
export async function versionedDaemons(site: Site): Promise<VersionedDaemon[]> {
  const daemons = await site.agent.request("daemon/list", {});
  const silent = new Set(daemons.filter((one) => tellsVersion(one) && one.version === null).map(({ type }) => type));
  const told = new Map<DaemonType, ReadonlyMap<string, string>>();
  for (const type of silent) told.set(type, await versionsInMaps(site, type));
  return daemons.map((daemon) => ({
    ...daemon,
    runs:
      (daemon.version === null ? null : shortVersion(daemon.version)) ?? told.get(daemon.type)?.get(daemon.id) ?? null,
  }));
}

type Scope = Pick<UpgradeRecord, "types" | "services" | "hosts">;

/** Whether an upgrade of that scope would restart the daemon. One that is stopped gets the new program when it is started. */
export function concerns({ types, services }: Scope, { type, service, desired, state }: Daemon): boolean {
  if (desired === "stopped" || state === "foreign") return false;
  return (types?.includes(type) ?? true) && (services?.includes(service) ?? true);
}

/** The daemons that are left, in no order yet. */
export function left(upgrade: UpgradeRecord, daemons: readonly VersionedDaemon[]): VersionedDaemon[] {
  return daemons
    .filter(({ name }) => !upgrade.done.includes(name))
    .filter((daemon) => {
      if (!concerns(upgrade, daemon)) return false;
      return tellsVersion(daemon) ? daemon.runs !== upgrade.version : upgrade.unversioned.includes(daemon.name);
    });
}

/** The daemon that is next: by type, and of mgrs and mdss those that stand by before those that are active. */
export async function nextOf(site: Site, candidates: readonly VersionedDaemon[]): Promise<VersionedDaemon | undefined> {
  const type = DAEMON_TYPES.find((candidate) => candidates.some((daemon) => daemon.type === candidate));
  const sorted = candidates.filter((daemon) => daemon.type === type).toSorted(byId);
  if (sorted.length < 2) return sorted[0];
  const active = await activeOf(site, type);
  return sorted.find(({ id }) => !active.has(id)) ?? sorted[0];
}

async function activeOf(site: Site, type: DaemonType | undefined): Promise<ReadonlySet<string>> {
  if (type === "mgr") return new Set([(await readMgrMap(site)).active_name]);
  if (type !== "mds") return new Set();
  const { filesystems } = await readFileSystems(site);
  return new Set(filesystems.flatMap(({ daemons }) => daemons.map(({ name }) => name)));
}

function byId(one: Daemon, other: Daemon): number {
  return one.id.localeCompare(other.id, "en", { numeric: true });
}

/** The types of which no daemon is left, in the order of the upgrade. */
export function completeTypes(upgrade: UpgradeRecord, daemons: readonly VersionedDaemon[]): DaemonType[] {
  const open = new Set(left(upgrade, daemons).map(({ type }) => type));
  const concerned = new Set(daemons.filter((daemon) => concerns(upgrade, daemon)).map(({ type }) => type));
  return DAEMON_TYPES.filter((type) => concerned.has(type) && !open.has(type));
}
