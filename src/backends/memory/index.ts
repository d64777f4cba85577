/** The reference backend: a whole make-believe cluster in the memory of the process, for tests and demonstrations. */
import { type Availability, type Backend, type BackendContext, defineBackend } from "../../index.ts";
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
    const known = Object.keys(faults).length === 0 ? [] : methodNames();
    for (const method of Object.keys(faults)) {
      if (known.includes(method)) continue;
      context.addIssue({
        code: "custom",
        path: ["faults", method],
        message: `the memory backend has no method ${method}`,
      });
    }
  }),
  create: memoryBackend,
});

interface Given {
  options: MemoryOptions;
  ceph: { release: string; fsid: string };
  setAvailable: BackendContext<MemoryOptions>["setAvailable"];
}

function memoryBackend({ options, ceph, setAvailable }: Given): Backend {
  const cluster = startCluster(options, versionOf(ceph.release));
  const pace = new Pace(options.delays);
  const available = (): Availability => ({ ok: true, details: { paused: pace.background.closed } });
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
    ...control(pace, () => setAvailable(available())),
  };
  const backend: Backend = {
    available,
    ...delayed(reads, options.delays.read_ms),
    ...delayed(writes, options.delays.persist_ms),
  };
  return withFaults(backend, options.faults);
}

/** `ceph orch pause`, `resume` and `cancel` act on the second stages; `ceph orch status` tells of it at once. */
function control(pace: Pace, changed: () => void) {
  return {
    pause() {
      pace.background.close();
      changed();
    },
    resume() {
      pace.background.open();
      changed();
    },
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
function methodNames(): string[] {
  return Object.keys(
    memoryBackend({ options: memoryOptions.parse({}), ceph: { release: "", fsid: "" }, setAvailable() {} }),
  );
}
