/** A real upgrade from 16.2.15 to 18.2.7: the packages of the new version are installed, and `ceph orch upgrade` does the rest. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

import { freePort } from "../../../testbed/birth.ts";
import { until } from "../../../testbed/cluster.ts";
import { S3User } from "../../../testbed/s3-client.ts";
import { keepData, lostData } from "../../local-crash/kept-data.ts";
import { strikeAt } from "../../local-crash/upgrade-faults.ts";
import { allNew, install, NEW, OLD, pidOf, takeOver, UPGRADED_MS, untilUpgraded } from "../../local-crash/upgrading.ts";
import { type LocalCluster, localCluster } from "./local-cluster.ts";

interface UpgradeStatus {
  readonly in_progress: boolean;
  readonly is_paused: boolean;
  readonly services_complete: readonly string[];
  readonly progress: string | null;
  readonly message: string;
}

interface DaemonRow {
  readonly daemon_name: string;
  readonly status_desc: string;
  readonly version: string;
}

/** Of one test, in which there may be all of an upgrade. */
const TEST_MS = UPGRADED_MS + 240_000;

/** Those that come after the mgrs and the mon. */
const LATER = /^(osd|mds|rgw)\./;

const ONE_DEVICE = { file_devices: { count: 1, size: "4G" } };

describe("an upgrade from pacific to reef", { timeout: TEST_MS }, () => {
  const at = localCluster({ release: "pacific", name: "upgrade", mgrs: 2, roots: ["reef"] });
  let writing: Writing;
  let s3: { user: S3User; url: string };

  const status = async (): Promise<UpgradeStatus> => JSON.parse(await at().ok("orch upgrade status")) as UpgradeStatus;

  /** A manager that changes answers nothing for a while; that is no reason to give up. */
  const statusUntil = (what: string, wanted: (answer: UpgradeStatus) => boolean): Promise<UpgradeStatus> => {
    let last: unknown;
    return until(
      () => `${what}; last: ${JSON.stringify(last)}\n${at().agent.log().slice(-2000)}`,
      UPGRADED_MS,
      async () => {
        try {
          last = await status();
          return wanted(last as UpgradeStatus) ? (last as UpgradeStatus) : undefined;
        } catch (error) {
          last = String(error);
          return undefined;
        }
      },
      500,
    );
  };

  beforeAll(async () => {
    await at().ok("orch apply osd --all-available-devices");
    await at().osdsUp(3);
    await at().ok("fs volume create home --placement=2");
    const port = await freePort();
    await at().ok(`orch apply rgw s3 --port=${port} --placement=1`);
    await keepData(at());
    await at().eventually("a mds and a gateway", async () => {
      const rows = await at().read<DaemonRow[]>("orch ps");
      return (
        rows.filter((row) => /^(mds|rgw)/.test(row.daemon_name) && row.status_desc === "running").length === 3 ||
        undefined
      );
    });
    await at().eventually("the file to be written", async () => {
      await at().putFile("home", "/kept", "written before");
      return true;
    });
    s3 = { user: await S3User.add(at().cluster, "upgrader"), url: `http://127.0.0.1:${port}/bucket` };
    expect((await s3.user.put(s3.url)).status).toBe(200);
    expect((await s3.user.put(`${s3.url}/kept`, "put before")).status).toBe(200);
    writing = new Writing(at());
  });

  it("is refused while the mon and the mgrs are not the agent's, with what lets it have them", async () => {
    const cure = "let 'ceph orch daemon redeploy mon.a' take it over first";
    await at().refused("orch daemon restart mon.a", "EINVAL", cure);
    await at().refused("orch daemon rm mon.a --force", "EINVAL", cure);
    install(at(), "reef");
    const says =
      /Not started by the agent.*mon\.a \(16\.2\.15\).*'ceph orch daemon redeploy m\w+\.\w' lets it take over/;
    await at().refused(["orch", "upgrade", "start", "--ceph_version", NEW], "EINVAL", says);
    install(at(), null);
  });

  it("may restart them once they were redeployed", async () => {
    const before = at().daemons();
    await takeOver(at());
    for (const name of ["mon.a", "mgr.x", "mgr.y"]) expect(pidOf(at(), name), name).not.toBe(before[name]);
    await at().eventually("both mgrs", async () => (await versionsOf(at(), "mgr"))[OLD] === 2 || undefined);
  });

  it("is refused before the packages are there", async () => {
    await at().refused(
      ["orch", "upgrade", "start", "--ceph_version", NEW],
      "EINVAL",
      `version ${NEW} is not installed on this host: its packages are of ${OLD}`,
    );
  });

  it("is found once they are", async () => {
    install(at(), "reef");
    expect(JSON.parse(await at().ok("orch upgrade ls"))).toMatchObject({ versions: [NEW], running: { "osd.0": OLD } });
    const report = JSON.parse(await at().ok(["orch", "upgrade", "check", "--ceph_version", NEW])) as object;
    expect(report).toMatchObject({ needs_update: { "osd.0": {}, "mon.a": {}, "mgr.x": {} }, up_to_date: [] });
  });

  it("takes the managers and the mon first, goes on in the new manager, and when Node is killed", async () => {
    expect(await at().ok(["orch", "upgrade", "start", "--ceph_version", NEW])).toBe(`Initiating upgrade to ${NEW}`);
    await strikeAt(at(), "Node killed", /^mgr\./);
    await statusUntil("mgr and mon to be done", ({ services_complete: done }) => done.includes("mon"));
    expect(await versionsOf(at(), "mon")).toEqual({ [NEW]: 1 });
    // The restart of the mon may cost the active mgr its place, and then it is away for a moment.
    await at().eventually("both mgrs to be new", async () => (await versionsOf(at(), "mgr"))[NEW] === 2 || undefined);
  });

  it("is paused and resumed in its midst", async () => {
    expect(await at().ok("orch upgrade pause")).toBe(`Paused upgrade to ${NEW}`);
    await statusUntil("nothing to be under way", ({ message }) => message === "Upgrade paused");
    const { progress, in_progress: goesOn } = await status();
    expect(goesOn).toBe(true);
    await at().eventually("noout to be put back", async () => !(await flags(at())).includes("noout") || undefined);
    expect((await status()).progress).toBe(progress);
    expect(await at().ok("orch upgrade resume")).toBe(`Resumed upgrade to ${NEW}`);
  });

  it("goes on when a daemon that is being restarted is killed, then the agent, then the active manager", async () => {
    const past = [await strikeAt(at(), "restarted daemon killed", LATER)];
    past.push(await strikeAt(at(), "agent killed", LATER, past));
    await strikeAt(at(), "active mgr killed", LATER, past);
    await untilUpgraded(at());
  });

  it("leaves every daemon with the new version, and the cluster's flags as they were", async () => {
    await allNew(at(), 9);
    for (const type of ["mon", "mgr", "osd", "mds"])
      expect(Object.keys(await versionsOf(at(), type)), type).toEqual([NEW]);
    await at().eventually("the old gateway to be forgotten", async () => {
      const versions = Object.keys(await versionsOf(at(), "rgw"));
      return (versions.length === 1 && versions[0] === NEW) || undefined;
    });
  });

  it("loses nothing, and what was written meanwhile is there too", async () => {
    const { count, lost } = await writing.stop();
    expect(lost).toEqual([]);
    expect(count).toBeGreaterThan(100);
    expect(await lostData(at())).toEqual([]);
    expect(await at().getFile("home", "/kept")).toBe("written before");
    expect(await (await s3.user.get(`${s3.url}/kept`)).text()).toBe("put before");
  });
});

describe("an upgrade with a single manager", { timeout: TEST_MS }, () => {
  const at = localCluster({ release: "pacific", name: "upgrade-one", roots: ["reef"], options: ONE_DEVICE });

  it("restarts it like every other daemon, and goes on in the new one", async () => {
    await takeOver(at());
    await at().ok("orch apply osd --all-available-devices");
    await at().osdsUp(1);
    install(at(), "reef");
    expect(await at().ok(["orch", "upgrade", "start", "--ceph_version", NEW])).toBe(`Initiating upgrade to ${NEW}`);
    await untilUpgraded(at());
    await allNew(at(), 3);
  });
});

async function flags(at: LocalCluster): Promise<readonly string[]> {
  return (await at.mon<{ flags_set: string[] }>("osd dump")).flags_set;
}

/** How many daemons of a type run which version, as the monitors know. */
async function versionsOf(at: LocalCluster, type: string): Promise<Record<string, number>> {
  const counts = (await at.mon<Record<string, Record<string, number>>>("versions"))[type] ?? {};
  return Object.fromEntries(Object.entries(counts).map(([text, count]) => [text.split(" ")[2] ?? text, count]));
}

/** Writes objects, each with its number in it, until the file appears; then reads all of them back. */
const WRITER = `
import os, rados, sys, time
cluster = rados.Rados(conffile=os.environ["CEPH_CONF"])
cluster.connect()
pool = cluster.open_ioctx("kept")
count = 0
while not os.path.exists(sys.argv[1]):
    count += 1
    pool.write_full("meanwhile-%d" % count, b"written %d" % count)
    time.sleep(0.05)
lost = [n for n in range(1, count + 1) if pool.read("meanwhile-%d" % n) != b"written %d" % n]
print(count, *lost)
`;

/** A client that goes on through all of the upgrade. */
class Writing {
  readonly #stopFile: string;
  readonly #ended: Promise<{ code: number | null; stdout: string; stderr: string }>;

  constructor({ cluster }: LocalCluster) {
    this.#stopFile = join(cluster.dir, "in", "stop-writing");
    const stop = cluster.pathInRoot(this.#stopFile);
    this.#ended = cluster.inRoot(["python3", "-c", WRITER, stop], { timeoutMs: UPGRADED_MS * 2 });
    this.#ended.catch(() => undefined); // told by stop()
  }

  /** How many objects it wrote, without one error, and the numbers of those that are not as they were written. */
  async stop(): Promise<{ count: number; lost: number[] }> {
    writeFileSync(this.#stopFile, "");
    const { code, stdout, stderr } = await this.#ended;
    expect(code, stderr).toBe(0);
    const [count = 0, ...lost] = stdout.trim().split(" ").map(Number);
    return { count, lost };
  }
}
