/** What is missing and what is too much, service by service, and the steps that put it right. */
import { type AnySpec, type DaemonDescription, serviceType } from "../../index.ts";
import { type Cluster, event, type Service } from "./cluster.ts";
import { newDaemon, setStatus } from "./daemon.ts";
import { missingOsds } from "./osds.ts";
import type { Step } from "./pace.ts";
import { wantedHosts } from "./placement.ts";

export interface Changes {
  /** The hosts that get a daemon, one entry a daemon. */
  readonly add: readonly { readonly daemonType: string; readonly hostname: string }[];
  readonly remove: readonly DaemonDescription[];
}

/** What a service's daemons lack, or have too many of, by its spec. */
export function changes(spec: AnySpec, present: readonly DaemonDescription[], cluster: Cluster): Changes {
  if (spec.unmanaged === true) return { add: [], remove: [] };
  const byType = (serviceType(spec.service_type)?.daemons ?? []).map((daemonType) => {
    const own = present.filter((daemon) => daemon.daemon_type === daemonType);
    const surplus = new Map<string, DaemonDescription[]>();
    for (const daemon of own) surplus.set(hostOf(daemon), [...(surplus.get(hostOf(daemon)) ?? []), daemon]);
    const running = new Map([...surplus].map(([host, daemons]) => [host, daemons.length]));
    const add = wantedHosts(spec, cluster, running).filter((hostname) => surplus.get(hostname)?.shift() === undefined);
    return { add: add.map((hostname) => ({ daemonType, hostname })), remove: [...surplus.values()].flat() };
  });
  const reachable = (hostname: string): boolean => (cluster.hosts.get(hostname)?.status ?? "") === "";
  return {
    add: byType.flatMap(({ add }) => add).filter(({ hostname }) => reachable(hostname)),
    remove: byType.flatMap(({ remove }) => remove).filter((daemon) => reachable(hostOf(daemon))),
  };
}

/** The steps from a service's daemons as they are to its daemons as they should be. */
export function serviceSteps(cluster: Cluster, service: Service): Step[] {
  if (service.deleted) return removalSteps(cluster, service);
  if (service.spec.service_type === "osd") return missingOsds(cluster, service.spec);
  const { add, remove } = changes(service.spec, cluster.daemonsOf(service.name), cluster);
  return [
    ...remove.map((daemon) => removeStep(cluster, daemon)),
    ...add.map(({ daemonType, hostname }) => ({
      text: `deploying ${daemonType} for ${service.name} on ${hostname}`,
      run(): void {
        const daemon = newDaemon(cluster, service.spec, daemonType, hostname);
        setStatus(daemon, "running");
        cluster.daemons.set(`${daemon.daemon_type}.${daemon.daemon_id}`, daemon);
      },
    })),
  ];
}

/** The steps for all services, after hosts, labels or a service's management changed. */
export function allSteps(cluster: Cluster): Step[] {
  return [...cluster.services.values()].flatMap((service) => serviceSteps(cluster, service));
}

function removalSteps(cluster: Cluster, service: Service): Step[] {
  // OSDs stay when their spec goes: only `ceph orch osd rm` takes data away.
  const daemons = service.spec.service_type === "osd" ? [] : cluster.daemonsOf(service.name);
  const purge = { text: `purging service ${service.name}`, run: () => void cluster.services.delete(service.name) };
  return [...daemons.map((daemon) => removeStep(cluster, daemon)), purge];
}

function removeStep(cluster: Cluster, daemon: DaemonDescription): Step {
  const name = `${daemon.daemon_type}.${daemon.daemon_id}`;
  return { text: `removing ${name} from ${hostOf(daemon)}`, run: () => void cluster.daemons.delete(name) };
}

function hostOf(daemon: DaemonDescription): string {
  return daemon.hostname ?? "";
}

export function noteOf(service: string, message: string): string {
  return event(`service:${service}`, message);
}
