/** Ceph daemons of this cluster that run on this host, but are not the agent's. */
import { basename } from "node:path";

import { versionOn } from "./admin-socket.ts";
import { fsidIn } from "./ceph-conf.ts";
import { allPids, commandLine, identify, type ProcessIdentity } from "./process-table.ts";
import type { DaemonName, DaemonType } from "./protocol.ts";
import type { AgentSettings } from "./settings.ts";
import { adminSocketsOf } from "./sockets.ts";

export interface ForeignDaemon {
  readonly name: DaemonName;
  readonly identity: ProcessIdentity;
  readonly argv: readonly [string, ...string[]];
}

const TYPES: Readonly<Record<string, DaemonType>> = {
  "ceph-mon": "mon",
  "ceph-mgr": "mgr",
  "ceph-osd": "osd",
  "ceph-mds": "mds",
  radosgw: "rgw",
  "rbd-mirror": "rbd-mirror",
  "cephfs-mirror": "cephfs-mirror",
  "ceph-exporter": "ceph-exporter",
};

const ID = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const WITHIN_MS = 1000;

/** Those of the cluster that the host's ceph.conf names; none when it names none. */
export function findForeign(settings: AgentSettings, isOwn: (name: DaemonName) => boolean): ForeignDaemon[] {
  const fsid = fsidIn(settings.conf);
  if (fsid === null) return [];
  const found = new Map<DaemonName, ForeignDaemon>();
  for (const pid of allPids()) {
    const daemon = daemonOf(pid);
    if (daemon === undefined || isOwn(daemon.name) || found.has(daemon.name)) continue;
    if (fsidOf(pid, daemon.argv) === fsid) found.set(daemon.name, daemon);
  }
  return [...found.values()];
}

/** The process of a daemon of this cluster by this name, whoever started it. */
export function findStray(settings: AgentSettings, name: DaemonName): ForeignDaemon | undefined {
  return findForeign(settings, (other) => other !== name)[0];
}

/** The version of such a daemon, asked on the admin socket that it listens on. */
export async function foreignVersion(pid: number): Promise<string | null> {
  for (const path of adminSocketsOf(pid)) {
    const version = await versionOn(`/proc/${pid}/root${path}`, WITHIN_MS);
    if (version !== undefined) return version;
  }
  return null;
}

function daemonOf(pid: number): ForeignDaemon | undefined {
  const [program, ...args] = commandLine(pid);
  const type = program === undefined ? undefined : TYPES[basename(program)];
  if (program === undefined || type === undefined) return undefined;
  const id = idOf(type, args);
  const identity = identify(pid);
  if (id === undefined || identity === undefined) return undefined;
  return { name: `${type}.${id}`, identity, argv: [program, ...args] };
}

/** `-i a`, `--id=a`, `-n mon.a` or `--name client.rgw.a`. */
function idOf(type: DaemonType, args: readonly string[]): string | undefined {
  const given = optionOf(args, ["-i", "--id"]) ?? optionOf(args, ["-n", "--name"]);
  const id = given?.replace(/^client\./, "").replace(new RegExp(`^${type}\\.`), "");
  return id !== undefined && ID.test(id) ? id : undefined;
}

/** The value of an option, as the next word or behind an equals sign. */
export function optionOf(args: readonly string[], names: readonly string[]): string | undefined {
  for (const [index, word] of args.entries()) {
    // Ceph takes mon_data for mon-data.
    const [option = "", value] = word.includes("=")
      ? [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]
      : [word];
    if (!names.includes(option.replaceAll("_", "-"))) continue;
    return value ?? args[index + 1];
  }
  return undefined;
}

/** By the conf that it was started with, in its own root folder. */
function fsidOf(pid: number, argv: readonly string[]): string | null {
  const conf = optionOf(argv, ["-c", "--conf"]) ?? "/etc/ceph/ceph.conf";
  return optionOf(argv, ["--fsid"]) ?? fsidIn(`/proc/${pid}/root${conf.startsWith("/") ? conf : `/${conf}`}`);
}
