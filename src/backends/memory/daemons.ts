/** Daemons: listing, adding, removing them, and the actions on them and on whole services. */
import { type Backend, type DaemonDescription, NotFoundError, serviceName, ValidationError } from "../../index.ts";
import { type Cluster, now } from "./cluster.ts";
import { daemonName, imageNames, isStarting, newDaemon, note, setStatus } from "./daemon.ts";
import type { Pace, Step } from "./pace.ts";
import { changes } from "./schedule.ts";
import { checkSpec, expand, putService } from "./services.ts";

/** What each action does to a daemon. */
const ACTIONS: Record<string, (daemon: DaemonDescription, image: string | null) => void> = {
  start: (daemon) => setStatus(daemon, "running"),
  stop: (daemon) => setStatus(daemon, "stopped"),
  restart: (daemon) => setStatus(daemon, "running"),
  reconfig(daemon) {
    daemon.last_configured = now();
  },
  redeploy(daemon, image) {
    if (image !== null) Object.assign(daemon, imageNames(image));
    daemon.last_deployed = now();
    setStatus(daemon, "running");
  },
  "rotate-key"(daemon) {
    daemon.last_configured = now();
  },
};

/** Services whose daemons all stopped would be a cluster that cannot answer. */
const NEVER_STOPPED = ["mon", "mgr", "osd"];

export function daemonReads(cluster: Cluster) {
  return {
    listDaemons({ refresh }) {
      if (refresh) for (const daemon of cluster.daemons.values()) daemon.last_refresh = now();
      return [...cluster.daemons.values()].map((daemon) => ({ ...daemon }));
    },
  } satisfies Backend;
}

export function daemonWrites(cluster: Cluster, pace: Pace) {
  return {
    addDaemon({ spec }, call) {
      const daemons = expand(spec).flatMap((each) => {
        if (each.service_type === "osd")
          throw new ValidationError("OSDs are added with 'ceph orch daemon add osd HOST:DEVICE'");
        checkSpec(cluster, each);
        if (!cluster.services.has(serviceName(each))) putService(cluster, { ...each, unmanaged: true });
        return placedDaemons(cluster, { ...each, unmanaged: false });
      });
      const texts = daemons.map((daemon) => `Deployed ${daemonName(daemon)} on host '${daemon.hostname ?? ""}'`);
      return pace.converge(call, texts, () => startSteps(cluster, daemons.map(daemonName)));
    },
    removeDaemons({ names }, call) {
      const known = names.filter((name) => cluster.daemons.has(name));
      const [unknown] = names.filter((name) => !known.includes(name));
      if (unknown !== undefined && !call.resumed) cluster.daemon(unknown); // throws
      return known.map((name) => {
        const { hostname = "" } = cluster.daemon(name);
        cluster.daemons.delete(name);
        return `Removed ${name} from host '${hostname}'`;
      });
    },
    serviceAction({ action, service_name: name }, call) {
      checkAction(action, null);
      const daemons = cluster.daemonsOf(name);
      if (daemons.length === 0) cluster.service(name); // throws where there is no such service
      if (daemons.length === 0) throw new NotFoundError(`service ${name} has no daemons`);
      if (action === "stop" && NEVER_STOPPED.includes(name.split(".")[0] ?? "")) {
        throw new ValidationError(`stopping the whole service ${name} would stop the cluster; stop single daemons`);
      }
      const texts = daemons.map((daemon) => scheduled(action, daemon));
      return pace.each(
        call,
        texts,
        daemons.map((daemon) => actionStep(cluster, action, daemonName(daemon), null)),
      );
    },
    daemonAction({ action, daemon_name: name, image }, call) {
      checkAction(action, image);
      const daemon = cluster.daemon(name);
      return pace.each(call, scheduled(action, daemon), [actionStep(cluster, action, name, image)]);
    },
    updateService({ service_type: type, image }, call) {
      const daemons = [...cluster.daemons.values()].filter(({ daemon_type }) => daemon_type === type);
      if (daemons.length === 0) throw new NotFoundError(`there is no ${type} daemon; 'ceph orch ps' lists the daemons`);
      const steps = daemons.map((daemon) => actionStep(cluster, "redeploy", daemonName(daemon), image));
      return pace.each(call, `Scheduled update of ${daemons.length} ${type} daemon(s) to image ${image}`, steps);
    },
  } satisfies Backend;
}

function checkAction(action: string, image: string | null): void {
  if (ACTIONS[action] === undefined) {
    throw new ValidationError(`action ${JSON.stringify(action)} is not one of ${Object.keys(ACTIONS).join(", ")}`);
  }
  if (image !== null && action !== "redeploy")
    throw new ValidationError(`an image is only for redeploy, not for ${action}`);
}

function scheduled(action: string, daemon: DaemonDescription): string {
  return `Scheduled to ${action} ${daemonName(daemon)} on host '${daemon.hostname ?? ""}'`;
}

/** Does nothing to a daemon that is gone by then. */
function actionStep(cluster: Cluster, action: string, name: string, image: string | null): Step {
  return {
    text: `${action} ${name}`,
    run() {
      const daemon = cluster.daemons.get(name);
      if (daemon === undefined) return;
      ACTIONS[action]?.(daemon, image);
      note(daemon, `${action} done`);
    },
  };
}

/** The daemons of a service on the hosts of its placement; those that are missing are made, starting. */
function placedDaemons(cluster: Cluster, spec: Parameters<typeof changes>[0]): DaemonDescription[] {
  const present = cluster.daemonsOf(serviceName(spec));
  const { add, remove } = changes(spec, present, cluster);
  const made = add.map(({ daemonType, hostname }) => {
    const daemon = newDaemon(cluster, spec, daemonType, hostname);
    cluster.daemons.set(daemonName(daemon), daemon);
    return daemon;
  });
  return [...present.filter((daemon) => !remove.includes(daemon)), ...made];
}

/** The steps that bring starting daemons up. */
export function startSteps(cluster: Cluster, names: readonly string[]): Step[] {
  return names.flatMap((name) => {
    const daemon = cluster.daemons.get(name);
    if (daemon === undefined || !isStarting(daemon)) return [];
    return { text: `starting ${name}`, run: () => setStatus(daemon, "running") };
  });
}
