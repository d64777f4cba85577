import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

import type { Release } from "./releases.ts";

/** Raised when the content of a prepared root changes; a root with another number is prepared anew. */
export const ROOT_FORMAT = 2;

/** The file that tells a finished root from an interrupted one. */
export const MARKER = ".orchbridge-root.json";

/** The folder that holds the prepared roots, outside the checkout so that a fresh clone finds them. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const { ORCHBRIDGE_CACHE: own, XDG_CACHE_HOME: xdg } = env;
  if (own !== undefined && own !== "") return resolve(own);
  return join(xdg !== undefined && xdg !== "" ? xdg : join(homedir(), ".cache"), "orchbridge", "testbed");
}

/** The folder of one release: a whole Debian system with Ceph in it. */
export function rootOf(release: Release): string {
  return join(cacheDir(), release);
}

/** Where the clusters of a release live. Inside the root, because its daemons see nothing else. */
export function clustersOf(release: Release): string {
  return join(rootOf(release), "clusters");
}

/** Whether a root is finished and of this version's format. */
export function isPrepared(release: Release): boolean {
  try {
    const marker: unknown = JSON.parse(readFileSync(join(rootOf(release), MARKER), "utf8"));
    return typeof marker === "object" && marker !== null && "format" in marker && marker.format === ROOT_FORMAT;
  } catch {
    return false;
  }
}

/** The names of a release's clusters, running or not. A dot stands before one that is being made. */
export function clusterNames(release: Release): string[] {
  const dir = clustersOf(release);
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => entry.name)
    .toSorted();
}
