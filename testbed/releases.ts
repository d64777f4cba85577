/** A Ceph release that the testbed can run. */
export type Release = "nautilus" | "pacific" | "reef" | "tentacle";

/** What it takes to have a release in a folder: the Debian suite that packages it and the packages. */
export interface ReleaseInfo {
  readonly major: number;
  readonly suite: string;
  readonly packages: readonly string[];
}

const everywhere = [
  "ceph-mon",
  "ceph-mgr",
  "ceph-osd",
  "ceph-mds",
  "radosgw",
  "ceph-common",
  "ceph-mgr-dashboard",
  "procps",
  "lvm2",
];

/** The four releases, oldest first. */
export const RELEASES: Readonly<Record<Release, ReleaseInfo>> = {
  nautilus: { major: 14, suite: "bullseye", packages: everywhere },
  pacific: { major: 16, suite: "bookworm", packages: [...everywhere, "ceph-mgr-modules-core"] },
  reef: { major: 18, suite: "trixie", packages: [...everywhere, "ceph-mgr-modules-core", "ceph-volume"] },
  tentacle: { major: 20, suite: "sid", packages: [...everywhere, "ceph-mgr-modules-core", "ceph-volume"] },
};

export const RELEASE_NAMES: readonly Release[] = ["nautilus", "pacific", "reef", "tentacle"];

export function isRelease(name: string): name is Release {
  return Object.hasOwn(RELEASES, name);
}
