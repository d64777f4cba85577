import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RunRecord } from "../../src/agent/run-record.ts";
import { isAlive, OneAgent, until } from "./one-agent.ts";

// Each starts several Node processes, which takes long on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

let agent: OneAgent;

beforeEach(async () => {
  agent = new OneAgent();
  await agent.start();
});
afterEach(() => agent.down());

function runRecord(name: string): RunRecord {
  return JSON.parse(readFileSync(join(agent.settings.stateDir, "run", `${name}.json`), "utf8")) as RunRecord;
}

describe("supervision, of stand-in daemons", () => {
  it("leaves daemons running when the agent is killed, and finds them again", async () => {
    await agent.deploy("mds.a");
    await agent.deploy("crash.h1");
    const mds = await agent.inState("mds.a", "running");
    const crash = await agent.inState("crash.h1", "running");
    expect(mds).toMatchObject({ version: "18.2.7", crashes: 0 });
    await agent.end("SIGKILL");
    expect([isAlive(mds.pid), isAlive(crash.pid)]).toEqual([true, true]);
    await agent.start();
    expect(await agent.daemon("mds.a")).toMatchObject({ pid: mds.pid, state: "running", started: mds.started });
    expect(await agent.daemon("crash.h1")).toMatchObject({ pid: crash.pid });
  });

  it("leaves daemons running at SIGTERM", async () => {
    const { pid } = await agent.deploy("mds.a");
    await agent.end("SIGTERM");
    expect(isAlive(pid)).toBe(true);
  });

  it("finds a process again that was started and not noted before the agent was killed", async () => {
    const { pid } = await agent.deploy("mds.a");
    await agent.end("SIGKILL");
    writeFileSync(join(agent.settings.stateDir, "run/mds.a.json"), "half a rec");
    await agent.start();
    expect(await agent.daemon("mds.a")).toMatchObject({ pid });
  });

  it("does not take a stranger for its daemon that has the same pid", async () => {
    const { pid } = await agent.deploy("mds.a");
    await agent.end("SIGKILL");
    process.kill(pid ?? 0, "SIGKILL");
    const record = runRecord("mds.a");
    // The test's own process, under the daemon's former start time.
    const process_ = { ...record.process, pid: process.pid };
    writeFileSync(join(agent.settings.stateDir, "run/mds.a.json"), JSON.stringify({ ...record, process: process_ }));
    await agent.start();
    const fresh = await agent.inState("mds.a", "running");
    expect(fresh.pid).not.toBe(process.pid);
    expect(isAlive(fresh.pid)).toBe(true);
  });

  it("does not take a process of before the boot for its daemon", async () => {
    const { pid } = await agent.deploy("crash.h1");
    await agent.end("SIGKILL");
    process.kill(pid ?? 0, "SIGKILL");
    const record = runRecord("crash.h1");
    const ours = readFileSync(`/proc/${process.pid}/stat`, "utf8").split(") ")[1]?.split(" ")[19];
    const stranger = { ...record.process, pid: process.pid, start: Number(ours), boot_id: "of another boot" };
    writeFileSync(join(agent.settings.stateDir, "run/crash.h1.json"), JSON.stringify({ ...record, process: stranger }));
    await agent.start();
    expect((await agent.inState("crash.h1", "running")).pid).not.toBe(process.pid);
  });

  it("starts a daemon again that is killed, and says by what and after which words it ended", async () => {
    agent.behave("mds/ceph-a", { line: "2026-11-22T10:00:00.000+0000 7f00 -1 mds.a boiling over" });
    await agent.deploy("mds.a");
    const { pid } = await agent.inState("mds.a", "running");
    process.kill(pid ?? 0, "SIGKILL");
    const fresh = await agent.inState("mds.a", "running", pid);
    expect(fresh).toMatchObject({ crashes: 1, last_exit: "ended by SIGKILL: mds.a boiling over", desired: "running" });
    expect(fresh.events.map(({ level }) => level)).toEqual(["INFO", "ERROR", "INFO"]);
  });

  it("starts a daemon again that is killed while there is no room for what it printed before", async () => {
    await agent.deploy("mds.a");
    const { pid } = await agent.inState("mds.a", "running");
    const output = join(agent.settings.stateDir, "log/mds.a.out");
    mkdirSync(`${output}.1`); // so that the copy fails
    appendFileSync(output, "x".repeat(5 * 1024 ** 2));
    process.kill(pid ?? 0, "SIGKILL");
    await agent.inState("mds.a", "running", pid);
    await until("the output to be small again", () => statSync(output).size < 1024 ** 2);
  });

  it("starts an adopted daemon again that is killed", async () => {
    await agent.deploy("mds.a");
    await agent.end("SIGKILL");
    await agent.start();
    const { pid } = await agent.inState("mds.a", "running");
    process.kill(pid ?? 0, "SIGKILL");
    expect(await agent.inState("mds.a", "running", pid)).toMatchObject({ crashes: 1 });
  });

  it("starts a daemon that ends at once with a delay that grows to a bound, and remembers across its own restart", async () => {
    agent.behave("mds/ceph-a", { exit: 7, line: "no such file system" });
    await agent.deploy("mds.a");
    const ended = await until("five ends", async () => {
      const daemon = await agent.daemon("mds.a");
      return daemon !== undefined && daemon.crashes >= 5 && daemon;
    });
    expect(ended.last_exit).toBe("ended with code 7: no such file system");
    const delays = ended.events.flatMap(({ message }) => /again in ([\d.]+) s/.exec(message)?.[1] ?? []);
    expect(delays.slice(0, 5)).toEqual(["0.1", "0.1", "0.2", "0.4", "0.4"]);
    await agent.end("SIGKILL");
    agent.behave("mds/ceph-a", {});
    await agent.start();
    // The last end may not have been on disk when the agent was killed.
    expect((await agent.inState("mds.a", "running")).crashes).toBeGreaterThanOrEqual(4);
  });

  it("keeps a stopped daemon stopped across restarts of the agent, and starts it when asked to", async () => {
    const { pid } = await agent.deploy("mds.a");
    expect(await agent.ask("daemon/act", { name: "mds.a", action: "stop" })).toMatchObject({
      state: "stopped",
      desired: "stopped",
      pid: null,
    });
    expect(isAlive(pid)).toBe(false);
    await agent.end("SIGKILL");
    await agent.start();
    expect(await agent.daemon("mds.a")).toMatchObject({ state: "stopped", desired: "stopped" });
    await agent.ask("daemon/act", { name: "mds.a", action: "restart" });
    await agent.inState("mds.a", "running");
  });

  it("stops a daemon that was to be stopped when the agent was killed", async () => {
    const { pid } = await agent.deploy("mds.a");
    await agent.end("SIGKILL");
    const file = join(agent.settings.stateDir, "manifest.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"desired":"running"', '"desired":"stopped"'));
    await agent.start();
    expect(await agent.inState("mds.a", "stopped")).toMatchObject({ pid: null });
    expect(isAlive(pid)).toBe(false);
  });

  it("kills a daemon that hears no SIGTERM", async () => {
    agent.behave("mds/ceph-a", { deaf: true });
    await agent.deploy("mds.a");
    const { pid } = await agent.inState("mds.a", "running");
    const stopped = await agent.ask("daemon/act", { name: "mds.a", action: "stop" });
    expect(stopped.state).toBe("stopped");
    expect(stopped.events.map(({ message }) => message)).toContain("did not end within 0.7 s and is killed");
    expect(isAlive(pid)).toBe(false);
  });

  it("starts what is wanted after a boot in the order mon, mgr, osd, others", async () => {
    agent.behave("osd/ceph-0", {});
    for (const name of ["rgw.a", "osd.0", "mgr.x", "mon.a"] as const) await agent.deploy(name);
    await agent.end("SIGTERM");
    const names = ["mon.a", "mgr.x", "osd.0", "rgw.a"] as const;
    for (const name of names) process.kill(runRecord(name).process?.pid ?? 0, "SIGKILL");
    await agent.start();
    for (const name of names) await agent.inState(name, "running");
    const starts = names.map((name) => runRecord(name).process?.start ?? 0);
    expect(starts.every((start) => start > 0)).toBe(true);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  });

  it("tells the manifest's daemon as failed that cannot be started, and starts it once it can be", async () => {
    await agent.deploy("mds.a");
    await agent.end("SIGTERM");
    process.kill(runRecord("mds.a").process?.pid ?? 0, "SIGKILL");
    await agent.start({ STAND_IN_MISSING: "mds" });
    expect(await agent.inState("mds.a", "failed")).toMatchObject({
      pid: null,
      last_exit: expect.stringContaining("is not installed") as string,
    });
    await agent.end("SIGTERM");
    await agent.start();
    await agent.inState("mds.a", "running");
  });
});
