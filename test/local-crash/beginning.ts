/** What a host has before anything goes wrong. */
import type { LocalCluster } from "../ceph/local/local-cluster.ts";
import { freePaths, type Wanted } from "./activities.ts";
import { keepData } from "./kept-data.ts";
import { atRest } from "./one-run.ts";

/** Enough for two copies, one OSD that goes, and one that comes. */
export const OPTIONS = { file_devices: { count: 5, size: "4G" } };

/** Makes OSDs, a file system with an MDS, and the data to be kept. */
export async function begin(at: LocalCluster): Promise<Wanted> {
  const wanted: Wanted = { osds: 3, mds: 1 };
  const paths = await freePaths(at);
  for (const path of paths.slice(0, wanted.osds)) await at.ok(`orch daemon add osd h1:${path}`);
  await at.ok("fs volume create home --placement=1");
  await keepData(at);
  await atRest(at, wanted);
  return wanted;
}
