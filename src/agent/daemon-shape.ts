/** A daemon as `daemon/list` shows it. */
import type { ForeignDaemon } from "./foreign.ts";
import { foreignVersion } from "./foreign.ts";
import { typeAndId } from "./launch-plan.ts";
import type { ManifestEntry } from "./manifest.ts";
import { figures, type ProcessIdentity } from "./process-table.ts";
import type { Daemon } from "./protocol.ts";
import type { Supervised } from "./supervised.ts";

/** One of the manifest's. */
export async function daemonShape(daemon: Supervised, entry: ManifestEntry): Promise<Daemon> {
  const version = await daemon.version();
  const { record } = daemon;
  const process = processShape(daemon.process);
  return {
    name: daemon.name,
    ...typeAndId(daemon.name),
    service: entry.service,
    labels: entry.labels,
    ports: entry.ports,
    desired: entry.desired,
    // It ended this moment, and its end is not heard of yet.
    state: isUp(daemon.phase) && process.pid === null ? "backoff" : daemon.phase,
    ...process,
    version,
    created: entry.created,
    deployed: entry.deployed,
    started: record.process?.started ?? null,
    crashes: record.crashes,
    last_exit: record.last_exit,
    events: record.events,
  };
}

/** One that runs, but is not in the manifest. */
export async function foreignShape({ name, identity }: ForeignDaemon): Promise<Daemon> {
  const known = figures(identity);
  return {
    name,
    ...typeAndId(name),
    service: typeAndId(name).type,
    labels: {},
    ports: [],
    desired: "running",
    state: "foreign",
    ...processShape(identity),
    version: await foreignVersion(identity.pid),
    created: null,
    deployed: null,
    started: known?.started.toISOString() ?? null,
    crashes: 0,
    last_exit: null,
    events: [],
  };
}

function isUp(phase: Daemon["state"]): boolean {
  return phase === "starting" || phase === "running";
}

function processShape(identity: ProcessIdentity | undefined): Pick<Daemon, "pid" | "memory_bytes" | "cpu_percent"> {
  const known = identity === undefined ? undefined : figures(identity);
  if (identity === undefined || known === undefined) return { pid: null, memory_bytes: null, cpu_percent: null };
  return { pid: identity.pid, memory_bytes: known.memoryBytes, cpu_percent: known.cpuPercent };
}
