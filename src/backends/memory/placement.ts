/** On which hosts how many daemons go. */
import { type AnySpec, MOST_PER_HOST, matchingHosts, NO_SCHEDULE, placementOf, serviceType } from "../../index.ts";
import type { Cluster } from "./cluster.ts";

/** The hosts of a service's daemons, one entry a daemon. Hosts that run some already come first, so that nothing moves without need. */
export function wantedHosts(spec: AnySpec, cluster: Cluster, running: ReadonlyMap<string, number>): string[] {
  const placement = placementOf(spec);
  const open = [...cluster.hosts.values()].filter(({ labels }) => !labels.includes(NO_SCHEDULE));
  const hosts = matchingHosts(placement, open);
  const { count, count_per_host: perHost = 1 } = placement;
  if (count === undefined) return rounds(hosts, perHost, running);
  const colocated = serviceType(spec.service_type)?.colocated === true;
  const each = colocated ? Math.min(MOST_PER_HOST, Math.ceil(count / Math.max(1, hosts.length))) : 1;
  return rounds(hosts, each, running).slice(0, count);
}

function rounds(hosts: readonly string[], count: number, running: ReadonlyMap<string, number>): string[] {
  return Array.from({ length: count }, (_, round) => {
    const has = (host: string): boolean => (running.get(host) ?? 0) > round;
    return [...hosts.filter(has), ...hosts.filter((host) => !has(host))];
  }).flat();
}
