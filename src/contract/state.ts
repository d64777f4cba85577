/** What the reads tell of a world, in forms that can be compared. */
import type {
  BackendMethodName,
  DaemonDescription,
  HostSpec,
  InventoryHost,
  Json,
  OsdRemovalStatus,
  ServiceDescription,
  TunedProfileSpec,
} from "../index.ts";
import type { Bench } from "./bench.ts";

/** Times and measurements: they differ from one look to the next. */
const VOLATILE = [
  "created",
  "started",
  "last_refresh",
  "last_deployed",
  "last_configured",
  "drain_started_at",
  "drain_stopped_at",
  "drain_done_at",
  "process_started_at",
  "events",
  "memory_usage",
  "cpu_percentage",
  "container_id",
  "memory_free_kb",
];

/** The reads that tell of the whole world. */
const WHOLE: readonly BackendMethodName[] = [
  "getHosts",
  "getInventory",
  "describeService",
  "listDaemons",
  "removeOsdsStatus",
  "tunedProfileLs",
  "upgradeStatus",
  "getFacts",
];

/** A JSON value without what changes by itself, lists in a fixed order. */
export function steady(bench: Bench, value: unknown): Json {
  const volatile = new Set([...VOLATILE, ...(bench.facts.volatile ?? [])]);
  const walk = (part: unknown): Json => {
    if (Array.isArray(part)) return part.map(walk).toSorted((one, other) => compare(text(one), text(other)));
    if (typeof part !== "object" || part === null) return (part ?? null) as Json;
    const fields = Object.entries(part).filter(([key, field]) => !volatile.has(key) && field !== undefined);
    return Object.fromEntries(
      fields.toSorted(([one], [other]) => compare(one, other)).map(([key, field]) => [key, walk(field)]),
    );
  };
  return walk(value);
}

/** Everything that can be read, but for what changes by itself: equal before and after what changes nothing. */
export async function stateOf(bench: Bench): Promise<{ [method: string]: Json }> {
  const reads = WHOLE.filter((method) => bench.has(method));
  const answers = await Promise.all(reads.map((method) => bench.read(method)));
  return Object.fromEntries(reads.map((method, index) => [method, steady(bench, answers[index])]));
}

/**
 * The same, without the names that an orchestrator may choose freely: equal in two worlds in which the same writes were made.
 */
export async function outlineOf(bench: Bench): Promise<{ [what: string]: string[] }> {
  const list = async <T>(method: BackendMethodName): Promise<T[]> => (bench.has(method) ? bench.read<T[]>(method) : []);
  const [hosts, inventory, services, daemons, removals, profiles] = await Promise.all([
    list<HostSpec>("getHosts"),
    list<InventoryHost>("getInventory"),
    list<ServiceDescription>("describeService"),
    list<DaemonDescription>("listDaemons"),
    list<OsdRemovalStatus>("removeOsdsStatus"),
    list<TunedProfileSpec>("tunedProfileLs"),
  ]);
  const devices = inventory.flatMap(({ name, devices: own }) =>
    own.map(({ path, available }) => ({ host: name, path, available })),
  );
  const outline = {
    hosts: hosts.map(({ hostname, addr, labels, status }) => ({ hostname, addr, labels, status })),
    devices,
    services: services.map(({ status, events: _events, ...spec }) => ({
      ...spec,
      size: status.size,
      running: status.running,
    })),
    daemons: daemons.map(({ daemon_type, hostname, service_name, status, version, is_active }) => ({
      daemon_type,
      hostname,
      service_name,
      status,
      version,
      is_active,
    })),
    removals: removals.map(({ osd_id, replace, zap }) => ({ osd_id, replace, zap })),
    profiles,
  };
  return Object.fromEntries(
    Object.entries(outline).map(([what, rows]) => [what, rows.map((row) => text(steady(bench, row))).toSorted()]),
  );
}

function text(value: Json): string {
  return JSON.stringify(value);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
