/** The reference backend: a whole make-believe cluster in the memory of the process, for tests and demonstrations. */
import { type Backend, defineBackend } from "../../index.ts";
import { daemonReads, daemonWrites } from "./daemons.ts";
import { withFaults } from "./faults.ts";
import { hostReads, hostWrites } from "./hosts.ts";
import { type MemoryOptions, memoryOptions } from "./options.ts";
import { osdReads, osdWrites } from "./osd-methods.ts";
import { Pace, wait } from "./pace.ts";
import { serviceReads, serviceWrites } from "./services.ts";
import { startCluster } from "./start.ts";
import { profileReads, profileWrites } from "./tuned-profiles.ts";
import { upgradeReads, upgradeWrites, versionOf } from "./upgrade.ts";

export default defineBackend({
  name: "memory",
  options: memoryOptions.superRefine(({ faults }, context) => {
    for (const method of Object.keys(faults)) {
      if (METHODS.includes(method)) continue;
      context.addIssue({
        code: "custom",
        path: ["faults", method],
        message: `the memory backend has no method ${method}`,
      });
    }
  }),
  create: ({ options, ceph }) => memoryBackend(options, ceph),
});

function memoryBackend(options: MemoryOptions, ceph: { release: string; fsid: string }): Backend {
  const cluster = startCluster(options, versionOf(ceph.release));
  const pace = new Pace(options.delays);
  const reads = {
    ...hostReads(cluster),
    ...serviceReads(cluster),
    ...daemonReads(cluster),
    ...osdReads(cluster),
    ...upgradeReads(cluster),
    ...profileReads(cluster),
  };
  const writes = {
    ...hostWrites(cluster, pace, ceph.fsid),
    ...serviceWrites(cluster, pace),
    ...daemonWrites(cluster, pace),
    ...osdWrites(cluster, pace),
    ...upgradeWrites(cluster, pace),
    ...profileWrites(cluster),
    ...control(pace),
  };
  const backend: Backend = {
    available: () => ({ ok: true, details: { paused: pace.background.closed } }),
    ...delayed(reads, options.delays.read_ms),
    ...delayed(writes, options.delays.persist_ms),
  };
  return withFaults(backend, options.faults);
}

/** `ceph orch pause`, `resume` and `cancel` act on the second stages. */
function control(pace: Pace) {
  return {
    pause: () => pace.background.close(),
    resume: () => pace.background.open(),
    cancelCompletions: () => pace.cancel(),
  } satisfies Backend;
}

/** The same methods, each after a wait that ends with its caller. */
function delayed<Methods extends Backend>(methods: Methods, ms: number): Methods {
  if (ms === 0) return methods;
  const slow = Object.entries(methods).map(([name, method]) => [
    name,
    async (params: unknown, call: { signal: AbortSignal }): Promise<unknown> => {
      await wait(ms, call.signal);
      return (method as (params: unknown, call: unknown) => unknown)(params, call);
    },
  ]);
  // Names and parameters stay paired as they were.
  return Object.fromEntries(slow) as Methods;
}

/** What a fault may be configured for. */
const METHODS: readonly string[] = Object.keys(memoryBackend(memoryOptions.parse({}), { release: "", fsid: "" }));
