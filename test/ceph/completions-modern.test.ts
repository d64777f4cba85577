/** The two stages of a write where Ceph has no completions any more: the answer means persistent, `ceph progress` shows the rest. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { missing, until } from "../../testbed/cluster.ts";
import { clusterWithModule } from "./cluster-with-module.ts";
import { type Recorder, useRecorder } from "./own-backend.ts";
import { eventEnds, eventRuns, runningEvents } from "./progress-events.ts";

describe.each(["pacific", "reef", "tentacle"] as const)("a write on %s", (release) => {
  const at = clusterWithModule({ release, name: "completions" });
  let backend: Recorder;

  beforeAll(async () => {
    if (missing(release) === null) backend = await useRecorder(at());
  });
  beforeEach(() => backend.forget());

  const addHost = (hostname: string): Promise<{ ret: number; out: string; err: string }> =>
    at().cluster.rados().mgr({ prefix: "orch host add", hostname });

  it("is answered when it is persistent and not before, and has an event until it is effective", async () => {
    backend.hold("writes");
    backend.hold("effects");
    let answered = false;
    const answer = addHost("w1").finally(() => (answered = true));
    await until("the backend to be asked", 10_000, () => backend.runs("addHost") > 0 || undefined);
    expect(await runningEvents(at(), "w1")).toEqual([]);
    expect(answered).toBe(false);

    backend.release("writes");
    expect(await answer).toMatchObject({ ret: 0, out: expect.stringContaining("Added host 'w1'") });
    await eventRuns(at(), "w1");
    expect(backend.entries()).not.toContainEqual({ effective: "addHost", hostname: "w1" });

    backend.release("effects");
    expect((await eventEnds(at(), "w1")).failed ?? false).toBe(false);
    expect(backend.entries()).toContainEqual({ effective: "addHost", hostname: "w1" });
  });

  it("that becomes persistent and then fails ends its event as failed, and is among the last errors", async () => {
    backend.hold("effects");
    expect(await addHost("doomed")).toMatchObject({ ret: 0 });
    await eventRuns(at(), "doomed");
    backend.release("effects");
    expect(await eventEnds(at(), "doomed")).toMatchObject({ failed: true });
    const { last_errors: errors } = await at().read<{ last_errors: { message: string }[] }>("orchbridge status");
    expect(errors.map(({ message }) => message)).toContain("host doomed did not come up");
  });

  it("that is refused has no event", async () => {
    const { ret, err } = await addHost("refused");
    expect({ ret: Math.abs(ret), err }).toEqual({ ret: 22, err: "host refused is refused" });
    expect(await runningEvents(at(), "refused")).toEqual([]);
  });

  it("leaves the mgr as it was", () => at().expectNoHarm());
});
