/** What goes wrong in a backend, from the operator's chair: the memory backend misbehaves as its `faults` say. */
import { describe, expect, it } from "vitest";

import { RELEASE_NAMES, until } from "../../testbed/cluster.ts";
import { clusterWithModule } from "./cluster-with-module.ts";
import { setOption, unsetOption } from "./own-backend.ts";

const HOSTS = [{ hostname: "h1", addr: "10.1.1.1" }];
/** Two silent pings of five seconds after five of quiet, and the looks in between. */
const WATCHDOG_MS = 25_000;

describe.each(RELEASE_NAMES)("a backend on %s", (release) => {
  const at = clusterWithModule({ release, name: "faults", options: { hosts: HOSTS } });
  const classic = release === "nautilus";
  const list = classic ? "orchestrator host ls" : "orch host ls";
  /** Nautilus's `ceph orchestrator` says ENOENT to whatever an orchestrator refuses. */
  const errnoOf = <Name extends string>(name: Name): Name | "ENOENT" => (classic ? "ENOENT" : name);

  const misbehave = (faults: object): Promise<void> => at().reset({ hosts: HOSTS, faults });

  it("that throws gives one line with a log id, under which the mgr log has the stack", async () => {
    await misbehave({ getHosts: "throw" });
    await at().refused(
      list,
      errnoOf("EIO"),
      "memory.getHosts failed unexpectedly: TypeError: a fault of getHosts, as configured (log id ",
    );
    const { stderr } = await at().ceph(list);
    const [, id = "none"] = /log id ([0-9a-f]{8}) in the mgr log/.exec(stderr) ?? [];
    await until(`the stack of ${id} in the mgr log`, 5_000, () => stackOf(at().cluster.mgrLog(), id) || undefined);
    at().expectNoHarm();
  });

  it("that throws in a write is as clear", async () => {
    await misbehave({ addHost: "throw" });
    const add = classic ? "orchestrator host add h2" : "orch host add h2 10.1.1.2";
    await at().refused(
      add,
      errnoOf("EIO"),
      /memory\.addHost failed unexpectedly: TypeError: .*\(log id [0-9a-f]{8} in the mgr log\)/,
    );
    at().expectNoHarm();
  });

  it("that hangs is given up at the deadline, and the call is cancelled", async () => {
    await setOption(at(), "call_timeout", "2");
    await misbehave({ getHosts: "hang" });
    await at().refused(list, errnoOf("ETIMEDOUT"), "timed out after 2 s in memory.getHosts");
    await at().readUntil("no call to be left running", "orchbridge status", {}, (status) => runningCalls(status) === 0);
    at().expectNoHarm();
  });

  it("that hangs does not delay other modules: they answer meanwhile, on Nautilus once the deadline has passed", async () => {
    await setOption(at(), "call_timeout", "5");
    await misbehave({ getHosts: "hang" });
    let hanging = true;
    const call = at()
      .cluster.rados()
      .mgr({ prefix: list })
      .finally(() => (hanging = false));
    // Nautilus answers no command at all meanwhile, so there nobody can ask.
    if (!classic)
      await at().readUntil("the call to run", "orchbridge status", {}, (status) => runningCalls(status) === 1);
    for (const prefix of ["balancer status", "progress json", "orchbridge status"]) {
      await at().read(prefix);
      if (!classic) expect(hanging, `${prefix} was answered only after the hanging call`).toBe(true);
    }
    expect((await call).err).toContain("timed out after 5 s in memory.getHosts");
    at().expectNoHarm();
  });

  it("that ends the process gives the exit code and its last log line, and is started again", async () => {
    await misbehave({ getHosts: "exit" });
    const before = at().nodePids();
    await at().refused(list, errnoOf("EAGAIN"), /the Node process exited with code 3; its last log line: .+/);
    await until(
      "another Node process",
      5_000,
      () =>
        at()
          .nodePids()
          .some((pid) => !before.includes(pid)) || undefined,
    );
    await at().waitUntilAvailable();
    at().expectNoHarm();
  });

  it("that blocks the event loop misses the deadline, and the watchdog ends the process", async () => {
    await setOption(at(), "call_timeout", "2");
    await misbehave({ getHosts: "block" });
    const before = at().nodePids();
    await at().refused(list, errnoOf("ETIMEDOUT"), /^Error \w+: timed out after 2 s in /);
    await until(
      "the watchdog to end the process",
      WATCHDOG_MS,
      () =>
        !at()
          .nodePids()
          .some((pid) => before.includes(pid)) || undefined,
    );
    await at().waitUntilAvailable();
    const status = await at().ok("orchbridge status");
    expect(status).toMatch(/the Node process was ended: its event loop was blocked, it said nothing for \d+ s/);
    await unsetOption(at(), "call_timeout");
    at().expectNoHarm();
  });

  it("that answers nonsense is told which method, which field and what was expected", async () => {
    await misbehave({ getHosts: "nonsense" });
    await at().refused(list, errnoOf("EIO"), "memory.getHosts answered nonsense: result: expected array, got 42");
    at().expectNoHarm();
  });

  it("that prints to stdout has log lines instead, and works", async () => {
    // At Nautilus's default level the log has warnings and errors only.
    if (classic) await at().ok("config set mgr debug_mgr 4/5");
    await misbehave({ getHosts: "print" });
    expect(await at().ok(list)).toContain("h1");
    const lines = ["by console.log", "by process.stdout", "by descriptor 1"].map(
      (how) => `stray line of getHosts ${how}`,
    );
    await until(
      "the lines in the mgr log",
      5_000,
      () => lines.every((line) => at().cluster.mgrLog().includes(line)) || undefined,
    );
    at().expectNoHarm();
  });

  it("that works again is healthy again", async () => {
    await at().reset({ hosts: HOSTS });
    expect(await at().ok(list)).toContain("h1");
    at().expectNoHarm();
  });
});

/** Whether the log has a stack under this id, with a line of the memory backend's code. */
function stackOf(log: string, id: string): boolean {
  const at = log.indexOf(id);
  return at >= 0 && /\bat .*memory/.test(log.slice(at));
}

function runningCalls(status: unknown): number | undefined {
  return (status as { bridge: { calls: { running: number } } | null }).bridge?.calls.running;
}
