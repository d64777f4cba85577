/** What a cluster remembers about itself in its folder, so that another process can use, list and end it. */
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";
import { clustersOf, rootOf } from "./cache.ts";
import { hostPlace } from "./host.ts";
import type { Place } from "./namespace.ts";
import { RELEASE_NAMES, type Release } from "./releases.ts";

const FILE = "cluster.json";

const stateSchema = z.object({
  /** Marks every process of the cluster. */
  tag: z.string(),
  fsid: z.string(),
  monPort: z.number(),
  user: z.enum(["root", "ceph"]),
  mgrs: z.array(z.string()),
  osds: z.number(),
  objectStore: z.enum(["memstore", "bluestore"]),
  /** Whether it lies in the folders of a packaged host, and the releases whose roots show there as well. */
  host: z
    .object({ roots: z.array(z.enum(RELEASE_NAMES)) })
    .nullable()
    .default(null),
  dashboard: z.object({ url: z.string(), user: z.string(), password: z.string() }).nullable(),
  /** The process that must live for the cluster to be of use (a test run, or `up` at work); null: nobody's, until `down`. */
  owner: z.object({ pid: z.number(), started: z.string() }).nullable(),
});

export type ClusterState = z.infer<typeof stateSchema>;
export type ProcessIdentity = NonNullable<ClusterState["owner"]>;

export function clusterDir(release: Release, name: string): string {
  return join(clustersOf(release), name);
}

/** The state of a cluster, undefined if there is none by that name. */
export function readState(dir: string): ClusterState | undefined {
  const file = join(dir, FILE);
  if (!existsSync(file)) return undefined;
  return stateSchema.parse(JSON.parse(readFileSync(file, "utf8")));
}

/** A new folder's name, in which a cluster is made before it gets its own. */
export function asideDir(release: Release): string {
  const { pid, started } = thisProcess();
  return join(clustersOf(release), `.${pid}-${started}-${randomUUID()}`);
}

/** The folders of clusters whose making was interrupted. */
export function abandonedAside(release: Release): string[] {
  const dir = clustersOf(release);
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => {
      const [, pid, started] = /^\.(\d+)-(\d+)-/.exec(name) ?? [];
      return pid !== undefined && started !== undefined && !lives({ pid: Number(pid), started });
    })
    .map((name) => join(dir, name));
}

/** Makes a folder no cluster any more, so that it stays to be read until its name is used again. */
export function retire(dir: string): void {
  if (existsSync(join(dir, FILE))) renameSync(join(dir, FILE), join(dir, `ended-${FILE}`));
}

export function writeState(dir: string, state: ClusterState): void {
  writeFileSync(join(dir, FILE), `${JSON.stringify(state, null, 2)}\n`);
}

export function placeOf(release: Release, name: string, state: ClusterState): Place {
  const place = { root: rootOf(release), tag: state.tag };
  return state.host === null ? place : hostPlace(place, clusterDir(release, name), state.host.roots);
}

/** This process, told apart from a later one with the same pid by its start time. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, started: startTime(process.pid) ?? "" };
}

export function lives(identity: ProcessIdentity): boolean {
  return startTime(identity.pid) === identity.started;
}

/** Field 22 of /proc/PID/stat; the second field may hold spaces and parentheses, so it counts from the last one. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
