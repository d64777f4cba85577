/** Two managers: what was persistent on one becomes effective on the other, and the operator sees it there. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { missing, until } from "../../testbed/cluster.ts";
import { ASLEEP, DISABLED, STALLED } from "../crash-matrix/rounds.ts";
import { Site } from "../crash-matrix/site.ts";
import { sendWrites } from "../crash-matrix/writes.ts";
import { eventEnds, eventRuns } from "./progress-events.ts";

/** Half a minute: the managers' start, and the fence of eleven seconds. */
const TAKEN_OVER_MS = 45_000;

// One of each dialect; the crash matrix fails managers over on Pacific.
describe.each(["nautilus", "tentacle"] as const)("an operation on %s", (release) => {
  const reason = missing(release);
  let site: Site;

  beforeEach((context) => context.skip(reason !== null, reason ?? ""));
  beforeAll(async () => {
    if (reason === null) site = await Site.up(release, "failover");
  });
  afterAll(async () => {
    if (reason === null) expect(await site.down()).toEqual([]);
  });

  it("is taken up by the next manager after mgr fail, with its id and a progress event there", async () => {
    site.clear();
    site.hold("begun");
    const [write] = sendWrites(site, "f1", ["ceph"]);
    const [name = ""] = write?.names ?? [];
    await write?.ended;
    const former = await site.reached("begun", name);
    const [before] = await site.operations();
    expect(before).toMatchObject({ title: `Scheduled ${name} update...`, state: "running" });
    const active = await site.active();
    await site.at.ok(`mgr fail ${active}`);
    await site.at.cluster.waitForMgr((map) => map.available && map.active_name !== active, "the other manager");

    const next = await until("the next manager's Node to be at it", TAKEN_OVER_MS, () =>
      site
        .marks("at-begun", name)
        .map(({ pid }) => pid)
        .find((pid) => pid !== former),
    );
    expect(site.at.nodePids()).toEqual([next]);
    expect(site.marks("resumed", name)).toEqual([expect.objectContaining({ pid: next })]);
    expect(await site.operations()).toEqual([expect.objectContaining({ call: before?.call, state: "running" })]);
    expect(await site.at.ok("orchbridge op ls")).toMatch(
      new RegExp(`^${before?.call ?? ""} +running +0% .*Scheduled ${name}`, "m"),
    );
    await eventRuns(site.at, name);

    site.letGo("begun");
    await eventEnds(site.at, name);
    await until("no operation", TAKEN_OVER_MS, async () => (await site.operations()).length === 0 || undefined);
    expect(await site.at.ok("orchbridge op ls")).toBe("No operations");
    expect(site.effects().map((effect) => [effect.name, effect.pid])).toEqual([[name, next]]);
    expect(site.harm()).toEqual([]);
  });

  if (release === "nautilus") return;

  it("is not touched any more by the Node of a manager that slept while it lost the lead", async () => {
    expect((await ASLEEP.make(site, "s1")).broken).toEqual([]);
  });

  it("waits while the module is disabled", async () => {
    expect((await DISABLED.make(site, "d1")).broken).toEqual([]);
  });

  it("is found by the next Node process, though its entry still waited for the monitor when that began", async () => {
    expect((await STALLED.make(site, "t1")).broken).toEqual([]);
  });
});
