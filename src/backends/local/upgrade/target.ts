/** Where an upgrade may go: to what the distribution's packages have installed on this host. */
import { DAEMON_TYPES, type DaemonType } from "../../../agent/client.ts";
import { ValidationError } from "../../../index.ts";
import type { Site } from "../site.ts";
import { tellsVersion } from "./daemons.ts";
import { shortVersion } from "./versions.ts";

/** The installed version of each type that is installed and tells one. */
export async function installedVersions(site: Site): Promise<ReadonlyMap<DaemonType, string>> {
  const { binaries } = await site.describe();
  return new Map(
    DAEMON_TYPES.flatMap((type) => {
      const { version } = binaries[type];
      return version === null || !tellsVersion({ type }) ? [] : [[type, shortVersion(version)] as const];
    }),
  );
}

/** The version to go to for daemons of these types; refuses one that is not what is installed. */
export async function targetFor(
  site: Site,
  { image, version }: { readonly image: string | null; readonly version: string | null },
  types: ReadonlySet<DaemonType>,
): Promise<string> {
  if (image !== null && image !== "") {
    throw new ValidationError(
      `image ${image}: the local backend runs the distribution's packages, not images; install the packages of the new version, then give --ceph-version`,
    );
  }
  const all = await installedVersions(site);
  const installed = new Map([...all].filter(([type]) => types.has(type)));
  const there = [...new Set(installed.values())];
  if (version !== null && !/^\d+\.\d+\.\d+$/.test(version))
    throw new ValidationError(`version ${JSON.stringify(version)} is not of the form X.Y.Z`);
  if (there.length > 1) {
    const list = [...installed].map(([type, one]) => `${type} ${one}`).join(", ");
    throw new ValidationError(`the installed programs are of several versions (${list}): install the packages of one`);
  }
  const target = version ?? there[0];
  if (target === undefined) throw new ValidationError("an upgrade needs a version: give --ceph-version");
  if (there[0] !== undefined && there[0] !== target) {
    throw new ValidationError(
      `version ${target} is not installed on this host: its packages are of ${there[0]}; install those of ${target} first`,
    );
  }
  return target;
}
