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
  // What the local backend runs besides Ceph's core, and ledctl.
  "nfs-ganesha-ceph",
  "nfs-ganesha-rados-grace",
  "rbd-mirror",
  "ledmon",
];
const sincePacific = [...everywhere, "ceph-mgr-modules-core", "cephfs-mirror"];

/** The four releases, oldest first. */
export const RELEASES: Readonly<Record<Release, ReleaseInfo>> = {
  nautilus: { major: 14, suite: "bullseye", packages: everywhere },
  pacific: { major: 16, suite: "bookworm", packages: sincePacific },
  reef: { major: 18, suite: "trixie", packages: [...sincePacific, "ceph-volume"] },
  tentacle: { major: 20, suite: "sid", packages: [...sincePacific, "ceph-volume"] },
};

export const RELEASE_NAMES: readonly Release[] = ["nautilus", "pacific", "reef", "tentacle"];

export function isRelease(name: string): name is Release {
  return Object.hasOwn(RELEASES, name);
}
