/** What real tools of the four releases printed, recorded on one machine; keys in it are overwritten. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "../../fixtures/host");

export const RELEASES = ["nautilus", "pacific", "reef", "tentacle"] as const;
export type Release = (typeof RELEASES)[number];

export function text(release: Release, file: string): string {
  return readFileSync(join(folder, release, file), "utf8");
}

export function bytes(release: Release, file: string): Buffer {
  return readFileSync(join(folder, release, file));
}

/** What `ceph-volume raw prepare` printed, by what befell it. */
export function attempts(release: Release): string[] {
  if (!existsSync(join(folder, release))) return [];
  return readdirSync(join(folder, release)).flatMap((name) => /^raw-prepare-(.*)\.txt$/.exec(name)?.[1] ?? []);
}
