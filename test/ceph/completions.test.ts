/** Completions as the seed document has them, on Nautilus: made by a mgr module, seen on the very objects that it holds. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

import { missing, until } from "../../testbed/cluster.ts";
import { clusterWithModule } from "./cluster-with-module.ts";
import { type Recorder, useRecorder } from "./own-backend.ts";
import { Probe, type Shown } from "./probe-module.ts";
import { eventEnds, eventRuns } from "./progress-events.ts";

describe("completions on nautilus", () => {
  const at = clusterWithModule({ release: "nautilus", name: "completions" });
  let probe: Probe;
  let backend: Recorder;

  beforeAll(async () => {
    if (missing("nautilus") !== null) return;
    probe = await Probe.in(at());
    backend = await useRecorder(at());
  });
  beforeEach(async () => {
    await probe.drop();
    backend.forget();
  });

  const heldByNode = (calls: number): Promise<unknown> =>
    at().readUntil(
      `${calls} completions to be held by Node`,
      "orchbridge status",
      {},
      (status) => held(status) === calls,
    );

  const lookUntil = (call: number, what: string, holds: (shown: Shown) => boolean): Promise<Shown> => {
    let last: Shown | undefined;
    return until(
      () => `${what}; it shows ${JSON.stringify(last)}`,
      10_000,
      async () => {
        [last] = await probe.look([call]);
        return last !== undefined && holds(last) ? last : undefined;
      },
    );
  };

  it("made without a wait reach no backend method, and one wait of all of them is one batch", async () => {
    const calls = await probe.make(
      ["add_host", "b1"],
      ["add_host", "b2"],
      ["get_hosts"],
      ["add_host", "b3"],
      ["get_hosts"],
    );
    await heldByNode(5);
    expect(backend.entries()).toEqual([]);
    const shown = await probe.wait(calls);
    expect(shown.map(({ exception }) => exception)).toEqual([null, null, null, null, null]);
    // Identical reads run once.
    const batches = backend.entries().filter(({ batch }) => batch !== undefined);
    expect(batches).toEqual([{ batch: ["addHost", "addHost", "getHosts", "addHost"] }]);
    expect(backend.runs("addHost")).toBe(3);
    expect(backend.runs("getHosts")).toBe(1);
  });

  it("of reads are complete after the wait, with their result", async () => {
    const [call = -1] = await probe.make(["get_hosts"]);
    expect(await probe.look([call])).toMatchObject([
      { is_read: true, is_complete: false, should_wait: true, result: null },
    ]);
    expect(await probe.wait([call])).toMatchObject([{ is_complete: true, should_wait: false, is_errored: false }]);
  });

  it("of writes become persistent by the wait, and effective later, each seen on the completion", async () => {
    backend.hold("effects");
    const [call = -1] = await probe.make(["add_host", "w1"]);
    expect(await probe.look([call])).toMatchObject([
      { is_read: false, is_persistent: false, is_effective: false, should_wait: true },
    ]);

    const [persistent] = await probe.wait([call]);
    expect(persistent).toMatchObject({
      is_persistent: true,
      is_effective: false,
      is_complete: false,
      should_wait: false,
    });
    expect(backend.entries()).not.toContainEqual({ effective: "addHost", hostname: "w1" });

    backend.release("effects");
    const effective = await lookUntil(call, "the write to be effective", ({ is_effective }) => is_effective === true);
    expect(effective).toMatchObject({
      is_persistent: true,
      is_complete: true,
      is_errored: false,
      result: "Added host 'w1'",
    });
    expect(backend.entries()).toContainEqual({ effective: "addHost", hostname: "w1" });
  });

  it("of writes show a progress event from the submission until they are effective", async () => {
    backend.hold("effects");
    const [call = -1] = await probe.make(["add_host", "p1"]);
    await eventRuns(at(), "p1");
    await probe.wait([call]);
    await lookUntil(call, "the progress to arrive", ({ progress }) => progress === 0.5);
    await eventRuns(at(), "p1");
    backend.release("effects");
    await lookUntil(call, "the write to be effective", ({ is_effective }) => is_effective === true);
    await eventEnds(at(), "p1");
  });

  it("of writes that fail are errored with the backend's own words, and their event ends", async () => {
    const [call = -1] = await probe.make(["add_host", "refused"]);
    expect(await probe.wait([call])).toMatchObject([
      {
        is_errored: true,
        is_persistent: false,
        should_wait: false,
        is_complete: true,
        exception: "OrchestratorError: host refused is refused",
      },
    ]);
    await eventEnds(at(), "refused");
  });

  it("of writes that are persistent and then fail are errored too", async () => {
    backend.hold("effects");
    const [call = -1] = await probe.make(["add_host", "doomed"]);
    expect(await probe.wait([call])).toMatchObject([{ is_persistent: true, is_errored: false }]);
    backend.release("effects");
    const failed = await lookUntil(call, "the failure to arrive", ({ is_errored }) => is_errored);
    expect(failed).toMatchObject({ is_effective: false, exception: "OrchestratorError: host doomed did not come up" });
    await eventEnds(at(), "doomed");
  });

  it("fail one by one: one's error leaves the others of its batch alone", async () => {
    const calls = await probe.make(["add_host", "good"], ["add_host", "refused"], ["get_hosts"]);
    expect(await probe.wait(calls)).toMatchObject([
      { is_errored: false, is_persistent: true },
      { is_errored: true },
      { is_errored: false },
    ]);
  });

  it("that their caller drops without a wait are forgotten, and their events end", async () => {
    await probe.make(["add_host", "dropped"], ["get_hosts"]);
    await heldByNode(2);
    await eventRuns(at(), "dropped");
    await probe.drop();
    await heldByNode(0);
    await eventEnds(at(), "dropped");
    // Runs, not entries: a second stage of the test before may still end now.
    expect([backend.runs("addHost"), backend.runs("getHosts")]).toEqual([0, 0]);
  });

  it("survive the death of Node: what was submitted is submitted again by the wait", async () => {
    const calls = await probe.make(["get_hosts"], ["add_host", "s1"]);
    await heldByNode(2);
    const former = at().nodePids();
    for (const pid of former) process.kill(pid, "SIGKILL");
    // A wait that is under way when Node dies ends with an error; this one begins when the death is known.
    await until("another Node to run", 30_000, async () => {
      const { node } = await at().read<{ node: { running: boolean; pid: number } }>("orchbridge status");
      return node.running && !former.includes(node.pid) ? true : undefined;
    });
    expect(await probe.wait(calls)).toMatchObject([{ is_complete: true, is_errored: false }, { is_persistent: true }]);
    expect(backend.runs("addHost")).toBe(1);
  });

  it("leave the mgr as it was", () => at().expectNoHarm());
});

function held(status: unknown): number | undefined {
  return (status as { bridge: { completions: number } | null }).bridge?.completions;
}
