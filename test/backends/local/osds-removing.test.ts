import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { osdReads, osdWrites } from "../../../src/backends/local/osds/methods.ts";
import { OsdPart } from "../../../src/backends/local/osds/part.ts";
import type { DriveGroupSpec, Operation } from "../../../src/index.ts";
import { AgentError, effective, HOSTNAME, operation } from "./stand-in-host.ts";
import { StandInOsds } from "./stand-in-osds.ts";

const PATHS = ["/d/file0", "/d/file1", "/d/file2"];
const FLAGS = {
  replace: false,
  replace_block: false,
  replace_db: false,
  replace_wal: false,
  force: false,
  zap: false,
  no_destroy: false,
};

/** Three OSDs with data, on three of four files. */
function threeOsds(): StandInOsds {
  const host = new StandInOsds([...PATHS, "/d/file3"].map((path) => ({ path })));
  for (const [id, path] of PATHS.entries()) host.addOsd(id, path, "osd.all");
  return host;
}

async function process(host: StandInOsds) {
  const part = new OsdPart(await host.site());
  return { host, part, reads: osdReads(part), writes: osdWrites(part) };
}
type Process = Awaited<ReturnType<typeof process>>;

/** As far as it is persistent. */
async function remove(
  { host, writes }: Process,
  ids: readonly number[],
  flags: Partial<typeof FLAGS> = {},
  resumed = false,
) {
  const given = await writes.removeOsds({ ...FLAGS, ...flags, osd_ids: ids.map(String) }, host.call(resumed));
  return given as unknown as { result: string; effective: (operation: Operation) => Promise<void> };
}

/** Rounds until nothing is left to do, some seconds of the clock each; gives the error of the last that failed. */
async function rounds({ part }: Process, most = 40, ms = 11_000): Promise<unknown> {
  let failure: unknown;
  for (let round = 0; round < most; round += 1) {
    const left = await part.queue.round().catch((error: unknown) => {
      failure = error;
      return "more" as const;
    });
    vi.setSystemTime(Date.now() + ms);
    if (left === "nothing") return failure;
  }
  return failure;
}

const rows = async ({ reads }: Process) => reads.removeOsdsStatus();
const queue = (host: StandInOsds): string[] => Object.keys(host.records).filter((key) => key.startsWith("removals/"));

/** What was changed, in its order. */
function deeds({ done }: StandInOsds): string[] {
  return done.filter(
    (line) =>
      /^(?:osd (?:crush reweight|out|in|down|purge|destroy)|stop|start|remove) /.test(line) || /-actual/.test(line),
  );
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

/** Something about osd.1 is otherwise from its first stop on, and nothing drains any more. */
function changeOnceStopped(host: StandInOsds, change: object): void {
  const follow = host.onAct;
  host.onAct = (daemon, action) => {
    follow(daemon, action);
    if (action !== "stop") return;
    if (host.drains) Object.assign(host.osd(1), change);
    host.drains = false;
  };
}

describe("removing an OSD", () => {
  it("drains it, and destroys it only when nothing depends on it", async () => {
    const at = await process(threeOsds());
    expect((await remove(at, [1])).result).toBe("Scheduled OSD(s) for removal.");
    expect(await rows(at)).toMatchObject([
      { osd_id: 1, hostname: HOSTNAME, drain_status: "started", pg_count: 8, zap: false, drain_started_at: null },
    ]);
    at.host.pgsAStep = 1;
    await at.part.queue.round();
    expect(await rows(at)).toMatchObject([{ drain_status: "draining", drain_started_at: expect.any(String) }]);
    expect(await rounds(at)).toBeUndefined();
    expect([...at.host.osds.keys()]).toEqual([0, 2]);
    expect([...at.host.daemons.keys()]).toEqual(["osd.0", "osd.2"]);
    expect([...at.host.stores.keys()]).toEqual(PATHS);
    expect(at.host.lost).toEqual([]);
    expect(queue(at.host)).toEqual([]);
    // The order: weight away, daemon stopped, out of the map, off the host.
    expect(deeds(at.host)).toEqual([
      "osd crush reweight osd.1 1e-7",
      "stop osd.1",
      "osd purge-actual 1 true",
      "remove osd.1",
    ]);
  });

  it("waits as long as data is on it, and never destroys it", async () => {
    const host = threeOsds();
    host.drains = false;
    const at = await process(host);
    await remove(at, [1]);
    await rounds(at);
    expect(await rows(at)).toMatchObject([{ drain_status: "draining", pg_count: 8, draining: true, stopped: false }]);
    expect(host.osd(1).up).toBe(1);
    host.drains = true;
    await rounds(at);
    expect([...host.osds.keys()]).toEqual([0, 2]);
    expect(host.lost).toEqual([]);
  });

  it("does not even begin where too few others are left for a pool's copies", async () => {
    const host = threeOsds();
    host.pools = [{ pool_name: "data", size: 3, pg_num: 8 }];
    const at = await process(host);
    await remove(at, [1]);
    await rounds(at);
    expect(await rows(at)).toMatchObject([
      { drain_status: "started, pool data keeps 3 copies, and 2 other OSDs could take them" },
    ]);
    expect(host.osd(1)).toMatchObject({ up: 1, weight: 1, crush: 0.5, pgs: 8 });
    host.pools = [{ pool_name: "data", size: 2, pg_num: 8 }];
    await rounds(at);
    expect([...host.osds.keys()]).toEqual([0, 2]);
  });

  it("of several at once leaves as many as the copies need", async () => {
    const host = threeOsds();
    const at = await process(host);
    await remove(at, [0, 1, 2]);
    await rounds(at);
    expect([...host.osds.keys()]).toEqual([1, 2]);
    expect(host.lost).toEqual([]);
    expect((await rows(at)).map(({ osd_id: id, draining }) => [id, draining])).toEqual([
      [1, false],
      [2, false],
    ]);
  });

  it("erases its device where that was asked for", async () => {
    const host = threeOsds();
    const at = await process(host);
    await remove(at, [1], { zap: true });
    await rounds(at);
    expect(host.zapped).toEqual(["/d/file1"]);
    expect([...host.stores.keys()]).toEqual(["/d/file0", "/d/file2"]);
  });

  it.each([true, false])("leaves the parts that it had on devices where no_destroy is %s, empty", async (keep) => {
    const host = threeOsds();
    const asked: unknown[] = [];
    const discard = host.agent["osd/discard"];
    host.agent["osd/discard"] = (params) => (asked.push(params), discard?.(params));
    const at = await process(host);
    await remove(at, [1], { zap: true, no_destroy: keep });
    await rounds(at);
    expect(asked).toEqual([{ osd_uuid: expect.any(String), paths: ["/d/file1"], keep_parts: keep }]);
  });

  it("erases no device on which another OSD has its database", async () => {
    const host = threeOsds();
    for (const path of PATHS.slice(0, 2)) Object.assign(host.stores.get(path)?.devices ?? {}, { db: "/dev/nvme0n1" });
    const at = await process(host);
    await remove(at, [1], { zap: true });
    await rounds(at);
    expect(host.zapped).toEqual(["/d/file1"]);
  });

  it("for a replacement only takes it out, and keeps its id, its place and its weight", async () => {
    const host = threeOsds();
    const at = await process(host);
    await remove(at, [1], { replace: true, zap: true });
    await rounds(at);
    expect(host.osd(1)).toMatchObject({ crush: 0.5, placed: true, weight: 0 });
    expect([...host.osd(1).state]).toEqual(["exists", "destroyed"]);
    expect(deeds(host)).toEqual(["osd out 1", "stop osd.1", "osd destroy-actual 1 true", "remove osd.1"]);
    const spec: DriveGroupSpec = {
      service_type: "osd",
      placement: { host_pattern: HOSTNAME },
      spec: { data_devices: { paths: ["/d/file3"] } },
    };
    const made = at.writes.createOsds({ drive_group: spec, skip_validation: false }, host.call());
    expect(await effective(made)).toBe(`Created osd(s) 1 on host '${HOSTNAME}'`);
    expect(host.osd(1)).toMatchObject({ up: 1, weight: 1, crush: 0.5 });
    expect(host.stores.get("/d/file3")).toMatchObject({ osd_id: 1 });
  });

  it("keeps it where something depends on it again once it is stopped", async () => {
    const host = threeOsds();
    const at = await process(host);
    await remove(at, [1]);
    changeOnceStopped(host, { pgs: 3, up_from: 99 });
    await rounds(at);
    expect(host.osd(1)).toMatchObject({ up: 1, pgs: 3 });
    expect(host.daemons.get("osd.1")).toMatchObject({ desired: "running" });
    expect(await rows(at)).toMatchObject([{ drain_status: "draining" }]);
    expect(host.lost).toEqual([]);
  });

  it("drains on where data came back before it was stopped", async () => {
    const host = threeOsds();
    const at = await process(host);
    await remove(at, [1]);
    host.agent["daemon/act"] = () => {
      throw new AgentError("UnavailableError", "the agent is away");
    };
    await rounds(at, 5);
    expect(host.records["removals/1"]).toMatchObject({ step: "stopping", emptied: host.osd(1).up_from });
    Object.assign(host.osd(1), { crush: 0.5, pgs: 8 });
    delete host.agent["daemon/act"];
    await rounds(at, 1);
    expect(host.osd(1)).toMatchObject({ up: 1 });
    expect(host.records["removals/1"]).toMatchObject({ step: "draining", emptied: null });
    await rounds(at);
    expect([...host.osds.keys()]).toEqual([0, 2]);
    expect(host.lost).toEqual([]);
  });

  it("does not count one as empty that has a weight again when it is looked at last", async () => {
    const host = threeOsds();
    const at = await process(host);
    await remove(at, [1]);
    changeOnceStopped(host, { pgs: 3, crush: 0.5 });
    await rounds(at);
    expect(host.osd(1)).toMatchObject({ up: 1, pgs: 3, crush: 0 });
    expect(host.lost).toEqual([]);
  });

  it("erases the device of the OSD itself, not that of one that had its id before", async () => {
    const host = threeOsds();
    const own = host.stores.get("/d/file1");
    if (own === undefined) throw new Error("the stand-in has no store on /d/file1");
    host.stores.delete("/d/file1");
    const devices = { block: "/d/file3" };
    host.stores.set("/d/file3", { ...own, osd_uuid: "00000000-0000-4000-8000-0000000000bb", devices });
    host.stores.set("/d/file1", own);
    const at = await process(host);
    await remove(at, [1], { zap: true, replace: true, replace_block: true });
    await rounds(at);
    expect(host.zapped).toEqual(["/d/file1"]);
    expect(Object.entries(host.records)).toEqual([[expect.stringMatching(/^replacing\//), { path: "/d/file1" }]]);
  });

  it("takes its own options away, so that the next OSD of its id does not inherit them", async () => {
    const host = threeOsds();
    for (const key of ["osd.1 debug_ms", "osd.10 debug_ms", "osd debug_ms"]) host.config.set(key, "1");
    const at = await process(host);
    await remove(at, [1]);
    await rounds(at);
    expect([...host.config.keys()]).toEqual(["osd.10 debug_ms", "osd debug_ms"]);
  });

  it("ends where a broken disk cannot be erased, and says why, and frees the id meanwhile", async () => {
    const host = threeOsds();
    host.agent["osd/discard"] = () => {
      throw new AgentError("OrchestratorError", "read /d/file1: EIO: i/o error");
    };
    const at = await process(host);
    await remove(at, [1], { replace: true, zap: true });
    await rounds(at, 4, 1000);
    expect(await rows(at)).toMatchObject([
      { osd_id: 1, drain_status: "done, waiting for purge, not erased yet: read /d/file1: EIO: i/o error" },
    ]);
    const spec: DriveGroupSpec = {
      service_type: "osd",
      placement: { host_pattern: HOSTNAME },
      spec: { data_devices: { paths: ["/d/file3"] } },
    };
    const made = at.writes.createOsds({ drive_group: spec, skip_validation: false }, host.call());
    expect(await effective(made)).toBe(`Created osd(s) 1 on host '${HOSTNAME}'`);
    expect(await rounds(at)).toBeUndefined();
    expect(queue(host)).toEqual([]);
    expect(host.osd(1)).toMatchObject({ up: 1 });
    expect(host.daemons.has("osd.1")).toBe(true);
    expect(host.said.join("\n")).toMatch(/osd\.1 is removed, but not erased from \/d\/file1: .*EIO/);
  });

  it("waits to erase a disk for an agent that is away", async () => {
    const host = threeOsds();
    const { "osd/discard": discard } = host.agent;
    host.agent["osd/discard"] = () => {
      throw new AgentError("UnavailableError", "the agent is away");
    };
    const at = await process(host);
    await remove(at, [1], { zap: true });
    await rounds(at);
    expect(queue(host)).toEqual(["removals/1"]);
    if (discard !== undefined) host.agent["osd/discard"] = discard;
    await rounds(at);
    expect(queue(host)).toEqual([]);
    expect(host.zapped).toEqual(["/d/file1"]);
  });

  it("makes way for the removal of the OSD that has the id by now", async () => {
    const host = threeOsds();
    const at = await process(host);
    await remove(at, [1]);
    const uuid = "00000000-0000-4000-8000-0000000000bb";
    host.records["removals/1"] = { ...(host.records["removals/1"] as object), step: "destroying", osd_uuid: uuid };
    await remove(at, [1]);
    expect(host.records["removals/1"]).toMatchObject({ step: "queued", osd_uuid: host.osd(1).uuid });
  });

  it("of one that the agent does not run is refused, with the way to change that", async () => {
    const host = threeOsds();
    host.add("osd.1", { state: "foreign", service: "" });
    const at = await process(host);
    await expect(remove(at, [0, 1])).rejects.toThrow(
      "osd.1 was not started by the agent; 'ceph orch daemon redeploy osd.1' lets the agent take it over",
    );
    expect(queue(host)).toEqual([]);
  });

  it("names an OSD that does not exist, and changes nothing", async () => {
    const at = await process(threeOsds());
    await expect(remove(at, [0, 7])).rejects.toThrow(
      "OSD 7 does not exist; 'ceph orch ps --daemon-type osd' lists the OSDs",
    );
    const wrong = at.writes.removeOsds({ ...FLAGS, osd_ids: ["osd.0"] }, at.host.call());
    await expect(wrong).rejects.toThrow("OSD osd.0 does not exist");
    expect(queue(at.host)).toEqual([]);
  });

  it("keeps its place in the queue when it is asked for again", async () => {
    const at = await process(threeOsds());
    at.host.drains = false;
    await remove(at, [1], { zap: true });
    await at.part.queue.round();
    const before = at.host.records["removals/1"];
    await remove(at, [1]);
    expect(at.host.records["removals/1"]).toEqual(before);
  });

  it("is told as progress, and is effective when nothing of it is left", async () => {
    vi.useRealTimers();
    const at = await process(threeOsds());
    at.host.pgsAStep = 1;
    at.part.start();
    const told: string[] = [];
    const { effective: stage } = await remove(at, [1]);
    await stage(operation(told));
    await at.part.close();
    expect([...at.host.osds.keys()]).toEqual([0, 2]);
    expect(told.join("\n")).toMatch(/draining osd\.1: \d+ placement groups are still on osd\.1/);
  });
});

describe("forcing a removal", () => {
  it("does not wait until every copy is elsewhere", async () => {
    const host = threeOsds();
    host.drains = false;
    const at = await process(host);
    await remove(at, [1], { force: true });
    await rounds(at);
    expect([...host.osds.keys()]).toEqual([0, 2]);
    expect(host.done).not.toContain("osd crush reweight osd.1 1e-7");
  });

  it("asks again after the statistics were renewed, because those at hand may be older than a pool's last change", async () => {
    const host = threeOsds();
    host.drains = false;
    const at = await process(host);
    await remove(at, [1], { force: true });
    await at.part.queue.round();
    await at.part.queue.round();
    expect(host.osd(1).up).toBe(1);
    host.okToStop = false;
    await rounds(at);
    expect(host.osd(1).up).toBe(1);
  });

  it("drains while data would be out of reach, and goes as soon as it is not", async () => {
    const host = threeOsds();
    host.drains = false;
    host.okToStop = false;
    const at = await process(host);
    await remove(at, [1], { force: true });
    await rounds(at);
    expect(host.osd(1)).toMatchObject({ up: 1, crush: 0 });
    host.okToStop = true;
    await rounds(at);
    expect([...host.osds.keys()]).toEqual([0, 2]);
  });

  it("destroys nothing while a placement group is down: the OSD may hold its only copy", async () => {
    const host = threeOsds();
    host.drains = false;
    Object.assign(host.osd(1), { up: 0 });
    host.unavailable = 1;
    const at = await process(host);
    await remove(at, [1], { force: true });
    await rounds(at);
    expect([...host.osds.keys()]).toEqual([0, 1, 2]);
  });

  it("destroys nothing while the manager does not know every placement group yet", async () => {
    const host = threeOsds();
    host.drains = false;
    host.maps["pg_summary"] = () => ({ all: {}, pg_stats_sum: { stat_sum: { num_objects_unfound: 0 } } });
    const at = await process(host);
    await remove(at, [1], { force: true });
    await rounds(at);
    expect([...host.osds.keys()]).toEqual([0, 1, 2]);
  });

  it("ends for one that is empty, although other data is unavailable", async () => {
    const host = threeOsds();
    host.unavailable = 1;
    const at = await process(host);
    await remove(at, [1], { force: true });
    await rounds(at);
    expect(deeds(host)).toEqual([
      "osd crush reweight osd.1 1e-7",
      "stop osd.1",
      "osd purge-actual 1 true",
      "remove osd.1",
    ]);
    expect(host.lost).toEqual([]);
  });

  it("starts it again where stopping it made data unavailable", async () => {
    const host = threeOsds();
    host.drains = false;
    host.onAct = ((follow) => (daemon, action) => {
      follow(daemon, action);
      host.unavailable = action === "stop" ? 2 : 0;
      if (action === "start") host.okToStop = false;
    })(host.onAct);
    const at = await process(host);
    await remove(at, [1], { force: true });
    await rounds(at);
    expect(host.osd(1)).toMatchObject({ up: 1 });
    expect(host.lost).toEqual([]);
  });
});

describe("forcing the removal of several", () => {
  /** Of a pool with three copies that needs two, as statistics tell it that are five seconds old. */
  function needingTwo(host: StandInOsds): { blocked: () => number } {
    host.drains = false;
    host.pools = [{ pool_name: "p", size: 3, pg_num: 8 }];
    const up = (): number => [...host.osds.values()].filter((osd) => osd.up === 1).length;
    const history = [{ since: 0, up: up() }];
    const told = (): number => history.findLast(({ since }) => since <= Date.now() - 5000)?.up ?? 0;
    host.onAct = ((follow) => (daemon, action) => {
      follow(daemon, action);
      history.push({ since: Date.now(), up: up() });
    })(host.onAct);
    host.commands["osd ok-to-stop"] = () => (told() > 2 ? "" : { retval: -16, stderr: "unsafe to stop" });
    host.maps["pg_summary"] = () => ({
      all: told() < 2 ? { peered: 8 } : { "active+clean": 8 },
      pg_stats_sum: { stat_sum: { num_objects_unfound: 0 } },
    });
    return { blocked: () => history.filter((entry) => entry.up < 2).length };
  }

  it("stops one at a time, so that no pool is ever blocked, and ends with as many as may go", async () => {
    const host = threeOsds();
    const { blocked } = needingTwo(host);
    const at = await process(host);
    await remove(at, [0, 1], { force: true });
    await rounds(at, 60, 3000);
    expect(blocked()).toBe(0);
    expect(deeds(host)).toEqual(["stop osd.0", "osd purge-actual 0 true", "remove osd.0"]);
    expect(await rows(at)).toMatchObject([
      { osd_id: 1, drain_status: "started, pool p keeps 3 copies, and 1 other OSDs could take them" },
    ]);
  });

  it("asks again before it stops one, where the agent was away meanwhile", async () => {
    const host = threeOsds();
    const { blocked } = needingTwo(host);
    const at = await process(host);
    await remove(at, [0], { force: true });
    host.agent["daemon/act"] = () => {
      throw new AgentError("UnavailableError", "the agent is away");
    };
    await rounds(at, 10, 3000);
    expect(host.records["removals/0"]).toMatchObject({ step: "stopping" });
    host.act("osd.2", "stop");
    vi.setSystemTime(Date.now() + 6000);
    delete host.agent["daemon/act"];
    await rounds(at, 10, 3000);
    expect(blocked()).toBe(0);
    host.act("osd.2", "start");
    await rounds(at, 20, 3000);
    expect([...host.osds.keys()]).toEqual([1, 2]);
  });
});

describe("stopping a removal", () => {
  it("puts the OSD back as it was", async () => {
    const host = threeOsds();
    host.drains = false;
    Object.assign(host.osd(1), { crush: 4, weight: 0.75 });
    const at = await process(host);
    await remove(at, [1]);
    await at.part.queue.round();
    await at.part.queue.round();
    expect(host.osd(1).crush).toBe(0);
    const stopped = at.writes.stopRemoveOsds({ osd_ids: ["1"] }, host.call());
    expect((await stopped) as unknown).toMatchObject({ result: "Stopped OSD(s) removal" });
    expect(await rows(at)).toEqual([]);
    await rounds(at);
    expect(host.osd(1)).toMatchObject({ crush: 4, weight: 0.75, up: 1 });
    expect(queue(host)).toEqual([]);
  });

  it("of one that was only taken out brings it in again", async () => {
    const host = threeOsds();
    host.drains = false;
    const at = await process(host);
    await remove(at, [0, 1], { replace: true });
    host.pools = [{ pool_name: "one", size: 1, pg_num: 8 }];
    Object.assign(host.osd(0), { weight: 0.75 });
    await at.part.queue.round();
    expect([host.osd(0).weight, host.osd(1).weight]).toEqual([0, 0]);
    for (const id of [0, 1]) await at.part.queue.stop(id);
    await rounds(at);
    expect(host.osd(0)).toMatchObject({ weight: 0.75, crush: 0.5 });
    expect(host.osd(1)).toMatchObject({ weight: 1, crush: 0.5 });
  });

  it("is refused for one that is not in the queue, and for one that is being destroyed", async () => {
    const at = await process(threeOsds());
    const stop = (id: string) => at.writes.stopRemoveOsds({ osd_ids: [id] }, at.host.call());
    await expect(stop("1")).rejects.toThrow("OSD 1 is not being removed; 'ceph orch osd rm status' lists the removals");
    await remove(at, [1]);
    const record = at.host.records["removals/1"];
    at.host.records["removals/1"] = { ...(record as object), step: "destroying" };
    await expect(stop("1")).rejects.toThrow("osd.1 is being destroyed already");
  });

  it("may be taken back: the removal goes on with the weight that it had at first", async () => {
    const host = threeOsds();
    host.drains = false;
    const at = await process(host);
    await remove(at, [1]);
    await at.part.queue.round();
    await at.part.queue.round();
    await at.part.queue.stop(1);
    await remove(at, [1]);
    expect(await rows(at)).toHaveLength(1);
    await at.part.queue.round();
    await at.part.queue.stop(1);
    await rounds(at);
    expect(host.osd(1)).toMatchObject({ crush: 0.5, weight: 1 });
  });

  it("and taken back forgets what was seen of the OSD before", async () => {
    const host = threeOsds();
    const at = await process(host);
    await remove(at, [1]);
    const now = new Date().toISOString();
    const seen = { emptied: 6, down_at: now, harmless_since: now, drain_done_at: now, drain_stopped_at: now };
    host.records["removals/1"] = { ...(host.records["removals/1"] as object), ...seen, step: "restoring" };
    await remove(at, [1]);
    const forgotten = Object.fromEntries(Object.keys(seen).map((key) => [key, null]));
    expect(host.records["removals/1"]).toMatchObject({ step: "queued", ...forgotten });
  });
});

describe("the queue", () => {
  it.each([
    ["removing", {}],
    ["replacing", { replace: true, zap: true }],
    ["forcing", { force: true }],
  ])("survives the death of its process at any step of %s", async (_what, flags) => {
    let steps = 0;
    for (let lives = 0; ; lives += 1) {
      const host = threeOsds();
      const first = await process(host);
      await remove(first, [1], flags);
      host.lives = lives;
      const failure = await rounds(first, 12);
      host.lives = Number.POSITIVE_INFINITY;
      expect(await rounds(await process(host))).toBeUndefined();
      expect(host.lost.filter(() => !("force" in flags))).toEqual([]);
      expect([...host.osds].filter(([, osd]) => !osd.state.has("destroyed")).map(([id]) => id)).toEqual([0, 2]);
      expect([...host.daemons.keys()]).toEqual(["osd.0", "osd.2"]);
      expect(queue(host)).toEqual([]);
      expect(host.zapped).toEqual("zap" in flags ? ["/d/file1"] : []);
      if (failure === undefined) break;
      steps += 1;
    }
    expect(steps).toBeGreaterThan(20);
  });

  it("survives the death of its process at any step of being stopped", async () => {
    for (let lives = 0; ; lives += 1) {
      const host = threeOsds();
      host.drains = false;
      const first = await process(host);
      await remove(first, [1]);
      await first.part.queue.round();
      await first.part.queue.round();
      await first.part.queue.stop(1);
      host.lives = lives;
      const failure = await rounds(first, 5);
      host.lives = Number.POSITIVE_INFINITY;
      await rounds(await process(host));
      expect(host.osd(1)).toMatchObject({ crush: 0.5, weight: 1, up: 1 });
      if (failure === undefined) break;
    }
  });

  it("keeps its records while the OSD map cannot be read, or is empty", async () => {
    const host = threeOsds();
    const at = await process(host);
    await remove(at, [0, 1]);
    const dump = host.commands["osd dump"];
    const find = host.commands["osd find"];
    for (const answer of [
      { retval: -11, stderr: "try again" },
      {},
      { epoch: 0, osds: [], pools: [] },
      { epoch: 9, osds: [], pools: [] },
    ]) {
      host.commands["osd dump"] = () => answer;
      await rounds(at, 2);
      expect(queue(host)).toEqual(["removals/0", "removals/1"]);
    }
    if (dump !== undefined) host.commands["osd dump"] = dump;
    if (find !== undefined) host.commands["osd find"] = find;
    await rounds(at);
    expect([...host.osds.keys()]).toEqual([1, 2]);
    expect(host.lost).toEqual([]);
  });

  it("leaves the data of an OSD that somebody else took out of the map", async () => {
    const host = threeOsds();
    const at = await process(host);
    await remove(at, [1], { zap: true });
    host.osds.delete(1);
    await rounds(at);
    expect(queue(host)).toEqual([]);
    expect(host.zapped).toEqual([]);
    expect(host.stores.has("/d/file1")).toBe(true);
    expect(host.said.join("\n")).toMatch(/osd\.1 is no longer in the OSD map before it was drained/);
  });

  it("does not touch the OSD that has the id by now, nor its device, when its process died at the very end", async () => {
    const host = threeOsds();
    const first = await process(host);
    await remove(first, [1], { replace: true, zap: true });
    let last: (typeof host.records)[string] | undefined;
    while (queue(host).length > 0) {
      last = host.records["removals/1"] ?? null;
      await rounds(first, 1);
    }
    expect(host.zapped).toEqual(["/d/file1"]);
    // As if it had died before the record was deleted.
    host.records["removals/1"] = last ?? null;
    const spec: DriveGroupSpec = {
      service_type: "osd",
      placement: { host_pattern: HOSTNAME },
      spec: { data_devices: { paths: ["/d/file1"] } },
    };
    const at = await process(host);
    // An id that is not quite free is not given again.
    expect(await effective(at.writes.createOsds({ drive_group: spec, skip_validation: false }, host.call()))).toContain(
      "osd(s) 3 ",
    );
    Object.assign(host.osd(1), {
      uuid: "00000000-0000-4000-8000-0000000000aa",
      state: new Set(["exists", "up"]),
      up: 1,
    });
    await rounds(at);
    expect(host.osd(1)).toMatchObject({ up: 1 });
    expect(host.stores.get("/d/file1")).toMatchObject({ osd_id: 3 });
    expect(host.zapped).toEqual(["/d/file1"]);
    expect(queue(host)).toEqual([]);
  });

  it("goes on with the others when one of them fails", async () => {
    const host = threeOsds();
    host.addOsd(3, "/d/file3");
    const at = await process(host);
    await remove(at, [0, 1]);
    const act = host.agent["daemon/act"];
    host.agent["daemon/act"] = (params) => {
      if (params["name"] === "osd.0") throw new Error("it does not stop");
      return act === undefined ? host.act(String(params["name"]), String(params["action"])) : act(params);
    };
    expect(String(await rounds(at))).toMatch(/osd\.0: .*it does not stop/);
    expect([...host.osds.keys()]).toEqual([0, 2, 3]);
  });

  it("is filled and emptied for a host that is drained", async () => {
    const host = threeOsds();
    const at = await process(host);
    await at.part.drain.queue([0, 1, 2], { zap: true });
    expect(await rows(at)).toMatchObject([{ osd_id: 0, zap: true }, { osd_id: 1 }, { osd_id: 2 }]);
    await at.part.drain.unqueue([0, 1, 2]);
    await rounds(at);
    expect(await rows(at)).toEqual([]);
    expect([...host.osds.values()].map(({ crush, weight }) => [crush, weight])).toEqual([
      [0.5, 1],
      [0.5, 1],
      [0.5, 1],
    ]);
  });
});

describe("a device", () => {
  it("in use is not erased, and neither is one whose OSD the cluster still knows", async () => {
    const host = threeOsds();
    const at = await process(host);
    const zap = (path: string) => at.writes.zapDevice({ host: HOSTNAME, path });
    await expect(zap("/d/file1")).rejects.toThrow(
      "device /d/file1 on host h1.example.org is in use by osd.1; remove that with 'ceph orch osd rm' first",
    );
    host.daemons.delete("osd.1");
    await expect(zap("/d/file1")).rejects.toThrow(
      /holds osd\.1, which this agent does not run but the cluster still knows/,
    );
    await expect(zap("/d/file9")).rejects.toThrow("has no device /d/file9");
    host.osds.delete(1);
    expect(await zap("/d/file1")).toBe(`zap successful for /d/file1 on ${HOSTNAME}`);
    expect(host.zapped).toEqual(["/d/file1"]);
  });

  it("is replaced: its OSDs go, their ids stay, and it is taken again only after the mark is taken back", async () => {
    const host = threeOsds();
    const at = await process(host);
    const replace = (more: object) =>
      at.writes.replaceDevice(
        { hostname: HOSTNAME, device: "/d/file1", clear: false, yes_i_really_mean_it: false, ...more },
        host.call(),
      );
    await expect(replace({})).rejects.toThrow("--yes-i-really-mean-it does it");
    expect(await replace({ yes_i_really_mean_it: true })).toMatchObject({
      result: "Scheduled to destroy osds: 1 and mark /d/file1 as being replaced.",
    });
    await rounds(at);
    expect([...host.osd(1).state]).toContain("destroyed");
    const spec: DriveGroupSpec = {
      service_type: "osd",
      placement: { host_pattern: HOSTNAME },
      spec: { data_devices: { paths: ["/d/file1"] } },
    };
    const make = () => effective(at.writes.createOsds({ drive_group: spec, skip_validation: false }, host.call()));
    await expect(make()).rejects.toThrow(/\/d\/file1 .* is marked as being replaced/);
    await replace({ clear: true });
    expect(await make()).toBe(`Created osd(s) 1 on host '${HOSTNAME}'`);
  });

  it("is replaced once: taken up again, neither the new OSD goes nor is the mark made again", async () => {
    const host = threeOsds();
    const at = await process(host);
    const params = { hostname: HOSTNAME, device: "/d/file1", clear: false, yes_i_really_mean_it: true };
    await at.writes.replaceDevice(params, host.call());
    await rounds(at);
    await at.writes.replaceDevice({ ...params, clear: true }, host.call());
    const spec: DriveGroupSpec = {
      service_type: "osd",
      placement: { host_pattern: HOSTNAME },
      spec: { data_devices: { paths: ["/d/file1"] } },
    };
    await effective(at.writes.createOsds({ drive_group: spec, skip_validation: false }, host.call()));
    await effective(at.writes.replaceDevice(params, host.call(true)));
    expect(host.records).toEqual({});
  });

  it("is replaced without OSDs that are elsewhere by now, or that the agent does not run", async () => {
    const host = threeOsds();
    const at = await process(host);
    const replace = async (device: string) => {
      const params = { hostname: HOSTNAME, device, clear: false, yes_i_really_mean_it: true };
      return ((await at.writes.replaceDevice(params, host.call())) as unknown as { result: string }).result;
    };
    const store = host.stores.get("/d/file1");
    if (store === undefined) throw new Error("the stand-in has no store on /d/file1");
    const uuid = "00000000-0000-4000-8000-0000000000bb";
    host.stores.set("/d/file3", { ...store, osd_uuid: uuid, devices: { block: "/d/file3" } });
    expect(await replace("/d/file3")).toBe("Marked /d/file3 as being replaced.");
    host.add("osd.1", { state: "foreign", service: "" });
    expect(await replace("/d/file1")).toBe(
      "Marked /d/file1 as being replaced.\nosd.1 was not started by the agent and stays; 'ceph orch daemon redeploy osd.1' lets the agent take it over",
    );
    expect(queue(host)).toEqual([]);
  });
});

describe("replacing OSDs", () => {
  const spec = (claims: readonly string[]): DriveGroupSpec => ({
    service_type: "osd",
    placement: { host_pattern: HOSTNAME },
    spec: { data_devices: { paths: ["/d/file3"] }, osd_id_claims: { [HOSTNAME]: [...claims] } },
  });

  it("destroys those that are claimed once they are drained, and gives their ids to new ones", async () => {
    vi.useRealTimers();
    const host = threeOsds();
    const at = await process(host);
    at.part.start();
    const text = await effective(at.writes.replaceOsds({ drive_group: spec(["2"]) }, host.call()));
    await at.part.close();
    expect(text).toMatch(/^Scheduled to destroy osds: 2/);
    expect(host.osd(2)).toMatchObject({ up: 1, crush: 0.5 });
    expect(host.stores.get("/d/file3")).toMatchObject({ osd_id: 2 });
    expect(host.lost).toEqual([]);
  });

  it("taken up again when the new ones are there, it replaces none of those", async () => {
    vi.useRealTimers();
    const host = threeOsds();
    const at = await process(host);
    at.part.start();
    await effective(at.writes.replaceOsds({ drive_group: spec(["2"]) }, host.call()));
    const { uuid } = host.osd(2);
    await effective(at.writes.replaceOsds({ drive_group: spec(["2"]) }, host.call(true)));
    await at.part.close();
    expect(host.osd(2)).toMatchObject({ up: 1, uuid });
    expect(host.records).toEqual({});
  });

  it("taken up again in its midst, it waits for what is queued and makes the new ones", async () => {
    vi.useRealTimers();
    const host = threeOsds();
    const at = await process(host);
    await at.writes.replaceOsds({ drive_group: spec(["2"]) }, host.call());
    expect(queue(host)).toEqual(["removals/2"]);
    const next = await process(host);
    next.part.start();
    await effective(next.writes.replaceOsds({ drive_group: spec(["2"]) }, host.call(true)));
    await next.part.close();
    expect(host.stores.get("/d/file3")).toMatchObject({ osd_id: 2 });
    expect(host.osd(2)).toMatchObject({ up: 1 });
  });

  it("asks for OSDs that wait to be replaced, or for some to be named", async () => {
    const at = await process(threeOsds());
    const replace = (claims: readonly string[]) =>
      effective(at.writes.replaceOsds({ drive_group: spec(claims) }, at.host.call()));
    await expect(replace([])).rejects.toThrow(/no OSD on h1.example.org waits to be replaced/);
    await expect(replace(["7"])).rejects.toThrow("host h1.example.org has no OSD 7 to replace");
    expect(queue(at.host)).toEqual([]);
  });
});
