/** Upgrades: every Ceph daemon in turn gets a new image, mgrs and mons first. */
import { type Backend, type DaemonDescription, OrchestratorError, ValidationError } from "../../index.ts";
import { type Cluster, now } from "./cluster.ts";
import { cephImage, daemonName, imageNames, isCephDaemon, note } from "./daemon.ts";
import { Gate } from "./gate.ts";
import type { Pace, Step } from "./pace.ts";

/** What `ceph orch upgrade ls` finds, newest first. */
const VERSIONS = ["20.2.4", "20.2.0", "19.2.3", "18.2.7", "17.2.9", "16.2.15"];

/** Cephadm's order: the daemons that others depend on come first. */
const ORDER = [
  "mgr",
  "mon",
  "crash",
  "osd",
  "mds",
  "rgw",
  "rbd-mirror",
  "cephfs-mirror",
  "ceph-exporter",
  "iscsi",
  "nfs",
];

export interface Upgrade {
  readonly image: string;
  readonly version: string;
  readonly which: string;
  readonly concerns: (daemon: DaemonDescription) => boolean;
  /** How many daemons there are to upgrade, at most. */
  readonly total: number;
  done: number;
  readonly gate: Gate;
}

export interface Target {
  readonly image: string;
  readonly version: string;
}

/** The version that a release's daemons run at first. */
export function versionOf(release: string): string {
  const versions: Record<string, string> = {
    mimic: "13.2.10",
    nautilus: "14.2.21",
    octopus: "15.2.17",
    pacific: "16.2.15",
    quincy: "17.2.9",
    reef: "18.2.7",
    squid: "19.2.3",
  };
  return versions[release] ?? "20.2.4";
}

export function upgradeReads(cluster: Cluster) {
  return {
    upgradeCheck({ image, version }) {
      const target = targetOf(image, version);
      const daemons = [...cluster.daemons.values()];
      const ceph = daemons.filter(isCephDaemon);
      const old = ceph.filter((daemon) => !runs(daemon, target));
      const report = {
        needs_update: Object.fromEntries(
          old.map((daemon) => [
            daemonName(daemon),
            {
              current_name: daemon.container_image_name,
              current_id: daemon.container_image_id,
              current_version: daemon.version,
            },
          ]),
        ),
        up_to_date: ceph.filter((daemon) => !old.includes(daemon)).map(daemonName),
        non_ceph_image_daemons: daemons.filter((daemon) => !isCephDaemon(daemon)).map(daemonName),
        target_name: target.image,
        target_id: imageNames(target.image).container_image_id,
        target_version: `ceph version ${target.version}`,
      };
      return JSON.stringify(report, undefined, 4);
    },
    upgradeLs({ image, tags, show_all_versions: all }) {
      const [name = ""] = (image ?? cephImage("")).split(":");
      const [registry = "", ...rest] = name.split("/");
      const versions = all ? VERSIONS : VERSIONS.filter((version) => compare(version, cluster.version) >= 0);
      const found = tags ? { tags: VERSIONS.map((version) => `v${version}`) } : { versions };
      return { image: name, registry, bare_image: rest.join("/"), ...found };
    },
    upgradeAvailable: () => VERSIONS.filter((version) => compare(version, cluster.version) > 0),
    upgradeStatus() {
      const { upgrade } = cluster;
      if (upgrade === undefined) return { in_progress: false };
      const left = remaining(cluster, upgrade);
      const paused = upgrade.gate.closed;
      return {
        in_progress: true,
        target_image: upgrade.image,
        which: upgrade.which,
        services_complete: completeTypes(cluster, upgrade),
        progress: `${upgrade.done}/${upgrade.total} daemons upgraded`,
        message: paused
          ? "Upgrade paused"
          : left[0] === undefined
            ? ""
            : `Currently upgrading ${left[0].daemon_type} daemons`,
        is_paused: paused,
      };
    },
  } satisfies Backend;
}

export function upgradeWrites(cluster: Cluster, pace: Pace) {
  return {
    upgradeStart({ image, version, daemon_types: types, hosts, services, limit }, call) {
      const target = targetOf(image, version);
      const running = cluster.upgrade;
      if (running !== undefined && running.image !== target.image) {
        throw new OrchestratorError(`Upgrade to ${running.image} (not ${target.image}) already in progress`);
      }
      if (running?.gate.closed === true) {
        running.gate.open();
        return `Resumed upgrade to ${running.image}`;
      }
      // One that is in progress is worked on all the same: whoever began it may have ended meanwhile.
      const upgrade =
        running ?? newUpgrade(cluster, target, { types, hosts: hostsOf(cluster, hosts), services }, limit);
      cluster.upgrade = upgrade;
      const left = (): Step[] => (cluster.upgrade === upgrade ? steps(cluster, upgrade) : []);
      const text =
        running === undefined ? `Initiating upgrade to ${target.image}` : `Upgrade to ${target.image} in progress`;
      return pace.converge(call, text, left, upgrade.gate);
    },
    upgradePause() {
      const upgrade = current(cluster);
      upgrade.gate.close();
      return `Paused upgrade to ${upgrade.image}`;
    },
    upgradeResume() {
      const upgrade = current(cluster);
      upgrade.gate.open();
      return `Resumed upgrade to ${upgrade.image}`;
    },
    upgradeStop() {
      const { upgrade } = cluster;
      if (upgrade === undefined) return "No upgrade in progress";
      cluster.upgrade = undefined;
      upgrade.gate.open();
      return `Stopped upgrade to ${upgrade.image}`;
    },
  } satisfies Backend;
}

function current(cluster: Cluster): Upgrade {
  if (cluster.upgrade === undefined) throw new OrchestratorError("No upgrade in progress");
  return cluster.upgrade;
}

function targetOf(image: string | null, version: string | null): Target {
  if (version !== null) {
    if (!/^\d+\.\d+\.\d+$/.test(version))
      throw new ValidationError(`version ${JSON.stringify(version)} is not of the form X.Y.Z`);
    return { image: image === null ? cephImage(version) : image, version };
  }
  if (image === null || image === "") throw new ValidationError("an upgrade needs an image or a version");
  const [, tagged] = /:v(\d+\.\d+\.\d+)/.exec(image) ?? [];
  const [, major] = /:v(\d+)$/.exec(image) ?? [];
  const newest = VERSIONS.find((known) => known.startsWith(`${major}.`)) ?? VERSIONS[0];
  return { image, version: tagged ?? newest ?? "" };
}

/** `ceph orch upgrade start --hosts` takes host names, separated by commas or blanks. */
function hostsOf(cluster: Cluster, hosts: string | null): string[] | null {
  const names = hosts?.split(/[\s,;]+/).filter((name) => name !== "") ?? null;
  return names?.map((name) => cluster.host(name).hostname) ?? null;
}

interface Scope {
  readonly types: readonly string[] | null;
  readonly hosts: readonly string[] | null;
  readonly services: readonly string[] | null;
}

function newUpgrade(cluster: Cluster, target: Target, scope: Scope, limit: number | null): Upgrade {
  if (scope.types !== null && scope.services !== null)
    throw new ValidationError("daemon_types and services exclude each other");
  if (limit !== null && limit < 1) throw new ValidationError(`limit ${limit} is below 1`);
  const unknown = (scope.types ?? []).filter((name) => !ORDER.includes(name));
  if (unknown.length > 0)
    throw new ValidationError(`${unknown.join(", ")} cannot be upgraded; daemon types are ${ORDER.join(", ")}`);
  for (const service of scope.services ?? []) if (cluster.daemonsOf(service).length === 0) cluster.service(service);
  const concerns = (daemon: DaemonDescription): boolean =>
    isCephDaemon(daemon) &&
    (scope.types?.includes(daemon.daemon_type) ?? true) &&
    (scope.hosts?.includes(daemon.hostname ?? "") ?? true) &&
    (scope.services?.includes(daemon.service_name ?? "") ?? true);
  const candidates = [...cluster.daemons.values()].filter((daemon) => concerns(daemon) && !runs(daemon, target));
  return {
    ...target,
    which: whichOf(scope),
    concerns,
    total: Math.min(candidates.length, limit ?? Infinity),
    done: 0,
    gate: new Gate(),
  };
}

function whichOf({ types, hosts, services }: Scope): string {
  const ofServices = services === null ? "all daemon types" : `daemons in service(s) ${services.join(",")}`;
  const what = types === null ? ofServices : `daemons of type(s) ${types.join(",")}`;
  return `Upgrading ${what} on ${hosts === null ? "all hosts" : `host(s) ${hosts.join(",")}`}`;
}

function steps(cluster: Cluster, upgrade: Upgrade): Step[] {
  const upgrades = remaining(cluster, upgrade).map((daemon) => ({
    text: `upgrading ${daemonName(daemon)} to ${upgrade.version}`,
    run() {
      Object.assign(daemon, imageNames(upgrade.image), { version: upgrade.version, last_deployed: now() });
      note(daemon, `Upgraded to ${upgrade.version}`);
      upgrade.done++;
    },
  }));
  return [...upgrades, { text: "finishing", run: () => finish(cluster, upgrade) }];
}

function finish(cluster: Cluster, upgrade: Upgrade): void {
  cluster.upgrade = undefined;
  const ceph = [...cluster.daemons.values()].filter(isCephDaemon);
  if (ceph.every((daemon) => runs(daemon, upgrade))) cluster.version = upgrade.version;
}

function remaining(cluster: Cluster, upgrade: Upgrade): DaemonDescription[] {
  return [...cluster.daemons.values()]
    .filter((daemon) => upgrade.concerns(daemon) && !runs(daemon, upgrade))
    .sort((one, other) => rank(one) - rank(other))
    .slice(0, Math.max(0, upgrade.total - upgrade.done));
}

function rank(daemon: DaemonDescription): number {
  const place = ORDER.indexOf(daemon.daemon_type);
  return place < 0 ? ORDER.length : place;
}

function completeTypes(cluster: Cluster, upgrade: Upgrade): string[] {
  const left = new Set(remaining(cluster, upgrade).map(({ daemon_type }) => daemon_type));
  const concerned = [...cluster.daemons.values()].filter(upgrade.concerns).map(({ daemon_type }) => daemon_type);
  return [...new Set(concerned)].filter((type) => !left.has(type));
}

function runs(daemon: DaemonDescription, target: Target): boolean {
  return daemon.version === target.version && daemon.container_image_name === target.image;
}

function compare(one: string, other: string): number {
  return one.localeCompare(other, "en", { numeric: true });
}
