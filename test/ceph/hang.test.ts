/**
 * A backend that hangs on every read, or a Node process that stands still, delays nobody but those who ask the orchestrator,
 * and those at most to their deadline.
 */
import { beforeAll, describe, expect, it, type TestContext } from "vitest";

import { missing, type RadosCommand, until } from "../../testbed/cluster.ts";
import type { ClusterWithModule } from "./cluster-with-module.ts";
import { clusterWithModule } from "./cluster-with-module.ts";
import { hangingReads } from "./hanging-reads.ts";
import { expectNotDelayed, type Latencies, latencies } from "./latencies.ts";
import { setOption } from "./own-backend.ts";
import { Probe } from "./probe-module.ts";

const HOSTS = [{ hostname: "h1", addr: "10.1.1.1" }];
/** Seconds that a call may take in these tests. */
const DEADLINE = 2;
/** What the shim adds before it gives up on Node itself, and a busy machine. */
const SLACK = 1.5;
const CALLS_AT_ONCE = 30;
/** Five seconds of quiet, two silent pings of five, and the start of another process. */
const RECOVERY_MS = 30_000;
const WATCHDOG = "the watchdog";

const READS = ["orch host ls", "orch ls", "orch ps", "orch device ls", "orch upgrade status"];

/** One that is sent now, with what it got and the seconds it took. */
interface Sent {
  readonly done: () => boolean;
  readonly answer: Promise<{ ret: number; err: string; seconds: number }>;
}

function send(at: ClusterWithModule, command: RadosCommand): Sent {
  let done = false;
  const answer = at.cluster
    .rados()
    .mgr(command, { timeoutMs: 120_000 })
    .finally(() => (done = true));
  return { answer, done: () => done };
}

async function signalNode(at: ClusterWithModule, signal: NodeJS.Signals): Promise<number[]> {
  const pids = at.nodePids();
  expect(pids).toHaveLength(1);
  for (const pid of pids) process.kill(pid, signal);
  return pids;
}

/** The process that stood still is ended, and another one answers. */
async function expectRecovery(at: ClusterWithModule, former: readonly number[], list: string): Promise<void> {
  const replaced = (): boolean => at.nodePids().length > 0 && !at.nodePids().some((pid) => former.includes(pid));
  await until("another Node process", RECOVERY_MS, () => replaced() || undefined);
  await at.waitUntilAvailable();
  expect(await at.ok(list)).toContain("h1");
}

describe.each(["pacific", "reef", "tentacle"] as const)("a backend that hangs on every read, on %s", (release) => {
  const at = clusterWithModule({ release, name: "hang", options: { hosts: HOSTS } });
  // The watchdog takes its time; faults.test.ts waits for it on every release.
  const cure = release === "tentacle" ? WATCHDOG : "orchbridge restart";
  let probe: Probe;

  beforeAll(async () => {
    if (missing(release) !== null) return;
    probe = await Probe.in(at());
    await setOption(at(), "call_timeout", String(DEADLINE));
  });

  const measureWhile = async (context: TestContext, normal: Latencies, waiting: readonly Sent[]): Promise<void> => {
    const meanwhile = await latencies(at(), () => waiting.some(({ done }) => !done()));
    await expectNotDelayed(context, normal, meanwhile);
  };

  it(`does not delay other modules, with ${CALLS_AT_ONCE} commands at once`, async (context) => {
    const normal = await latencies(at());
    await at().reset({ hosts: HOSTS, faults: await hangingReads() });
    const waiting = Array.from({ length: CALLS_AT_ONCE }, (_, n) =>
      send(at(), { prefix: READS[n % READS.length] ?? "" }),
    );
    await measureWhile(context, normal, waiting);
    // Ceph runs them one after another, so the last would wait for a minute.
    await at().reset({ hosts: HOSTS });
    for (const { answer } of waiting) expect(Math.abs((await answer).ret)).toBeOneOf([0, 11, 110]);
  });

  it(`nor with ${CALLS_AT_ONCE} threads of another module at once, which are all answered at the deadline`, async (context) => {
    const normal = await latencies(at());
    await setOption(at(), "call_timeout", String(2 * DEADLINE));
    await at().reset({ hosts: HOSTS, faults: await hangingReads() });
    const start = performance.now();
    let hanging = true;
    const outcomes = probe.burst("get_hosts", CALLS_AT_ONCE).finally(() => (hanging = false));
    const meanwhile = await latencies(at(), () => hanging);
    await expectNotDelayed(context, normal, meanwhile);
    const late = `OrchestratorError: timed out after ${2 * DEADLINE} s in memory.getHosts`;
    expect(await outcomes).toEqual(Array(CALLS_AT_ONCE).fill(late));
    expect((performance.now() - start) / 1000).toBeLessThan(2 * DEADLINE + SLACK);
    await setOption(at(), "call_timeout", String(DEADLINE));
  });

  it("holds other commands of the orchestrator up no longer than the deadline", async () => {
    await at().reset({ hosts: HOSTS, faults: await hangingReads() });
    const hanging = send(at(), { prefix: "orch host ls" });
    const status = send(at(), { prefix: "orch status" });
    expect((await hanging.answer).err).toContain(`timed out after ${DEADLINE} s in memory.getHosts`);
    expect(await status.answer).toMatchObject({ ret: 0 });
    expect((await status.answer).seconds).toBeLessThan(DEADLINE + SLACK);

    const another = send(at(), { prefix: "orch ps" });
    const write = send(at(), { prefix: "orch host add", hostname: "h2", addr: "10.1.1.2" });
    expect((await another.answer).err).toContain(`timed out after ${DEADLINE} s in memory.listDaemons`);
    expect(await write.answer).toMatchObject({ ret: 0 });
    expect((await write.answer).seconds).toBeLessThan(DEADLINE + SLACK);
  });

  it("does not delay other modules either when it blocks its event loop", async (context) => {
    const normal = await latencies(at());
    await at().reset({ hosts: HOSTS, faults: { getHosts: "block" } });
    const waiting = send(at(), { prefix: "orch host ls" });
    await measureWhile(context, normal, [waiting]);
    expect((await waiting.answer).err).toContain(`timed out after ${DEADLINE} s in memory.getHosts`);
    expect((await waiting.answer).seconds).toBeLessThan(DEADLINE + SLACK);
    await signalNode(at(), "SIGKILL");
  });

  it(`nor when its process is stopped, and ${cure} puts another in its place`, async (context) => {
    await at().reset({ hosts: HOSTS });
    const normal = await latencies(at());
    const former = await signalNode(at(), "SIGSTOP");
    const waiting = send(at(), { prefix: "orch host ls" });
    await measureWhile(context, normal, [waiting]);
    expect((await waiting.answer).err).toContain(`timed out after ${DEADLINE} s in memory.getHosts`);
    expect((await waiting.answer).seconds).toBeLessThan(DEADLINE + SLACK);
    if (cure !== WATCHDOG) await at().ok(cure);
    await expectRecovery(at(), former, "orch host ls");
  });

  it("leaves the mgr as it was", () => at().expectNoHarm());
});

describe("a backend that hangs on every read, on nautilus, whose one thread runs all commands of modules,", () => {
  const at = clusterWithModule({ release: "nautilus", name: "hang", options: { hosts: HOSTS } });
  const list = { prefix: "orchestrator host ls" };
  const late = `timed out after ${DEADLINE} s in memory.getHosts`;

  beforeAll(async () => {
    if (missing("nautilus") === null) await setOption(at(), "call_timeout", String(DEADLINE));
  });

  /** Another module's command that is sent behind `waiting` hanging ones: each takes its deadline, none more. */
  const expectAnswerBehind = async (waiting: readonly Sent[]): Promise<void> => {
    const other = send(at(), { prefix: "balancer status", format: "json" });
    for (const { answer } of waiting) expect((await answer).err).toContain(late);
    expect(await other.answer).toMatchObject({ ret: 0 });
    expect((await other.answer).seconds).toBeLessThan(waiting.length * (DEADLINE + SLACK));
  };

  it("does not delay `ceph -s`, and commands of other modules no longer than the deadline", async (context) => {
    const status = (lasts?: () => boolean): Promise<Latencies> =>
      latencies(at(), lasts, (command) => command === "status");
    const normal = await status();
    await at().reset({ hosts: HOSTS, faults: await hangingReads() });
    const waiting = send(at(), list);
    const other = expectAnswerBehind([waiting]);
    const meanwhile = await status(() => !waiting.done());
    await expectNotDelayed(context, normal, meanwhile);
    await other;
  });

  it("makes them wait for one deadline after another when several such calls are sent", async () => {
    await expectAnswerBehind([send(at(), list), send(at(), list), send(at(), list)]);
  });

  it("holds them up no longer when it blocks its event loop", async () => {
    await at().reset({ hosts: HOSTS, faults: { getHosts: "block" } });
    await expectAnswerBehind([send(at(), list)]);
    await signalNode(at(), "SIGKILL");
  });

  it("nor when its process is stopped, and orchbridge restart puts another in its place", async () => {
    await at().reset({ hosts: HOSTS });
    const former = await signalNode(at(), "SIGSTOP");
    await expectAnswerBehind([send(at(), list)]);
    await at().ok("orchbridge restart");
    await expectRecovery(at(), former, list.prefix);
  });

  it("leaves the mgr as it was", () => at().expectNoHarm());
});
