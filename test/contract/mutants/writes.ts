/** Faults of writes: lost ones, stages, resumption, second runs. */
import { setTimeout as pause } from "node:timers/promises";
import { type Operation, type WriteCall } from "../../../src/index.ts";
import { everyMethod, FOREVER, type Mutant, otherStage, replacing } from "./mutant.ts";

const LOST: readonly Mutant[] = [
  {
    name: "a write is lost",
    change: replacing(
      "addHost",
      () =>
        ({ host_spec: { hostname, addr } }) =>
          `Added host '${hostname}' with addr '${addr}'`,
    ),
    caughtBy: ["addHost says what it did", "a thousand hosts"],
  },
  {
    name: "the labels of an added host are lost",
    change: replacing(
      "addHost",
      (add) => (params, call) => add({ host_spec: { ...params.host_spec, labels: [] } }, call),
    ),
    caughtBy: ["addHost says what it did"],
  },
  {
    name: "a label that is removed takes the others along",
    change: replacing("removeHostLabel", (remove, backend) => async (params, call) => {
      const host = (await backend.getHosts?.({}, call))?.find(({ hostname }) => hostname === params.host);
      for (const label of host?.labels ?? []) await remove({ ...params, label }, call);
      return remove(params, call);
    }),
    caughtBy: ["removeHostLabel says what it did"],
  },
  {
    name: "an address is written to another host",
    change: replacing("updateHostAddr", (update) => async ({ host, addr }, call) => {
      await update({ host: "h1", addr }, call);
      return `Updated host '${host}' addr to '${addr}'`;
    }),
    caughtBy: ["updateHostAddr says what it did"],
  },
  {
    name: "a setting replaces all others",
    change: replacing("tunedProfileAddSetting", (_add, backend) => async ({ profile_name, setting, value }, call) => {
      const specs = [{ profile_name, settings: { [setting]: value } }];
      await backend.applyTunedProfiles?.({ specs, no_overwrite: false }, call);
      return `Added setting ${setting} with value ${value} to tuned profile ${profile_name}`;
    }),
    caughtBy: ["tunedProfileAddSetting says what it did"],
  },
  {
    name: "set-managed does nothing",
    change: replacing(
      "setUnmanaged",
      (set) => (params, call) =>
        params.value ? set(params, call) : `Set unmanaged to False for service ${params.service_name}`,
    ),
    caughtBy: ["setUnmanaged (false) says what it did"],
  },
  {
    name: "zap is ignored when an OSD is removed",
    change: replacing("removeOsds", (remove) => (params, call) => remove({ ...params, zap: false }, call)),
    caughtBy: ["removeOsds (with zap) says what it did"],
  },
  {
    name: "an action on one daemon is done to the whole service",
    change: replacing("daemonAction", (act, backend) => async (params, call) => {
      const answer = await act(params, call);
      const service = params.daemon_name.split(".").slice(0, 2).join(".");
      await backend.serviceAction?.({ action: params.action, service_name: service }, call);
      return answer;
    }),
    caughtBy: ["daemonAction (stop)"],
  },
  {
    name: "an upgrade of one service upgrades all",
    change: replacing("upgradeStart", (start) => (params, call) => start({ ...params, services: null }, call)),
    caughtBy: ["upgradeStart (of one service) says what it did"],
  },
  {
    name: "an upgrade cannot be paused",
    change: replacing("upgradePause", () => () => "Paused upgrade"),
    caughtBy: ["an upgrade is told to be under way"],
  },
  {
    name: "resume does not end a pause",
    change: replacing("resume", () => () => undefined),
    caughtBy: ["work that is paused becomes effective after resume"],
  },
  {
    name: "the five hundred and first host is lost",
    change: replacing(
      "addHost",
      (add, backend) => async (params, call) =>
        ((await backend.getHosts?.({}, call)) ?? []).length > 500
          ? `Added host '${params.host_spec.hostname}'`
          : add(params, call),
    ),
    caughtBy: ["a thousand hosts"],
  },
];

const STAGES: readonly Mutant[] = [
  {
    name: "a write is effective before it is persistent",
    change: everyMethod((original) => async (params, call) => {
      const signal = new AbortController().signal;
      const early: Promise<unknown>[] = [];
      const persisted = (result: unknown, effective: (operation: Operation) => unknown): unknown => {
        early.push(Promise.resolve(effective({ id: "early", signal, log: call.log, progress: () => undefined })));
        return call.persisted(result, () => undefined);
      };
      const answer = await original(params, { ...call, ...("persisted" in call ? { persisted } : {}) } as WriteCall);
      await Promise.all(early);
      return answer;
    }),
    caughtBy: [
      "applyService is not effective before",
      "removeService goes no further",
      "createOsds is not effective before",
    ],
  },
  {
    name: "a write is told to be effective and nothing was done",
    change: otherStage(() => async () => undefined),
    caughtBy: ["applyService says what it did", "removeOsds says what it did"],
  },
  {
    name: "a write is told to be effective while it still goes on",
    options: { delays: { effective_ms: 60 } },
    change: otherStage(
      (effective) => async (operation) => void Promise.resolve(effective(operation)).catch(() => undefined),
    ),
    caughtBy: ["applyService says what it did"],
  },
  {
    name: "a second stage never ends",
    change: otherStage(() => () => FOREVER),
    caughtBy: ["applyService says what it did", "applyService stops when its operation is forgotten"],
  },
  {
    name: "a second stage does not hear its signal",
    change: otherStage((effective) => async (operation) => {
      await pause(1_500);
      await effective(operation);
    }),
    caughtBy: ["applyService stops when its operation is forgotten", "everything under way stops"],
  },
  {
    name: "an error of the second stage is swallowed",
    change: otherStage((effective) => async (operation) => {
      try {
        await effective(operation);
      } catch {
        operation.progress(1, "done");
      }
    }),
    caughtBy: ["a write that cannot become effective fails"],
  },
  {
    name: "a second stage fails with a bug",
    change: otherStage(() => () => Promise.reject(new TypeError("undefined is not a function"))),
    caughtBy: ["applyService says what it did", "a write that cannot become effective fails"],
  },
  {
    name: "progress is told in percent",
    change: otherStage((effective) => async (operation) => {
      await effective({ ...operation, progress: (fraction, text) => operation.progress(fraction * 100, text) });
    }),
    caughtBy: ["applyService says what it did"],
  },
  {
    name: "progress is no number",
    change: otherStage((effective) => async (operation) => {
      await effective({ ...operation, progress: (_fraction, text) => operation.progress(Number.NaN, text) });
    }),
    caughtBy: ["applyService says what it did"],
  },
  {
    name: "the second stage is made and not handed back",
    change: replacing("removeService", (remove) => (params, call) => {
      void remove(params, call);
      return `Removed service ${params.service_name}`;
    }),
    caughtBy: ["removeService says what it did"],
  },
];

const RESUMED: readonly Mutant[] = [
  {
    name: "a resumed write is answered and not done",
    change: everyMethod((original) => (params, call) => (call.resumed ? "Scheduled" : original(params, call))),
    caughtBy: [
      "applyService is resumed when the process is killed",
      "removeService is resumed when the process is killed",
    ],
  },
  {
    name: "a resumed write is made as if it were new",
    change: everyMethod(
      (original) => (params, call) => original(params, call.resumed ? { ...call, resumed: false } : call),
    ),
    caughtBy: ["removeService is resumed after it was effective", "removeOsds is resumed after it was effective"],
  },
  {
    name: "a resumed write has its effect once more",
    change: replacing("applyService", (apply, backend) => async (params, call) => {
      const answer = await apply(params, call);
      const { spec } = params;
      if (call.resumed)
        await backend.addDaemon?.(
          { spec: { ...spec, placement: { count: 3 } } },
          { ...call, persisted: call.persisted },
        );
      return answer;
    }),
    caughtBy: ["applyService is resumed"],
  },
  {
    name: "OSDs that a former run made are never started",
    change: replacing(
      "createOsds",
      (create) => (params, call) =>
        call.resumed ? call.persisted("Created no osd(s)", () => undefined) : create(params, call),
    ),
    caughtBy: ["createOsds is resumed when the process is killed"],
  },
  {
    name: "an upgrade under way is not taken up",
    change: replacing(
      "upgradeStart",
      (start) => (params, call) => (call.resumed ? "in progress" : start(params, call)),
    ),
    caughtBy: ["upgradeStart (of one service) is resumed when the process is killed"],
  },
  {
    name: "the state is lost at a restart",
    forgets: true,
    caughtBy: ["what is effective is still there under the next process", "drainHost is resumed"],
  },
];

const TWICE: readonly Mutant[] = [
  {
    name: "a second run appends",
    change: replacing("tunedProfileAddSetting", (add, backend) => async (params, call) => {
      const profile = (await backend.tunedProfileLs?.({}, call))?.find(
        ({ profile_name }) => profile_name === params.profile_name,
      );
      const former = profile?.settings?.[params.setting];
      const again = former === params.value || String(former).includes(",");
      return add(again ? { ...params, value: `${String(former)},${params.value}` } : params, call);
    }),
    caughtBy: ["tunedProfileAddSetting made twice"],
  },
  {
    name: "a second run is a bug",
    change: replacing("addHost", (add, backend) => async (params, call) => {
      const { hostname } = params.host_spec;
      const known = (await backend.getHosts?.({}, call))?.some((host) => host.hostname === hostname);
      if (known === true) throw new TypeError(`duplicate key ${hostname}`);
      return add(params, call);
    }),
    caughtBy: ["addHost made twice"],
  },
  {
    name: "a second run deploys more",
    change: replacing("addDaemon", (add, backend) => async (params, call) => {
      const service = params.spec.service_name ?? "";
      const there = (
        await backend.listDaemons?.(
          { service_name: service, daemon_type: null, daemon_id: null, host: null, refresh: false },
          call,
        )
      )?.some((daemon) => daemon.service_name === service);
      const spec = there === true ? { ...params.spec, placement: { count_per_host: 2 } } : params.spec;
      return add({ spec }, call);
    }),
    caughtBy: ["addDaemon made twice"],
  },
];

export const WRITE_MUTANTS: readonly Mutant[] = [...LOST, ...STAGES, ...RESUMED, ...TWICE];
