/** Faults of signals, batches, and of the backend as a whole. */
import { setTimeout as pause } from "node:timers/promises";
import { NotSupportedError, UnavailableError } from "../../../src/index.ts";
import { batching, FOREVER, type Mutant, replacing } from "./mutant.ts";

const SIGNALS: readonly Mutant[] = [
  {
    name: "a slow read does not hear its signal",
    change: replacing("getInventory", (get) => async (params, call) => {
      if (params.refresh) await pause(1_500);
      return get(params, call);
    }),
    caughtBy: ["getInventory ends when its caller goes away"],
  },
  {
    name: "a slow write does not hear its signal",
    change: replacing("updateHostAddr", (update) => async (params, call) => {
      await pause(1_500);
      return update(params, call);
    }),
    caughtBy: ["updateHostAddr ends when its caller goes away"],
  },
  {
    name: "a read never answers",
    change: replacing("describeService", () => () => FOREVER),
    caughtBy: ["describeService answers what its schema allows", "describeService ends when its caller goes away"],
  },
];

const BATCHES: readonly Mutant[] = [
  {
    name: "a batch runs its writes from the last to the first",
    change: batching(async (calls) => {
      for (const { call } of calls.toReversed()) await call.run();
    }),
    caughtBy: [
      "a host that is added and removed in one batch",
      "the last of two specs of one service",
      "specs applied in calls of any size",
    ],
  },
  {
    name: "a batch leaves its last call unsettled",
    change: batching(async (calls) => {
      for (const { call } of calls.length > 2 ? calls.slice(0, -1) : calls) await call.run();
    }),
    caughtBy: ["a hundred calls in one batch", "each call of a batch gets its own answer"],
  },
  {
    name: "a batch gives its calls each other's answers",
    change: (backend) => ({
      ...backend,
      async batch(calls) {
        const adds = calls.filter((entry) => entry.method === "addHost");
        for (const [index, { params, call }] of adds.entries()) {
          await backend.addHost?.(params, { ...call, persisted: () => "" as never });
          const other = adds[(index + 1) % adds.length];
          call.resolve(`Added host '${other?.params.host_spec.hostname}'`);
        }
        for (const entry of calls) if (entry.method !== "addHost") await entry.call.run();
      },
    }),
    caughtBy: ["each call of a batch gets its own answer"],
  },
  {
    name: "a batch makes only the first of writes to one host",
    change: batching(async (calls) => {
      const hosts = new Set<string>();
      for (const entry of calls) {
        const host =
          entry.method === "addHost"
            ? entry.params.host_spec.hostname
            : entry.method === "removeHost"
              ? entry.params.host
              : "";
        if (host !== "" && hosts.has(host) && entry.method === "removeHost")
          entry.call.resolve(`Removed host '${host}'`);
        else await entry.call.run();
        hosts.add(host);
      }
    }),
    caughtBy: ["a host that is added and removed in one batch"],
  },
  {
    name: "a batch goes on behind a refused spec",
    change: (backend) => ({
      ...backend,
      async batch(calls) {
        for (const entry of calls) {
          if (entry.method !== "addHost") {
            await entry.call.run();
            continue;
          }
          await backend.addHost?.(entry.params, { ...entry.call, persisted: () => "" as never });
          entry.call.resolve(`Added host '${entry.params.host_spec.hostname}'`);
        }
      },
    }),
    caughtBy: ["an apply stops at the first spec that is refused"],
  },
  {
    name: "a batch of many calls fails as a whole",
    change: batching(async (calls) => {
      if (calls.length > 50) throw new UnavailableError("too many calls at once");
      for (const { call } of calls) await call.run();
    }),
    caughtBy: ["a hundred calls in one batch", "a thousand hosts"],
  },
];

const LIFE: readonly Mutant[] = [
  {
    name: "a feature that is claimed says that it is not supported",
    change: replacing("upgradeStop", () => () => {
      throw new NotSupportedError("upgrades cannot be stopped yet");
    }),
    caughtBy: ["the features are the methods that are defined"],
  },
  {
    name: "close never ends",
    change: (backend) => ({ ...backend, close: () => FOREVER }),
    caughtBy: ["getHosts answers what its schema allows"],
  },
  {
    name: "close fails",
    change: (backend) => ({
      ...backend,
      close() {
        throw new Error("the connection was closed twice");
      },
    }),
    caughtBy: ["getHosts answers what its schema allows"],
  },
  {
    name: "available fails",
    change: (backend) => ({
      ...backend,
      available() {
        throw new TypeError("fetch failed");
      },
    }),
    caughtBy: ["the backend is available", "getHosts answers what its schema allows"],
  },
  {
    name: "available only once",
    change: (backend) => {
      let asked = 0;
      return { ...backend, available: () => ({ ok: asked++ === 0, reason: "the session is used up" }) };
    },
    caughtBy: ["the backend is available, and says so again"],
  },
  {
    name: "options that do not exist are ignored",
    define: (definition) => ({
      ...definition,
      parseOptions: (options) => {
        const { "contract-no-such": _unknown, ...known } = { ...(options as object) } as { [name: string]: unknown };
        return definition.parseOptions(known);
      },
    }),
    caughtBy: ["an option that does not exist"],
  },
];

export const MACHINERY_MUTANTS: readonly Mutant[] = [...SIGNALS, ...BATCHES, ...LIFE];
