/** The memory backend for the contract suite: its make-believe cluster alone, or one that outlives the instances of the backend. */
import memory from "../../src/backends/memory/index.ts";
import type { ContractOptions, World } from "../../src/contract/index.ts";
import type { Json, MaybePromise, Operation, WriteCall } from "../../src/index.ts";
import type { Backend, BackendDefinition } from "../../src/orchestrator/backend.ts";

/** Two hosts with devices and a few services. */
export function clusterOptions(more: { [name: string]: Json } = {}): { [name: string]: Json } {
  return {
    generate: { hosts: 2, devices_per_host: 3 },
    services: [{ service_type: "crash" }, { service_type: "mgr", placement: { count: 1 } }],
    ...more,
  };
}

export const SAMPLES: NonNullable<ContractOptions["samples"]> = {
  upgrade: { version: "21.0.1" },
  doomed: {
    options: clusterOptions({ faults: { removeService: "fail" } }),
    method: "removeService",
    params: { service_name: "crash" },
  },
};

/** A function that makes a world in which the cluster of the first instance serves all that follow. */
export function lastingMemory(change: (backend: Backend) => Backend = (backend) => backend): () => World {
  return () => {
    let cluster: Promise<Backend> | undefined;
    let made = "";
    const definition: BackendDefinition = {
      ...memory,
      create(context) {
        const options = JSON.stringify(context.options);
        if (cluster === undefined || made !== options) cluster = memory.create(context).then(change);
        made = options;
        return cluster;
      },
    };
    return { definition };
  };
}

type Method = (params: unknown, call: WriteCall) => unknown;

/** The backend as one with a controller behind it, which works on what was written as soon as it is there. */
export function withController(backend: Backend): Backend {
  const methods = Object.entries(backend).map(([name, method]: [string, unknown]) => {
    if (name === "available" || name === "close") return [name, method];
    return [name, controlled(method as Method)];
  });
  return Object.fromEntries(methods) as Backend;
}

function controlled(method: Method): Method {
  return (params, call) => {
    const persisted = (result: unknown, effective: (operation: Operation) => MaybePromise<void>): unknown => {
      const signal = new AbortController().signal;
      const work = Promise.resolve(effective({ id: call.id, signal, log: call.log, progress: () => undefined }));
      work.catch(() => undefined);
      return call.persisted(result, async (operation) => {
        const stopped = new Promise<never>((_, reject) => {
          operation.signal.addEventListener("abort", () => reject(operation.signal.reason as Error), { once: true });
        });
        await Promise.race([work, stopped]);
      });
    };
    return method(params, { ...call, ...("persisted" in call ? { persisted } : {}) } as WriteCall);
  };
}
