/** What a manager must never have: a crash dump or a traceback of ours. */
import { harmIn as harmInLog } from "../../test/ceph/harm.ts";
import type { Cluster } from "../../testbed/cluster.ts";

export function harmIn(cluster: Cluster): string[] {
  const crashes = cluster
    .crashMetas()
    .filter(({ content }) => content.includes("orchbridge"))
    .map(({ path }) => `a crash dump names orchbridge: ${path}`);
  const raised = harmInLog(cluster.mgrLog()).map(
    (entry) => `the manager's log has an exception of ours: ${entry.slice(0, 2000)}`,
  );
  return [...crashes, ...raised];
}
