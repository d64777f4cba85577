/** The testbed itself, on real clusters. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { rootOf } from "../../testbed/cache.ts";
import {
  type Cluster,
  missing,
  openCluster,
  RELEASE_NAMES,
  RELEASES,
  until,
  upCluster,
} from "../../testbed/cluster.ts";

/** Our own name for each cluster, so that this file disturbs no one else's. */
const named = (name: string): string => `testbed-${process.pid}-${name}`;

const PROBE = `
from mgr_module import MgrModule


class Module(MgrModule):
    COMMANDS = []
    MODULE_OPTIONS = []
`;

/** A mgr module that does nothing, in a cluster's own module folder. */
function addModule(cluster: Cluster, name: string): void {
  const folder = join(cluster.moduleDir, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "__init__.py"), "from .module import Module\n");
  writeFileSync(join(folder, "module.py"), PROBE);
}

describe.each(RELEASE_NAMES)("a %s in a folder", (release) => {
  const reason = missing(release);
  let cluster: Cluster;

  beforeEach((context) => context.skip(reason !== null, reason ?? ""));
  beforeAll(async () => {
    if (reason === null)
      cluster = await upCluster({ release, name: named("one"), beforeStart: (made) => addModule(made, "early") });
  });
  afterAll(async () => {
    if (reason === null) await cluster.down();
  });

  it("answers the release's own ceph command", async () => {
    const { code, stdout } = await cluster.ceph(["-s"]);
    expect(stdout).toContain("mgr: x(active");
    expect(code).toBe(0);
    const version = await cluster.ceph(["version"]);
    expect(version.stdout).toContain(`ceph version ${RELEASES[release].major}.2.`);
  });

  it("has its modules loaded: the orchestrator module answers", async () => {
    const prefix = release === "nautilus" ? "orchestrator status" : "orch status";
    const { ret, err } = await cluster.rados().mgr({ prefix });
    expect(err).toMatch(/^No orchestrator configured/);
    expect(ret).toBe(-2);
  });

  it("loads a module from the cluster's own folder and leaves the shared root alone", async () => {
    const { stdout } = await cluster.ceph(["mgr", "dump", "--format", "json"]);
    expect(stdout).toMatch(/"name":\s*"early",\s*"can_run":\s*true/);
    await cluster.enableModule("early");
    expect((await cluster.mgrMap()).modules).toContain("early");
    expect(existsSync(join(rootOf(release), "usr/share/ceph/mgr/early"))).toBe(false);
  });

  it("loads a module that came after the mgr, when it is enabled by force", async () => {
    addModule(cluster, "late");
    await expect(cluster.enableModule("late")).rejects.toThrow("late");
    await cluster.enableModule("late", { force: true });
    expect(cluster.mgrLog()).toMatch(/Loading python module 'late'/);
    await cluster.disableModule("late");
    expect((await cluster.mgrMap()).modules).not.toContain("late");
  });

  it("hands a command's exit code and its input through", async () => {
    const unknown = await cluster.ceph(["no", "such", "command"]);
    expect(unknown.code).toBe(22);
    expect(unknown.stderr).toContain("EINVAL");
    expect((await cluster.ceph(["config-key", "set", "k"], { input: "a\nb" })).code).toBe(0);
    expect((await cluster.ceph(["config-key", "get", "k"])).stdout).toBe("a\nb");
  });

  it("starts a killed mgr anew, on the same folder", async () => {
    const before = cluster.mgrPid();
    await cluster.killMgr("SIGKILL");
    expect(cluster.mgrPid()).toBeUndefined();
    await cluster.startMgr();
    expect(cluster.mgrPid()).not.toBe(before);
    expect((await cluster.mgrMap()).available).toBe(true);
  });

  it("keeps what the monitor knew when the monitor is started anew", async () => {
    const key = { prefix: "config-key set", key: "kept", val: "yes" };
    expect((await cluster.rados().mon(key)).ret).toBe(0);
    await cluster.restartMon("SIGKILL");
    expect((await cluster.rados().mon({ prefix: "config-key get", key: "kept" })).out).toBe("yes");
  });

  it("leaves no mount behind on the machine", () => {
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    expect(mounts).not.toContain(cluster.place.tag);
  });

  it("serves the dashboard beside OSDs and a standby, with managers run as user ceph", async () => {
    const options = { osds: 1, objectStore: "bluestore", mgrs: 2, user: "ceph", dashboard: true } as const;
    const other = await upCluster({ release, name: named("full"), ...options });
    try {
      const owner = statSync(`/proc/${other.mgrPid("x")}`).uid;
      expect(owner).toBe(statSync(join(other.dir, "crash")).uid);
      expect(owner).not.toBe(0);
      const { stdout } = await other.ceph(["-s"]);
      expect(stdout).toMatch(/standbys: [xy]\b/);
      expect(stdout).toMatch(/osd: 1 osds: 1 up/);
      expect(await login(other)).toHaveProperty("token");
    } finally {
      await other.down();
    }
  });
});

/** Logs in as the dashboard's own page does. */
async function login(cluster: Cluster): Promise<unknown> {
  const { dashboard } = cluster.state;
  if (dashboard === null) throw new Error("the cluster has no dashboard");
  const { user: username, password } = dashboard;
  const headers = { "content-type": "application/json", accept: "application/vnd.ceph.api.v1.0+json" };
  const body = JSON.stringify({ username, password });
  const answer = await fetch(new URL("api/auth", dashboard.url), { method: "POST", headers, body });
  return answer.json();
}

describe("clusters side by side", () => {
  const release = "tentacle";
  const reason = missing(release);
  beforeEach((context) => context.skip(reason !== null, reason ?? ""));

  it("end one by one: one's end leaves the other up", async () => {
    const [one, two] = await Promise.all(["a", "b"].map((name) => upCluster({ release, name: named(name) })));
    try {
      expect(await one?.down()).toEqual([]);
      expect(openCluster(release, named("a"))).toBeUndefined();
      expect((await two?.ceph(["-s"]))?.code).toBe(0);
    } finally {
      await two?.down();
    }
  });

  it("refuse a name that is taken", async () => {
    const cluster = await upCluster({ release, name: named("taken") });
    try {
      await expect(upCluster({ release, name: named("taken") })).rejects.toThrow("is up already");
      expect((await cluster.ceph(["-s"])).code).toBe(0);
    } finally {
      await cluster.down();
    }
  });

  it("end what was started in them, and tell what had to be killed", async () => {
    const cluster = await upCluster({ release, name: named("leaky") });
    const [file, args] = cluster.argv(["setsid", "sleep", "1000"]);
    spawn(file, args, { stdio: "ignore", detached: true, env: cluster.env() }).unref();
    const slept = (): true | undefined =>
      cluster.processes().some(({ command }) => command === "sleep 1000") || undefined;
    await until("sleep to run", 10_000, slept);
    const killed = await cluster.down();
    expect(killed.map(({ command }) => command)).toEqual(["sleep 1000"]);
    expect(cluster.processes()).toEqual([]);
    expect(existsSync(cluster.dir)).toBe(false);
  });

  it("start a daemon again that aborted by the known flaw of Ceph, and no other", async () => {
    const cluster = await upCluster({ release, name: named("aborts") });
    const abort = (words: string) => `[ -e $0 ] && exec sleep 1000; touch $0; echo "${words}" >&2; kill -ABRT $$`;
    const start = (name: "osd.8" | "osd.9", words: string) =>
      cluster.daemon(name).start(["/bin/sh", "-c", abort(words), `${cluster.inside}/${name}.second`]);
    try {
      await start("osd.8", "FAILED ceph_assert(ckh)").catch(() => undefined);
      await until(
        "the second life",
        10_000,
        () => cluster.processes().some(({ command }) => command === "sleep 1000") || undefined,
      );
      expect(cluster.daemon("osd.8").ended).toBeUndefined();
      await start("osd.9", "FAILED ceph_assert(other)").catch(() => undefined);
      await until("the end", 10_000, () => cluster.daemon("osd.9").ended);
      expect(cluster.daemon("osd.9").ended).toBe("ended by SIGABRT");
      expect(cluster.daemon("osd.9").pid).toBeUndefined();
    } finally {
      await cluster.down();
    }
  });

  it("are swept by the next up when the process that owned them has died", async () => {
    const module = join(import.meta.dirname, "../../testbed/cluster.ts");
    const script = `
      import { upCluster } from ${JSON.stringify(module)};
      await upCluster({ release: "${release}", name: "${named("orphan")}" });
      process.kill(process.pid, "SIGKILL");`;
    const died = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
    expect(died.stderr).toBe("");
    expect(died.signal).toBe("SIGKILL");
    const orphan = openCluster(release, named("orphan"));
    expect(orphan?.processes().map(({ command }) => command.split(" ")[0])).toEqual(["ceph-mon", "ceph-mgr"]);
    const next = await upCluster({ release, name: named("next") });
    try {
      expect(openCluster(release, named("orphan"))).toBeUndefined();
      expect(orphan?.processes()).toEqual([]);
    } finally {
      await next.down();
    }
  });
});

describe("the command npm run testbed", () => {
  const cli = join(import.meta.dirname, "../../testbed/cli.ts");
  const testbed = (...args: string[]) => spawnSync(process.execPath, [cli, ...args], { encoding: "utf8" });

  it("says in one sentence which cluster is not up, and ends with 2", (context) => {
    const reason = missing("tentacle");
    context.skip(reason !== null, reason ?? "");
    const { status, stderr } = testbed("ceph", "--name", "nobody", "tentacle", "-s");
    expect(stderr).toMatch(/^testbed: the tentacle cluster nobody is not up; .*\n$/);
    expect(status).toBe(2);
  });

  it("ends as the ceph command that it ran", async (context) => {
    const reason = missing("tentacle");
    context.skip(reason !== null, reason ?? "");
    const name = named("cli");
    expect(testbed("up", "tentacle", "--name", name).stdout).toMatch(
      /^tentacle is up after [\d.]+ s: mon.a on 127.0.0.1:\d+, mgr.x\n/,
    );
    try {
      expect(testbed("ls").stdout).toContain(`  ${name}: up, mon on 127.0.0.1:`);
      expect(testbed("ceph", "--name", name, "tentacle", "no", "such").status).toBe(22);
      expect(testbed("shell", "--name", name, "tentacle", "ceph", "fsid").stdout).toBe(
        `${openCluster("tentacle", name)?.state.fsid}\n`,
      );
    } finally {
      expect(testbed("down", "tentacle", "--name", name).status).toBe(0);
    }
    expect(openCluster("tentacle", name)).toBeUndefined();
  });
});
