/** Sudden deaths: of Node during calls, and of the mgr. */
import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";

import { missing, RELEASE_NAMES, until } from "../../testbed/cluster.ts";
import { type ClusterWithModule, clusterWithModule } from "./cluster-with-module.ts";
import { type Recorder, setOption, useRecorder } from "./own-backend.ts";
import { Probe } from "./probe-module.ts";

const KILLS = 20;
const CALLS_AT_ONCE = 3;
/** So often in a row the module starts Node again by itself; then it takes its time, and an operator's restart is quicker. */
const UNAIDED = 3;

describe.each(RELEASE_NAMES)("kill -9 on %s", (release) => {
  const at = clusterWithModule({ release, name: "kill" });
  let probe: Probe;
  let backend: Recorder;

  beforeAll(async () => {
    if (missing(release) !== null) return;
    probe = await Probe.in(at());
    backend = await useRecorder(at());
  });

  /** Kills Node while `CALLS_AT_ONCE` calls wait for the backend; what their callers got, and how long after. */
  const killDuringCalls = async (): Promise<{ outcomes: string[]; afterMs: number }> => {
    backend.forget();
    backend.hold("reads");
    const calls = probe.burst("get_hosts", CALLS_AT_ONCE);
    await until(
      "the calls to reach the backend",
      10_000,
      () => backend.runs("getHosts") === CALLS_AT_ONCE || undefined,
      5,
    );
    const killed = performance.now();
    for (const pid of at().nodePids()) process.kill(pid, "SIGKILL");
    const outcomes = await calls;
    backend.release("reads");
    return { outcomes, afterMs: performance.now() - killed };
  };

  const expectClearErrors = ({ outcomes, afterMs }: { outcomes: string[]; afterMs: number }): void => {
    expect(outcomes).toHaveLength(CALLS_AT_ONCE);
    for (const outcome of outcomes)
      expect(outcome).toMatch(/^OrchestratorError: the Node process was killed by SIGKILL[^\n]*$/);
    expect(afterMs).toBeLessThan(1000);
  };

  it(`of Node during calls, ${KILLS} times: each call ends with one clear error within a second, later calls succeed`, async () => {
    const before = processesOf(at());
    for (let kill = 1; kill <= KILLS; kill += 1) {
      expectClearErrors(await killDuringCalls());
      if (kill > UNAIDED) await at().ok("orchbridge restart");
      await at().waitUntilAvailable();
      expect(await probe.burst("get_hosts", CALLS_AT_ONCE)).toEqual(Array(CALLS_AT_ONCE).fill("ok"));
    }
    await until("no process more than before", 60_000, () => same(processesOf(at()), before) || undefined);
    at().expectNoHarm();
  });

  it("of Node after mgr fail, which makes the mgr replace itself: the same, and nothing is left of the former Node", async () => {
    const before = processesOf(at());
    for (let round = 0; round < 2; round += 1) {
      await failMgr(at());
      await at().waitUntilAvailable();
      expectClearErrors(await killDuringCalls());
      await at().waitUntilAvailable();
      expect(await probe.burst("get_hosts", 1)).toEqual(["ok"]);
    }
    await until("no process more than before", 60_000, () => same(processesOf(at()), before) || undefined);
    at().expectNoHarm();
  });

  it("of the mgr: Node is gone within two seconds, and the next mgr starts its own", async () => {
    await killMgrAndExpectNodeGone(at());
    await at().cluster.startMgr();
    at().noteMgr();
    await at().waitUntilAvailable();
  });

  it("of the mgr while Node is in a busy loop: Node is gone within two seconds too", async () => {
    await setOption(at(), "backend_options", JSON.stringify({ faults: { getHosts: "block" } }));
    await setOption(at(), "backend", "memory");
    await at().readUntil("memory to be in use", "orchbridge status", {}, (status) => nameOf(status) === "memory");
    const list = release === "nautilus" ? "orchestrator host ls" : "orch host ls";
    const call = at().cluster.rados().mgr({ prefix: list });
    call.catch(() => undefined); // its mgr dies; the client sends it to the next one
    await until("Node to be busy", 10_000, () => at().nodePids().some(isBusy) || undefined);
    await killMgrAndExpectNodeGone(at());
    at().cluster.close();
  });
});

async function killMgrAndExpectNodeGone(at: ClusterWithModule): Promise<void> {
  expect(at.nodePids()).toHaveLength(1);
  await at.cluster.killMgr("SIGKILL");
  await until("Node to be gone", 2_000, () => at.nodePids().length === 0 || undefined);
  await until(
    "the launcher to be gone",
    2_000,
    () => at.cluster.processes().every(({ command }) => !command.includes("launcher")) || undefined,
  );
}

/** A beacon on its way can make the monitors take the same mgr again, which then notices nothing: it is failed once more. */
async function failMgr(at: ClusterWithModule): Promise<void> {
  const { active_gid: former } = await at.cluster.mgrMap();
  const look = async (): Promise<true | undefined> => {
    const map = await at.cluster.mgrMap();
    if (map.available && map.active_gid !== former) return true;
    if (map.available) await at.ok("mgr fail x");
    return undefined;
  };
  await until("the mgr to be back", 120_000, look, 500);
}

interface Processes {
  /** Children of the mgr, also those that have ended and wait to be reaped. */
  readonly children: number;
  readonly zombies: number;
  /** Everything alive in the cluster. */
  readonly alive: number;
}

function processesOf(at: ClusterWithModule): Processes {
  const mgr = at.cluster.mgrPid();
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => statOf(pid))
    .filter((stat) => stat?.[1] === String(mgr));
  return {
    children: children.length,
    zombies: children.filter((stat) => stat?.[0] === "Z").length,
    alive: at.cluster.processes().length,
  };
}

function same(now: Processes, before: Processes): boolean {
  return now.children === before.children && now.zombies === before.zombies && now.alive === before.alive;
}

/** State, parent and so on of a process: what follows its name in /proc/PID/stat. */
function statOf(pid: string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Whether it has used up a good second of the processor: more than its start takes. */
function isBusy(pid: number): boolean {
  const stat = statOf(String(pid));
  return Number(stat?.[11]) > 100;
}

function nameOf(status: unknown): string | null {
  const { backend, bridge } = status as { backend: { available: boolean }; bridge: { backend: string | null } | null };
  return backend.available ? (bridge?.backend ?? null) : null;
}
