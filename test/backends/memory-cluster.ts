/** The memory backend behind a real Orchestrator, whose manager is a stand-in. */
import memory from "../../src/backends/memory/index.ts";
import type { BackendContext } from "../../src/orchestrator/backend.ts";
import type { DaemonDescription, ServiceDescription } from "../../src/orchestrator/generated/types.ts";
import type { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import { type Heard, invoke, orchestratorFor, until } from "../orchestrator/harness.ts";

export interface MemoryCluster {
  readonly orchestrator: Orchestrator;
  readonly heard: Heard;
  /** The answer to a read. */
  readonly read: <T = unknown>(method: string, params?: object) => Promise<T>;
  /** The result of a write, once it is effective. */
  readonly write: <T = string>(method: string, params?: object) => Promise<T>;
  /** The answer to a write, as soon as it is persistent. */
  readonly start: (
    method: string,
    params?: object,
  ) => Promise<{ value: unknown; operations: { call: string; title: string }[] }>;
  /** Applies specs. */
  readonly apply: (...specs: object[]) => Promise<string[]>;
  readonly daemons: (filter?: object) => Promise<DaemonDescription[]>;
  /** Names and hosts of daemons, sorted. */
  readonly names: (filter?: object) => Promise<string[]>;
  readonly service: (name: string) => Promise<ServiceDescription | undefined>;
  /** All that can be read, without times: equal before and after a write that changed nothing. */
  readonly state: () => Promise<unknown>;
}

/** A cluster with these options; every answer is checked strictly. */
export async function memoryCluster(
  options: object = {},
  dialect: "modern" | "classic" = "modern",
): Promise<MemoryCluster> {
  const parsed = await memory.parseOptions(options);
  const ceph = { release: "tentacle", fsid: "f51d", mgr: { name: "x", gid: null } };
  // The memory backend uses nothing else of what it is handed.
  const context = { options: parsed, ceph } as BackendContext<unknown>;
  const { orchestrator, heard } = await orchestratorFor(
    ({ setAvailable }) => memory.create({ ...context, setAvailable }),
    { dialect, strict: true },
  );
  const call = (method: string, params: object = {}): Promise<unknown> =>
    invoke(orchestrator, `orchestrator/${method}`, params);

  const cluster: MemoryCluster = {
    orchestrator,
    heard,
    read: async <T>(method: string, params?: object) => (await call(method, params)) as T,
    start: async (method, params) => (await call(method, params)) as Awaited<ReturnType<MemoryCluster["start"]>>,
    async write<T>(method: string, params?: object) {
      const { value, operations } = await cluster.start(method, params);
      await until(
        () => operations.every((operation) => heard.effective.includes(operation.call)),
        `${method} became effective`,
      );
      return value as T;
    },
    apply: (...specs) => cluster.write<string[]>("apply", { specs }),
    daemons: (filter) => cluster.read<DaemonDescription[]>("list_daemons", filter),
    async names(filter) {
      const daemons = await cluster.daemons(filter);
      return daemons.map((daemon) => `${daemon.daemon_name} ${daemon.hostname}`).sort();
    },
    async service(name) {
      const found = await cluster.read<ServiceDescription[]>("describe_service", { service_name: name });
      return found[0];
    },
    async state() {
      const reads = [
        "get_hosts",
        "get_inventory",
        "list_daemons",
        "describe_service",
        "remove_osds_status",
        "tuned_profile_ls",
      ];
      const answers = await Promise.all([...reads, "upgrade_status"].map((method) => cluster.read(method)));
      return JSON.parse(JSON.stringify(answers, withoutTimes)) as unknown;
    },
  };
  return cluster;
}

/** When something happened differs from run to run. */
function withoutTimes(key: string, value: unknown): unknown {
  const times = [
    "created",
    "started",
    "last_refresh",
    "last_deployed",
    "last_configured",
    "process_started_at",
    "events",
  ];
  return times.includes(key) ? undefined : value;
}

/** A cluster of hosts h1, h2, … with devices. */
export function hosts(count: number, devices = 0, more: object = {}): object {
  return { generate: { hosts: count, devices_per_host: devices }, ...more };
}

export function spec(
  type: string,
  id: string | undefined,
  placement: object = {},
  fields: object = {},
  more: object = {},
): object {
  return {
    service_type: type,
    ...(id === undefined ? {} : { service_id: id }),
    placement,
    ...(Object.keys(fields).length === 0 ? {} : { spec: fields }),
    ...more,
  };
}
