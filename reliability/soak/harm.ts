/** What a manager must never have: a crash dump or a traceback of ours. */
import type { Cluster } from "../../testbed/cluster.ts";

export function harmIn(cluster: Cluster): string[] {
  const crashes = cluster
    .crashMetas()
    .filter(({ content }) => content.includes("orchbridge"))
    .map(({ path }) => `a crash dump names orchbridge: ${path}`);
  const entries = cluster.mgrLog().split(/^(?=\d{4}-\d\d-\d\d[T ]\d\d:)/m);
  const raised = entries
    .filter((entry) => /Remote method threw|Traceback \(most recent call last\)/.test(entry))
    .filter((entry) => entry.includes("orchbridge"))
    .map((entry) => `the manager's log has an exception of ours: ${entry.slice(0, 2000)}`);
  return [...crashes, ...raised];
}
