/** Writes about services and daemons. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { type DaemonDescription, serviceName } from "../../index.ts";
import type { Bench } from "../bench.ts";
import { appliedService, daemonName, daemonsOf, described, newService } from "../sample.ts";
import { steady } from "../state.ts";
import type { Prepared, Write } from "./write.ts";

const RUNNING = 1;

function isRunning({ status }: DaemonDescription): boolean {
  return status === RUNNING;
}

async function allRunning(bench: Bench, name: string): Promise<boolean> {
  const daemons = await daemonsOf(bench, name);
  return daemons.length > 0 && daemons.every(isRunning);
}

async function checkService(bench: Bench, name: string, placement: unknown): Promise<void> {
  const service = await described(bench, name);
  ok(service, `describeService does not list ${name}`);
  if (placement !== undefined) deepEqual(steady(bench, service.placement), steady(bench, placement));
  const daemons = await daemonsOf(bench, name);
  ok(daemons.length > 0, `${name} has no daemons`);
  deepEqual(daemons.filter((daemon) => !isRunning(daemon)).map(daemonName), [], `daemons of ${name} do not run`);
  equal(
    service.status.running,
    daemons.length,
    `describeService counts other running daemons of ${name} than listDaemons`,
  );
}

/** An action on the daemons of a service, after which they have to run or not. */
async function onDaemons(
  bench: Bench,
  before: string | undefined,
  action: string,
  runs: boolean,
  of: "service" | "daemon",
): Promise<Prepared> {
  const { name, daemons } = await appliedService(bench);
  const [first] = daemons.map(daemonName);
  const target = of === "service" ? { service_name: name } : { daemon_name: first };
  const method = of === "service" ? "serviceAction" : "daemonAction";
  if (before !== undefined) await bench.write(method, { action: before, ...target });
  const concerned = async (): Promise<DaemonDescription[]> =>
    (await daemonsOf(bench, name)).filter((daemon) => of === "service" || daemonName(daemon) === first);
  const fits = async (): Promise<boolean> => {
    const found = await concerned();
    return found.length > 0 && found.every((daemon) => isRunning(daemon) === runs);
  };
  return {
    params: { action, ...target },
    names: of === "service" ? daemons.map(daemonName) : [first ?? ""],
    seen: async () => ok(await fits(), `after ${action}, the daemons of ${name} have to ${runs ? "run" : "stand"}`),
    // A restarted daemon looks as it did before.
    ...(before === undefined && runs ? {} : { done: fits }),
  };
}

function actions(): Write[] {
  const table = [
    ["restart", undefined, true],
    ["stop", undefined, false],
    ["start", "stop", true],
  ] as const;
  return table.flatMap(([action, before, runs]): Write[] => [
    {
      method: "serviceAction",
      of: action,
      source: "Orchestrator.service_action: does it to every daemon of the service; a line for each",
      needs: ["applyService", "listDaemons"],
      prepare: (bench) => onDaemons(bench, before, action, runs, "service"),
    },
    {
      method: "daemonAction",
      of: action,
      source: "Orchestrator.daemon_action: does it to that daemon",
      needs: ["applyService", "listDaemons"],
      prepare: (bench) => onDaemons(bench, before, action, runs, "daemon"),
    },
  ]);
}

export const SERVICE_WRITES: readonly Write[] = [
  {
    method: "applyService",
    source: "Orchestrator.apply: applies a spec; `ceph orch ls` lists the service, `ceph orch ps` its daemons, running",
    needs: ["describeService", "listDaemons"],
    bare: true,
    async prepare(bench) {
      const spec = await newService(bench);
      const name = serviceName(spec);
      return {
        params: { spec },
        names: [name],
        seen: () => checkService(bench, name, spec.placement),
        done: () => allRunning(bench, name),
      };
    },
  },
  {
    method: "applyService",
    of: "a service that is there",
    source: "Orchestrator.apply: a spec replaces the one of the same name, its daemons follow",
    needs: ["describeService", "listDaemons"],
    async prepare(bench) {
      const { spec, name } = await appliedService(bench);
      const changed = { ...spec, unmanaged: true };
      const seen = async (): Promise<void> => equal((await described(bench, name))?.unmanaged, true);
      return { params: { spec: changed }, names: [name], seen };
    },
  },
  {
    method: "removeService",
    source: "Orchestrator.remove_service: the service and its daemons go",
    needs: ["applyService", "describeService", "listDaemons"],
    async prepare(bench) {
      const { name } = await appliedService(bench);
      const gone = async (): Promise<boolean> =>
        (await described(bench, name)) === undefined && (await daemonsOf(bench, name)).length === 0;
      const seen = async (): Promise<void> => ok(await gone(), `${name} or its daemons are still there`);
      return { params: { service_name: name }, names: [name], seen, done: gone };
    },
  },
  {
    method: "setUnmanaged",
    of: "true",
    source: "Orchestrator.set_unmanaged: the service's daemons are left alone",
    needs: ["applyService", "describeService", "listDaemons"],
    async prepare(bench) {
      const { name } = await appliedService(bench);
      const seen = async (): Promise<void> => equal((await described(bench, name))?.unmanaged, true);
      return { params: { service_name: name, value: true }, names: [name], seen };
    },
  },
  {
    method: "setUnmanaged",
    of: "false",
    source: "Orchestrator.set_unmanaged: the service is managed again",
    needs: ["applyService", "describeService", "listDaemons"],
    async prepare(bench) {
      const { name } = await appliedService(bench);
      await bench.write("setUnmanaged", { service_name: name, value: true });
      const seen = async (): Promise<void> => equal((await described(bench, name))?.unmanaged ?? false, false);
      return { params: { service_name: name, value: false }, names: [name], seen };
    },
  },
  {
    method: "addDaemon",
    source: "Orchestrator.add_daemon: deploys the spec's daemons, a line for each; `ceph orch ps` lists them",
    needs: ["listDaemons"],
    bare: true,
    async prepare(bench) {
      const spec = await newService(bench);
      const name = serviceName(spec);
      const seen = async (): Promise<void> => ok(await allRunning(bench, name), `no running daemon of ${name}`);
      return { params: { spec }, names: [], seen, done: () => allRunning(bench, name) };
    },
  },
  {
    method: "removeDaemons",
    source:
      "Orchestrator.remove_daemons: these daemons go, a line for each; those of an unmanaged service do not come back",
    needs: ["applyService", "listDaemons"],
    async prepare(bench) {
      const { spec, name, daemons } = await appliedService(bench);
      await bench.write("applyService", { spec: { ...spec, unmanaged: true } });
      const [first] = daemons.map(daemonName);
      const others = async (): Promise<string[]> => (await daemonsOf(bench, name)).map(daemonName);
      const seen = async (): Promise<void> =>
        deepEqual((await others()).toSorted(), daemons.map(daemonName).slice(1).toSorted());
      return { params: { names: [first] }, names: [first ?? ""], seen };
    },
  },
  ...actions(),
];
