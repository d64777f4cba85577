/** Versions of Ceph: how they compare, and which jumps Ceph supports. */

/** So many major versions an upgrade may pass at once. */
const WIDEST_JUMP = 2;

/** The names of releases, by major version, as `osd require-osd-release` takes them. */
const RELEASES: Readonly<Record<number, string>> = {
  14: "nautilus",
  15: "octopus",
  16: "pacific",
  17: "quincy",
  18: "reef",
  19: "squid",
  20: "tentacle",
};

export function releaseOf(version: string): string | undefined {
  return RELEASES[majorOf(version)];
}

export function majorOf(version: string): number {
  return Number(version.split(".", 1)[0]);
}

/** Below 0 when `one` is older than `other`. */
export function compareVersions(one: string, other: string): number {
  return one.localeCompare(other, "en", { numeric: true });
}

/** Why daemons of version `from` cannot be upgraded to `to`, undefined when they can. */
export function whyNoJump(from: string, to: string): string | undefined {
  if (compareVersions(from, to) > 0) return `Ceph cannot be downgraded from ${from} to ${to}`;
  if (majorOf(to) - majorOf(from) <= WIDEST_JUMP) return undefined;
  return `an upgrade from ${from} to ${to} passes more than ${WIDEST_JUMP} major versions; go by one between`;
}

/** Distributions add to a version, as in 16.2.15+ds. */
export function shortVersion(version: string): string {
  return /^\d+\.\d+\.\d+/.exec(version)?.[0] ?? version;
}
