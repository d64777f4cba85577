/** What ends and what does not when the manager, or the host agent, is killed at work. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { freePort } from "../../../testbed/birth.ts";
import { until } from "../../../testbed/cluster.ts";
import { signal } from "../../../testbed/namespace.ts";
import { type LocalCluster, localCluster, type Pids } from "./local-cluster.ts";

interface DaemonRow {
  readonly daemon_name: string;
  readonly status_desc: string;
}

/** The daemons that are the agent's, by name. */
function agents(at: LocalCluster): Pids {
  return Object.fromEntries(Object.entries(at.daemons()).filter(([name]) => !/^(mon|mgr)\./.test(name)));
}

/** The processes of a manager: itself, and all that descend from it. */
function family(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        return [[Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])] as const];
      } catch {
        return []; // it ended meanwhile
      }
    });
  const members = [pid];
  for (const member of members) members.push(...parents.filter(([, of]) => of === member).map(([child]) => child));
  return members;
}

/** Ends all of a manager's processes at once, as systemd does with what is in its unit's cgroup. */
async function killUnit(at: LocalCluster): Promise<void> {
  const mgr = at.cluster.mgrPid();
  if (mgr === undefined) throw new Error("no mgr runs");
  const members = family(mgr);
  expect(members.length).toBeGreaterThan(1);
  for (const member of members) signal(member, "SIGKILL");
  const gone = (): boolean => at.nodePids().length === 0 && at.cluster.mgrPid() === undefined;
  await until("the manager's processes to be gone", 60_000, () => gone() || undefined);
}

async function allRunning(at: LocalCluster, count: number): Promise<void> {
  await at.eventually(`${count} daemons to be listed as running`, async () => {
    const rows = await at.read<DaemonRow[]>("orch ps");
    const mine = rows.filter(({ daemon_name: name }) => !/^(mon|mgr)\./.test(name));
    return (mine.length === count && mine.every((row) => row.status_desc === "running")) || undefined;
  });
}

describe("daemons of the local backend", () => {
  const at = localCluster({ release: "tentacle", name: "outlives" });
  let before: Pids = {};

  it("are made by a manager that runs as ceph and sees no device", async () => {
    const mgr = at().cluster.mgrPid() ?? 0;
    expect(statSync(`/proc/${mgr}`).uid).not.toBe(0);
    expect(readdirSync(`/proc/${mgr}/root/dev`).filter((name) => /^(loop|sd|vd|nvme|mapper)/.test(name))).toEqual([]);
    expect(readFileSync(`/proc/${mgr}/status`, "utf8")).toMatch(/^NoNewPrivs:\t1$/m);
    for (const pid of at().nodePids()) expect(statSync(`/proc/${pid}`).uid).toBe(statSync(`/proc/${mgr}`).uid);
    await at().ok("orch apply osd --all-available-devices");
    await at().osdsUp(3);
    await at().ok("fs volume create home");
    await at().ok(`orch apply rgw photos --port=${await freePort()} --placement=1`);
    await allRunning(at(), 6); // three OSDs, two metadata servers, a gateway
    await at().eventually("the file system to be served", async () =>
      /active/.test(await at().ok("fs status home")) ? true : undefined,
    );
    await at().putFile("home", "/kept.txt", "kept");
    before = agents(at());
    expect(Object.keys(before)).toHaveLength(6);
  });

  it("run on when all processes of the manager are killed, and the next manager goes on with them", async () => {
    await killUnit(at());
    expect(agents(at())).toEqual(before);
    await at().cluster.startMgr();
    at().noteMgr();
    await at().waitUntilAvailable();
    expect(agents(at())).toEqual(before);
    await allRunning(at(), Object.keys(before).length);
    expect(await at().getFile("home", "/kept.txt")).toBe("kept");
  });

  it("run on when the agent is killed, which is said, and are its own again when it is back", async () => {
    await at().agent.kill();
    expect(agents(at())).toEqual(before);
    await at().waitForStatus(/^Available: No.*host agent/m);
    expect(await at().getFile("home", "/kept.txt")).toBe("kept");
    await at().agent.start();
    await at().waitUntilAvailable();
    await allRunning(at(), Object.keys(before).length);
    expect(agents(at())).toEqual(before);
  });

  it("that died while no agent ran are started by the next one, and no other", async () => {
    await at().agent.kill();
    const victim = before["osd.1"] ?? 0;
    signal(victim, "SIGKILL");
    await until("osd.1 to be gone", 10_000, () => !("osd.1" in agents(at())) || undefined);
    await at().agent.start();
    await at().osdsUp(3);
    const after = agents(at());
    expect(after["osd.1"]).not.toBe(victim);
    expect({ ...after, "osd.1": victim }).toEqual(before);
    before = after;
  });

  it("are started again when they die", async () => {
    const [name = "", pid = 0] = Object.entries(at().daemonsOf("mds"))[0] ?? [];
    signal(pid, "SIGKILL");
    await at().eventually(`${name} to run again`, () => {
      const next = at().daemons()[name];
      return (next !== undefined && next !== pid) || undefined;
    });
    await at().eventually(
      "the file to be there",
      async () => (await at().getFile("home", "/kept.txt")) === "kept" || undefined,
    );
    await at().healthy(["RECENT_CRASH"]);
    at().expectNoHarm();
  });
});
