import { setTimeout } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";

import { control } from "../../../src/backends/local/control.ts";
import { upgradeReads, upgradeWrites } from "../../../src/backends/local/upgrade/methods.ts";
import { type Patience, Upgrade } from "../../../src/backends/local/upgrade/upgrade.ts";
import { NEW, OLD, StandInCeph } from "./stand-in-ceph.ts";
import { AgentError, effective, HOSTNAME, operation } from "./stand-in-host.ts";

const start = {
  image: null,
  version: NEW as string | null,
  daemon_types: null as string[] | null,
  hosts: null as string | null,
  services: null as string[] | null,
  limit: null as number | null,
};

/** The upgrade in a process of its own. Its rounds come one right after the other. */
async function processOn(ceph: StandInCeph, patience: Patience = { ms: 60_000, crashes: 3 }) {
  const site = await ceph.site();
  const upgrade = new Upgrade(site, patience);
  onTestFinished(() => upgrade.rounds.close());
  const { upgradeStatus, ...reads } = upgradeReads(site, upgrade);
  const writes = upgradeWrites(site, upgrade);
  upgrade.rounds.start();
  const until = async (what: string, wanted: () => Promise<boolean> | boolean): Promise<void> => {
    for (const end = Date.now() + 20_000; !(await wanted()); await setTimeout(5)) {
      upgrade.rounds.kick();
      if (Date.now() > end)
        throw new Error(`${what}: ${JSON.stringify([await upgradeStatus(), ceph.steps, ceph.said])}`);
    }
  };
  return {
    ...reads,
    ...writes,
    upgradeStatus,
    rounds: upgrade.rounds,
    until,
    over: () => until("the upgrade to be over", async () => !(await upgradeStatus()).in_progress),
    /** Until it waits for something. */
    waits: (reason: RegExp) => until(String(reason), async () => reason.test((await upgradeStatus()).message ?? "")),
    paused: () => until("the upgrade to pause", async () => (await upgradeStatus()).is_paused === true),
    /** Until nothing is left to be put back, too. */
    tidy: () => until("what it changed to be put back", () => Object.keys(ceph.records).length === 0),
  };
}

describe("an upgrade", () => {
  it("restarts the daemons in Ceph's order, those that stand by first, and is done when all are of the new version", async () => {
    const ceph = StandInCeph.whole();
    const { upgradeStart, upgradeStatus, over, tidy } = await processOn(ceph);
    const given = await upgradeStart(start, ceph.call());
    await over();
    await tidy();
    expect(await effective(given)).toBe(`Initiating upgrade to ${NEW}`);
    expect(ceph.steps).toEqual([
      "mgr.y",
      "mgr fail x",
      "mgr.x",
      "mon.a",
      "crash.h1",
      "osd set noout",
      "osd.1",
      "osd.2",
      "osd.10",
      "osd unset noout",
      "osd require-osd-release reef",
      "mds.home.b",
      "mds.home.a",
      "rgw.s3.a",
    ]);
    expect(Object.values(ceph.versions()).filter((version) => version === OLD)).toEqual([]);
    expect(await upgradeStatus()).toEqual({ in_progress: false });
  });

  it("has nothing to do where all is of that version already, and restarts nothing", async () => {
    const ceph = StandInCeph.whole();
    for (const daemon of ceph.daemons.values()) if (daemon.version !== null) daemon.version = NEW;
    ceph.required = "reef";
    const { upgradeStart, upgradeCheck } = await processOn(ceph);
    expect(await effective(upgradeStart(start, ceph.call()))).toBe(`Initiating upgrade to ${NEW}`);
    expect(ceph.steps).toEqual([]);
    expect(JSON.parse(await upgradeCheck({ image: null, version: null }))).toMatchObject({ needs_update: {} });
  });

  it("restarts the only mgr too, and leaves a noout that the operator had set", async () => {
    const ceph = StandInCeph.whole();
    ceph.daemons.delete("mgr.y");
    ceph.flags.add("noout");
    const { upgradeStart, over, tidy } = await processOn(ceph);
    await upgradeStart(start, ceph.call());
    await over();
    await tidy();
    expect(ceph.steps.slice(0, 2)).toEqual(["mgr.x", "mon.a"]);
    expect([...ceph.flags]).toEqual(["noout"]);
  });

  it("goes on after the agent was away, and its write waits for that", async () => {
    const ceph = StandInCeph.whole();
    const { upgradeStart } = await processOn(ceph);
    const given = await upgradeStart(start, ceph.call());
    let away = 5;
    ceph.agent["record/read"] = () => {
      away -= 1;
      if (away > 0) throw new AgentError("UnavailableError", "the agent is away");
      return { generation: ceph.generation, records: ceph.records };
    };
    expect(await effective(given)).toBe(`Initiating upgrade to ${NEW}`);
    expect(away).toBeLessThan(0);
    expect(ceph.steps).toContain("rgw.s3.a");
  });

  it("leaves a file system one active mds for its time, and no follower", async () => {
    const ceph = StandInCeph.whole();
    ceph.add("mds.home.c", { version: OLD });
    ceph.filesystems.set("home", { maxMds: 2, flags: 32 + 2, ranks: ["home.a", "home.c"] });
    const { upgradeStart, over, tidy } = await processOn(ceph);
    await upgradeStart({ ...start, daemon_types: null }, ceph.call());
    await over();
    await tidy();
    expect(ceph.steps.slice(ceph.steps.indexOf("mds.home.b"))).toEqual([
      "mds.home.b",
      "fs set home allow_standby_replay false",
      "fs set home max_mds 1",
      "mds.home.c",
      "mds.home.a",
      "fs set home max_mds 2",
      "fs set home allow_standby_replay true",
      "rgw.s3.a",
    ]);
    expect(ceph.filesystems.get("home")).toMatchObject({ maxMds: 2, flags: 34 });
  });

  it.each([
    ["mon ok-to-stop", "not enough monitors", "mon.a"],
    ["osd ok-to-stop", "3 PGs would become offline", "osd.1"],
    ["mds ok-to-stop", "one file system would be degraded", "mds.home.a"],
  ])("waits while %s says no, and tells why", async (command, reason, name) => {
    const ceph = StandInCeph.whole();
    for (const id of ["b", "c"]) ceph.add(`mon.${id}`, { version: OLD });
    let ok = false;
    ceph.commands[command] = () => (ok ? "" : { retval: -16, stderr: reason });
    const { upgradeStart, waits, over } = await processOn(ceph);
    await upgradeStart(start, ceph.call());
    await waits(new RegExp(`${name} may not be stopped: .*${reason}`));
    expect(ceph.steps).not.toContain(name);
    ok = true;
    await over();
    expect(ceph.steps).toContain(name);
  });

  it("goes on with the next daemon only when the maps show the one before with its new version", async () => {
    const ceph = StandInCeph.whole();
    ceph.onAct = ({ name }) => void (name === "osd.1" && ceph.missing.add(name));
    const { upgradeStart, waits, over } = await processOn(ceph);
    await upgradeStart(start, ceph.call());
    await waits(/the monitors do not know osd\.1 with version/);
    expect(ceph.steps).not.toContain("osd.2");
    const pg = { pgid: "1.7", state: "active+clean", reported_epoch: 4, acting: [2, 1] };
    ceph.pgs = [{ ...pg, pgid: "1.6", acting: [2] }, pg];
    ceph.missing.clear();
    await waits(/placement group 1\.7 has not reported since osd\.1 came up/);
    ceph.pgs = [{ ...pg, state: "peering", reported_epoch: 6 }];
    await waits(/placement group 1\.7 is peering/);
    ceph.pgs = [];
    await over();
    expect(ceph.steps).toContain("osd.2");
  });

  it("survives the death of its process at any step, and restarts no daemon twice without need", async () => {
    await Promise.all(Array.from({ length: 24 }, (_, index) => dyingAt(5 + index * 9)));
  });

  it("is taken up by another process, whose write ends with it", async () => {
    const ceph = StandInCeph.whole();
    ceph.lives = 40;
    const first = await processOn(ceph);
    const cut = effective(first.upgradeStart(start, ceph.call())).catch(() => undefined);
    await first.until("the first process to be dead", () => ceph.lives < 0).catch(() => undefined);
    await first.rounds.close();
    await cut;
    ceph.lives = Number.POSITIVE_INFINITY;
    const second = await processOn(ceph);
    const write = effective(second.upgradeStart(start, ceph.call(true)));
    await second.over();
    expect(await write).toBe(`Initiating upgrade to ${NEW}`);
    expect(await effective(second.upgradeStart(start, ceph.call(true)))).toMatch(/is over/);
  });
});

async function dyingAt(steps: number): Promise<void> {
  const ceph = StandInCeph.whole();
  const first = await processOn(ceph);
  await first.upgradeStart(start, ceph.call());
  ceph.lives = steps;
  await first
    .until("the first process to be dead, or done", () => ceph.lives < 0 || Object.keys(ceph.records).length === 0)
    .catch(() => undefined);
  await first.rounds.close();
  ceph.lives = Number.POSITIVE_INFINITY;
  const second = await processOn(ceph);
  await second.over();
  await second.tidy();
  expect(
    Object.values(ceph.versions()).filter((version) => version === OLD),
    `after ${steps}`,
  ).toEqual([]);
  const restarts = ceph.steps.filter((step) => ceph.daemons.has(step));
  expect(restarts.length - new Set(restarts).size, `after ${steps}: ${restarts.join(" ")}`).toBe(0);
  expect([...ceph.flags], `after ${steps}`).toEqual([]);
}

describe("a daemon that does not come back", () => {
  it.each([
    ["cannot be started", { state: "failed", last_exit: "no such file" }, /osd\.1 could not be started: no such file/],
    ["ends again and again", { state: "backoff", crashes: 3, last_exit: "SIGABRT" }, /osd\.1 ended 3 times .*SIGABRT/],
    ["runs its old version all the same", { version: OLD }, /osd\.1 was restarted and runs 16\.2\.15, not 18\.2\.7/],
  ] as const)("pauses the upgrade when it %s; a resume tries again", async (_how, change, reason) => {
    const ceph = StandInCeph.whole();
    ceph.onAct = (daemon) => void (daemon.name === "osd.1" && Object.assign(daemon, change));
    const { upgradeStart, upgradeStatus, upgradeResume, paused, until, over } = await processOn(ceph);
    await upgradeStart(start, ceph.call());
    await paused();
    expect((await upgradeStatus()).message).toMatch(reason);
    await until(
      "the health check and noout to be as in a pause",
      () => "UPGRADE_REDEPLOY_DAEMON" in ceph.health && ceph.flags.size === 0,
    );
    expect(ceph.steps).not.toContain("osd.2");
    ceph.onAct = (daemon) => void Object.assign(daemon, { crashes: 0 });
    expect(await upgradeResume()).toBe(`Resumed upgrade to ${NEW}`);
    await over();
    expect(ceph.versions()["osd.1"]).toBe(NEW);
    await until("the health check to be taken back", () => Object.keys(ceph.health).length === 0);
  });

  it("pauses the upgrade when the time is up, and when the agent refuses", async () => {
    const ceph = StandInCeph.whole();
    ceph.onAct = ({ name }) => void (name === "mon.a" && ceph.missing.add(name));
    const { upgradeStart, upgradeStatus, upgradeStop, paused } = await processOn(ceph, { ms: 1, crashes: 3 });
    await upgradeStart({ ...start, daemon_types: ["mgr", "mon"] }, ceph.call());
    await paused();
    expect((await upgradeStatus()).message).toMatch(/UPGRADE_REDEPLOY_DAEMON: upgrading m/);
    await upgradeStop();

    const other = StandInCeph.whole();
    other.onAct = ({ name }) => {
      if (name === "mon.a") throw new AgentError("OrchestratorError", "mon.a cannot be started: its folder is gone");
    };
    const second = await processOn(other);
    await second.upgradeStart(start, other.call());
    await second.paused();
    expect((await second.upgradeStatus()).message).toMatch(/its folder is gone/);
  });
});

describe("the active mgr", () => {
  it("is not left for one that cannot run the module", async () => {
    const ceph = StandInCeph.whole();
    ceph.brokenModules.set("y", "No module named 'bcrypt'");
    const { upgradeStart, upgradeStatus, paused, until } = await processOn(ceph);
    await upgradeStart(start, ceph.call());
    await paused();
    expect(ceph.steps).toEqual(["mgr.y"]);
    expect((await upgradeStatus()).message).toMatch(/no upgraded mgr can run .*mgr\.y: No module named 'bcrypt'/);
    await until("the health check", () => "UPGRADE_NO_STANDBY_MGR" in ceph.health);
  });

  it("is not failed over for ever when the new one does not stay", async () => {
    const ceph = StandInCeph.whole();
    ceph.commands["mgr fail"] = () => "";
    const { upgradeStart, paused } = await processOn(ceph);
    await upgradeStart(start, ceph.call());
    await paused();
    expect(ceph.steps).toEqual(["mgr.y", "mgr fail x", "mgr fail x", "mgr fail x"]);
  });
});

describe("part of an upgrade", () => {
  it("concerns the types, services and number that were asked for", async () => {
    const ceph = StandInCeph.whole();
    const { upgradeStart, over } = await processOn(ceph);
    await upgradeStart({ ...start, daemon_types: ["mgr", "mon"], hosts: HOSTNAME }, ceph.call());
    await over();
    await upgradeStart({ ...start, services: ["osd"], limit: 2 }, ceph.call());
    await over();
    expect(ceph.steps.filter((step) => ceph.daemons.has(step))).toEqual(["mgr.y", "mgr.x", "mon.a", "osd.1", "osd.2"]);
    expect(ceph.required).toBe("pacific");
  });

  it.each([
    [{ daemon_types: ["osd"] }, /need upgrading first: mon\.a, mgr\.x, mgr\.y/],
    [{ services: ["rgw.s3"] }, /need upgrading first: mds\.home\.b/],
    [{ daemon_types: ["disk"] }, /disk cannot be upgraded/],
    [{ daemon_types: ["osd"], services: ["osd"] }, /exclude each other/],
    [{ services: ["mds.none"] }, /service mds\.none has no daemons/],
    [{ hosts: "h2" }, /host h2 is not known/],
    [{ limit: 0 }, /limit 0 is below 1/],
    [{ image: "quay/ceph:v18" }, /image quay\/ceph:v18: .*packages, not images/],
    [{ version: "18.2.9" }, /version 18\.2\.9 is not installed on this host: its packages are of 18\.2\.7/],
    [{ version: "reef" }, /not of the form X\.Y\.Z/],
  ])("is refused with %j, before anything is changed", async (wrong, reason) => {
    const ceph = StandInCeph.whole();
    const { upgradeStart } = await processOn(ceph);
    await expect(upgradeStart({ ...start, ...wrong }, ceph.call())).rejects.toThrow(reason);
    expect([ceph.steps, ceph.records]).toEqual([[], {}]);
  });
});

describe("an upgrade is refused", () => {
  it.each([
    ["downwards", { mon: "15.2.17" }, "15.2.17", /cannot be downgraded from 16\.2\.15 to 15\.2\.17/],
    ["over more than two major versions", { mon: "20.2.4" }, "20.2.4", /passes more than 2 major versions/],
    [
      "with packages of two versions",
      { mon: "18.2.7", osd: "18.2.4" },
      null,
      /several versions \(.*mon 18\.2\.7.*osd 18\.2\.4/,
    ],
  ])("%s", async (_what, installed, version, reason) => {
    const ceph = StandInCeph.whole();
    for (const type of Object.keys(ceph.installed)) delete ceph.installed[type];
    Object.assign(ceph.installed, installed);
    const { upgradeStart } = await processOn(ceph);
    await expect(upgradeStart({ ...start, version }, ceph.call())).rejects.toThrow(reason);
  });

  it("in maintenance, and while old mons or mgrs run that the agent does not", async () => {
    const ceph = StandInCeph.whole();
    ceph.records["host"] = { maintenance: true };
    const { upgradeStart } = await processOn(ceph);
    await expect(upgradeStart(start, ceph.call())).rejects.toThrow("the host is in maintenance");
    delete ceph.records["host"];
    ceph.daemons.get("mon.a")!.state = "foreign";
    ceph.commands["quorum_status"] = () => ({
      election_epoch: 4,
      quorum_names: ["a"],
      monmap: { mons: [{ name: "a" }] },
    });
    ceph.commands["mon metadata"] = () => [
      { name: "a", ceph_version_short: OLD },
      { name: "b", ceph_version_short: OLD },
    ];
    const here =
      /Not started by the agent, and not of 18\.2\.7: mon\.a \(16\.2\.15\); 'ceph orch daemon redeploy mon\.a'/;
    await expect(upgradeStart(start, ceph.call())).rejects.toThrow(here);
    await expect(upgradeStart({ ...start, daemon_types: ["mgr"] }, ceph.call())).rejects.toThrow(here);
    ceph.daemons.get("mon.a")!.state = "running";
    ceph.commands["quorum_status"] = () => ({
      election_epoch: 4,
      quorum_names: ["a", "b"],
      monmap: { mons: [{ name: "a" }, { name: "b" }] },
    });
    await expect(upgradeStart(start, ceph.call())).rejects.toThrow(
      /Not on this host.*: mon\.b \(16\.2\.15\); restart them/,
    );
  });

  it("of all daemons while an old OSD runs that the agent does not, but of others for themselves", async () => {
    const ceph = StandInCeph.whole();
    ceph.daemons.get("osd.2")!.state = "foreign";
    const { upgradeStart, over } = await processOn(ceph);
    await expect(upgradeStart(start, ceph.call())).rejects.toThrow(/not of 18\.2\.7: osd\.2 \(16\.2\.15\)/);
    await expect(upgradeStart({ ...start, daemon_types: ["mds"] }, ceph.call())).rejects.toThrow(/osd\.2/);
    await upgradeStart({ ...start, daemon_types: ["mgr", "mon"] }, ceph.call());
    await over();
    expect(ceph.steps).toEqual(["mgr.y", "mgr fail x", "mgr.x", "mon.a"]);
  });
});

describe("the operator's hand on an upgrade", () => {
  it("pauses, resumes and stops it; a stop puts back what it changed", async () => {
    const ceph = StandInCeph.whole();
    let ok = false;
    ceph.commands["osd ok-to-stop"] = () => (ok ? "" : { retval: -16, stderr: "not now" });
    const at = await processOn(ceph);
    const none = /No upgrade in progress/;
    await expect(at.upgradePause()).rejects.toThrow(none);
    await expect(at.upgradeResume()).rejects.toThrow(none);
    expect(await at.upgradeStop()).toMatch(none);
    await at.upgradeStart(start, ceph.call());
    await at.waits(/osd\.1 may not be stopped/);
    expect([...ceph.flags]).toEqual(["noout"]);
    expect(await at.upgradePause()).toBe(`Paused upgrade to ${NEW}`);
    await at.until("noout to be put back", () => ceph.flags.size === 0);
    ok = true;
    expect(await at.upgradeStatus()).toMatchObject({ in_progress: true, is_paused: true, message: "Upgrade paused" });
    expect(ceph.steps).not.toContain("osd.1");
    const again = { ...ceph.call(), id: "another call" };
    expect(await at.upgradeStart(start, again)).toMatchObject({ result: `Resumed upgrade to ${NEW}` });
    await at.until("osd.1 to be restarted", () => ceph.steps.includes("osd.1"));
    expect(await at.upgradeStop()).toBe(`Stopped upgrade to ${NEW}`);
    await at.tidy();
    expect([...ceph.flags]).toEqual([]);
    expect(ceph.steps).not.toContain("rgw.s3.a");
  });

  it("holds it with all background work by `ceph orch pause`, without noout meanwhile", async () => {
    const ceph = StandInCeph.whole();
    let ok = false;
    ceph.commands["osd ok-to-stop"] = () => (ok ? "" : { retval: -16, stderr: "not now" });
    const at = await processOn(ceph);
    const { pause, resume } = control(await ceph.site(), [], at.rounds, () => undefined);
    await at.upgradeStart(start, ceph.call());
    await at.waits(/osd\.1 may not be stopped/);
    expect([...ceph.flags]).toEqual(["noout"]);
    await pause();
    await at.until("noout to be put back", () => ceph.flags.size === 0);
    ok = true;
    await at.waits(/paused with all background work; 'ceph orch resume' lets it go on/);
    expect(ceph.steps).not.toContain("osd.1");
    await resume();
    await at.over();
    expect(ceph.steps).toContain("osd.10");
  });

  it("is told how far it is, what is done and what it waits for", async () => {
    const ceph = StandInCeph.whole();
    ceph.commands["osd ok-to-stop"] = () => ({ retval: -16, stderr: "not now" });
    const at = await processOn(ceph);
    const given = await at.upgradeStart(start, ceph.call());
    await at.waits(/osd\.1 may not be stopped/);
    expect(await at.upgradeStatus()).toMatchObject({
      in_progress: true,
      target_image: NEW,
      services_complete: ["mgr", "mon", "crash"],
      progress: "4/10 daemons upgraded",
      which: "Upgrading all daemon types on all hosts",
      is_paused: false,
    });
    const again = { ...ceph.call(), id: "another call" };
    expect(await at.upgradeStart(start, again)).toMatchObject({ result: `Upgrade to ${NEW} in progress` });
    await expect(at.upgradeStart({ ...start, version: "19.2.3" }, again)).rejects.toThrow(
      `Upgrade to ${NEW} (not 19.2.3) already in progress`,
    );
    const progress: string[] = [];
    const { effective: stage } = given as unknown as { effective: (one: ReturnType<typeof operation>) => unknown };
    void stage(operation(progress));
    await at.until("progress to be told", () => progress.length > 0);
    expect(progress[0]).toMatch(/^0\.40 4\/10 daemons upgraded: Currently upgrading osd daemons: osd\.1 may not/);
    await at.upgradeStop();
  });

  it("shows what is installed against what runs", async () => {
    const ceph = StandInCeph.whole();
    const { upgradeLs, upgradeAvailable, upgradeCheck } = await processOn(ceph);
    expect(await upgradeLs({ image: null, tags: false, show_all_versions: false })).toMatchObject({
      versions: [NEW],
      installed: { osd: NEW },
      running: { "osd.1": OLD },
    });
    expect(await upgradeAvailable()).toEqual([NEW]);
    const report = JSON.parse(await upgradeCheck({ image: null, version: NEW })) as { needs_update: object };
    expect(report).toMatchObject({ needs_update: { "osd.1": { current_version: OLD } }, target_name: NEW });
    await expect(upgradeCheck({ image: null, version: "18.2.9" })).rejects.toThrow("is not installed on this host");
  });
});
