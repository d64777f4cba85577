import { spawnSync } from "node:child_process";

import { isPrepared } from "./cache.ts";
import { withOwnMounts } from "./namespace.ts";
import { RELEASE_NAMES, type Release } from "./releases.ts";

/** One sentence why a release (default: any of them) cannot be prepared or run on this machine, null if it can. */
export function missing(release?: Release): string | null {
  if (process.platform !== "linux") return `a real Ceph needs Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "a real Ceph in a folder needs root, for chroot and mount namespaces";
  const unshare = spawnSync(...withOwnMounts(["true"]), { encoding: "utf8" });
  if (unshare.error !== undefined) return "a real Ceph in a folder needs the command unshare (package util-linux)";
  if (unshare.status !== 0) return `this machine allows no mount namespaces (${unshare.stderr.trim()})`;
  const prepared = release === undefined ? RELEASE_NAMES.every(isPrepared) : isPrepared(release);
  if (!prepared && spawnSync("apt-get", ["--version"]).error !== undefined) {
    return "preparing a real Ceph needs a Debian-like system with apt-get";
  }
  return null;
}
