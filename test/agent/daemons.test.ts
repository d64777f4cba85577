import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { METHODS } from "../../src/agent/protocol.ts";
import { isAlive, OneAgent, until } from "./one-agent.ts";

// Each starts several Node processes, which takes long on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

let agent: OneAgent;

beforeEach(async () => {
  agent = new OneAgent();
  await agent.start();
});
afterEach(() => agent.down());

function manifest(): { daemons: Record<string, { removing: string | null }> } {
  return JSON.parse(readFileSync(join(agent.settings.stateDir, "manifest.json"), "utf8")) as ReturnType<
    typeof manifest
  >;
}

const SECRET = "[mds.a]\n\tkey = AQDtHvNk0000000000000000000000000000000000==\n";

/** A monitor in the manifest that ran in another root folder, and whose removal has begun. */
function adoptedFrom(root: string, data: string, removing: "drop_data" | "keep_data"): void {
  const now = new Date().toISOString();
  const entry = {
    service: "mon",
    labels: {},
    ports: [],
    address: null,
    desired: "stopped",
    created: now,
    deployed: now,
    adopted: { argv: ["/usr/bin/ceph-mon", "-i", "a"], environment: {}, uid: 0, gid: 0, data, root },
    removing,
  };
  const content = { version: 1, id: randomUUID(), generation: 0, daemons: { "mon.a": entry }, records: {} };
  writeFileSync(join(agent.settings.stateDir, "manifest.json"), JSON.stringify(content));
}

describe("daemon/deploy, of stand-in daemons", () => {
  it("writes the keyring for the daemon's user alone, and nowhere else", async () => {
    await agent.deploy("mds.a", { keyring: SECRET });
    const file = join(agent.settings.dataDir, "mds/ceph-a/keyring");
    expect(readFileSync(file, "utf8")).toBe(SECRET);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.stringify(manifest()) + agent.log).not.toContain("AQDtHvNk");
  });

  it("does nothing when it is deployed again with the same definition", async () => {
    const definition = { keyring: SECRET, labels: { b: "2", a: "1" } };
    const { pid, deployed } = await agent.deploy("mds.a", definition);
    const again = await agent.deploy("mds.a", { ...definition, labels: { a: "1", b: "2" } });
    expect(again).toMatchObject({ pid, deployed });
    // Left out, the keyring that is there stays.
    expect(await agent.deploy("mds.a", { labels: definition.labels })).toMatchObject({ pid });
  });

  it.each([
    ["keyring", { keyring: `${SECRET}\n` }],
    ["label of its configuration", { keyring: SECRET, labels: { config: "2" } }],
    ["address", { keyring: SECRET, address: "[v2:127.0.0.1:6800/0]" }],
  ])("restarts it when its definition has another %s", async (_, definition) => {
    const { pid, created } = await agent.deploy("mds.a", { keyring: SECRET });
    const again = await agent.deploy("mds.a", definition);
    expect(again.pid).not.toBe(pid);
    expect(again).toMatchObject({ created, crashes: 0 });
    expect(isAlive(pid)).toBe(false);
  });

  it("lets it run on where only its service and its other labels changed", async () => {
    const { pid } = await agent.deploy("mds.a", { keyring: SECRET });
    const moved = { keyring: SECRET, service: "mds.other", labels: { osdspec_affinity: "other" } };
    const again = await agent.deploy("mds.a", moved);
    expect(again).toMatchObject({ pid, service: "mds.other", labels: { osdspec_affinity: "other" } });
    expect(isAlive(pid)).toBe(true);
  });

  it("does not start a stopped daemon that gets another definition", async () => {
    await agent.deploy("mds.a");
    await agent.ask("daemon/act", { name: "mds.a", action: "stop" });
    expect(await agent.deploy("mds.a", { keyring: SECRET })).toMatchObject({ state: "stopped", pid: null });
  });

  it("refuses a missing program before anything is written", async () => {
    await agent.end("SIGTERM");
    await agent.start({ STAND_IN_MISSING: "mds" });
    await expect(agent.deploy("mds.a", { keyring: SECRET })).rejects.toThrow(
      "mds.a cannot be started: /nonexistent/ceph-daemon is not installed on this host",
    );
    expect(existsSync(join(agent.settings.dataDir, "mds"))).toBe(false);
    expect(await agent.ask("daemon/list", {})).toEqual([]);
  });

  it("takes away the keyrings that tools of an agent that was killed had", async () => {
    await agent.end("SIGKILL");
    const folder = join(agent.settings.dataDir, "tmp");
    mkdirSync(folder);
    const left = ["tool.1-2.keyring", "tool.1-2.conf", "mon.a.keyring", ".mon.b.keyring.new-7"];
    for (const name of [...left, "somebody's"]) writeFileSync(join(folder, name), SECRET);
    mkdirSync(join(folder, "tool.folder"));
    await agent.start();
    expect(readdirSync(folder).toSorted()).toEqual(["somebody's", "tool.folder"]);
  });

  it("refuses a port that a process has, naming both, before anything is written", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    const address = await until("a port", () => server.address() ?? undefined);
    const port = typeof address === "object" ? address.port : 0;
    await expect(agent.deploy("rgw.a", { ports: [port] })).rejects.toThrow(
      new RegExp(`^rgw\\.a: port ${port} is taken by .* \\(pid ${process.pid}\\); choose another one$`),
    );
    expect(existsSync(join(agent.settings.dataDir, "radosgw"))).toBe(false);
    server.close();
  });

  it("refuses a port that is promised to another daemon, even a stopped one", async () => {
    await agent.deploy("rgw.a", { ports: [18_080] });
    await agent.ask("daemon/act", { name: "rgw.a", action: "stop" });
    await expect(agent.deploy("rgw.b", { ports: [18_080] })).rejects.toThrow("rgw.b: port 18080 is taken by rgw.a");
  });

  it("refuses files that the type does not have", async () => {
    await expect(agent.deploy("mds.a", { files: { "../../evil": "" } })).rejects.toThrow(
      'daemon/deploy daemon.files: "../../evil" is no file of mds.a; it may have: none',
    );
    await expect(agent.deploy("nfs.a", { files: { "other.conf": "" } })).rejects.toThrow("it may have: ganesha.conf");
  });

  it("refuses an OSD that was not prepared", async () => {
    await expect(agent.deploy("osd.4")).rejects.toThrow(/osd\.4 has no folder .*osd\/ceph-4: osd\/prepare makes it/);
  });

  it("gives ganesha a ceph.conf that names its keyring", async () => {
    await agent.deploy("nfs.a", { keyring: "[client.nfs.a]\n", files: { "ganesha.conf": "EXPORT {}" } });
    const folder = join(agent.settings.dataDir, "nfs/ceph-a");
    expect(readFileSync(join(folder, "ganesha.conf"), "utf8")).toBe("EXPORT {}");
    const conf = join(folder, "ceph.conf");
    expect(readFileSync(conf, "utf8")).toContain(`[client.nfs.a]\nkeyring = ${folder}/keyring\n`);
    // A full disk keeps it from no start for which it is there already.
    const { ino } = statSync(conf);
    await agent.ask("daemon/act", { name: "nfs.a", action: "restart" });
    expect(statSync(conf).ino).toBe(ino);
  });

  it("shows each daemon as the protocol says", async () => {
    await agent.deploy("mds.a");
    await agent.inState("mds.a", "running");
    const list = await agent.ask("daemon/list", {});
    expect(METHODS["daemon/list"].result.parse(list)).toEqual(list);
    expect(list[0]).toMatchObject({ type: "mds", id: "a", state: "running", version: "18.2.7" });
    expect(list[0]?.memory_bytes).toBeGreaterThan(1e6);
    expect(list[0]?.cpu_percent).toBeGreaterThan(0);
  });

  it("takes many requests for many daemons at once", async () => {
    const names = Array.from({ length: 8 }, (_, index) => `crash.h${index}` as const);
    const twice = await Promise.all([...names, ...names].map((name) => agent.deploy(name)));
    expect(new Set(twice.map(({ pid }) => pid)).size).toBe(names.length);
    await Promise.all(names.map((name) => agent.ask("daemon/remove", { name, keep_data: false })));
    expect(await agent.ask("daemon/list", {})).toEqual([]);
  });
});

describe("daemon/act and daemon/remove, of stand-in daemons", () => {
  it("restarts", async () => {
    const { pid } = await agent.deploy("mds.a");
    expect((await agent.ask("daemon/act", { name: "mds.a", action: "restart" })).pid).not.toBe(pid);
    expect(isAlive(pid)).toBe(false);
  });

  it("starts one that waits after a crash at once, its crashes forgiven", async () => {
    agent.behave("mds/ceph-a", { exit: 1 });
    await agent.deploy("mds.a");
    await until("three ends", async () => ((await agent.daemon("mds.a"))?.crashes ?? 0) >= 3);
    agent.behave("mds/ceph-a", {});
    await agent.ask("daemon/act", { name: "mds.a", action: "restart" });
    expect(await agent.inState("mds.a", "running")).toMatchObject({ crashes: 0 });
  });

  it("deletes a daemon's data, or sets it aside", async () => {
    for (const name of ["mds.a", "mds.b"] as const) await agent.deploy(name, { keyring: SECRET });
    const { pid } = (await agent.daemon("mds.a")) ?? { pid: null };
    await agent.ask("daemon/remove", { name: "mds.a", keep_data: false });
    await agent.ask("daemon/remove", { name: "mds.b", keep_data: true });
    expect(isAlive(pid)).toBe(false);
    expect(readdirSync(join(agent.settings.dataDir, "mds"))).toEqual([]);
    const [aside = ""] = readdirSync(join(agent.settings.stateDir, "removed"));
    expect(aside).toMatch(/^mds\.b-\d{8}T\d{6}Z$/);
    expect(readFileSync(join(agent.settings.stateDir, "removed", aside, "keyring"), "utf8")).toBe(SECRET);
    expect(manifest().daemons).toEqual({});
    expect(readdirSync(join(agent.settings.stateDir, "run"))).toEqual([]);
  });

  it("brings a removal to its end that was interrupted", async () => {
    const { pid } = await agent.deploy("mds.a", { keyring: SECRET });
    await agent.end("SIGKILL");
    const file = join(agent.settings.stateDir, "manifest.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"removing":null', '"removing":"drop_data"'));
    await agent.start();
    await until("the end of the removal", async () => (await agent.ask("daemon/list", {})).length === 0);
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(join(agent.settings.dataDir, "mds/ceph-a"))).toBe(false);
  });

  it("supervises a daemon once that is deployed while it is being removed", async () => {
    agent.behave("mds/ceph-a", { deaf: true }); // so that its removal takes a while
    await agent.deploy("mds.a");
    const { pid: former } = await agent.inState("mds.a", "running");
    const removed = agent.ask("daemon/remove", { name: "mds.a", keep_data: false });
    const deployed = agent.deploy("mds.a");
    await removed;
    await deployed;
    const { pid } = await agent.inState("mds.a", "running", former);
    process.kill(pid ?? 0, "SIGKILL");
    const fresh = await agent.inState("mds.a", "running", pid);
    await agent.ask("daemon/act", { name: "mds.a", action: "stop" });
    expect([former, pid, fresh.pid].map(isAlive)).toEqual([false, false, false]);
  });

  it.each([
    ["drop_data", false],
    ["keep_data", true],
  ] as const)(
    "removes a daemon's folder in the root that it was adopted from, and never the host's of that name (%s)",
    async (removing, isKept) => {
      await agent.end("SIGTERM");
      const root = join(agent.folder, "root");
      const own = join(agent.settings.dataDir, "mon/ceph-a");
      for (const folder of [own, join(root, own)]) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, "whose"), folder);
      }
      adoptedFrom(root, own, removing);
      await agent.start();
      await until("the end of the removal", async () => (await agent.ask("daemon/list", {})).length === 0);
      expect(readFileSync(join(own, "whose"), "utf8")).toBe(own);
      expect(existsSync(join(root, own))).toBe(false);
      const aside = join(agent.settings.stateDir, "removed");
      const kept = isKept ? readdirSync(aside).map((name) => readFileSync(join(aside, name, "whose"), "utf8")) : [];
      expect(kept).toEqual(isKept ? [join(root, own)] : []);
    },
  );

  it("removes the folder of an adopted daemon whose root has the host's mounted", async (context) => {
    await agent.end("SIGTERM");
    const { dataDir } = agent.settings;
    const root = join(agent.folder, "root");
    const own = join(dataDir, "mon/ceph-a");
    for (const folder of [own, join(root, dataDir)]) mkdirSync(folder, { recursive: true });
    if (spawnSync("mount", ["--bind", dataDir, join(root, dataDir)]).status !== 0)
      return context.skip("this machine lets nothing be mounted");
    try {
      adoptedFrom(root, own, "drop_data");
      await agent.start();
      await until("the end of the removal", async () => (await agent.ask("daemon/list", {})).length === 0);
      expect(existsSync(own)).toBe(false);
    } finally {
      spawnSync("umount", ["--lazy", join(root, dataDir)]);
    }
  });

  it("leaves the folder of an adopted daemon whose root leads to another place of the host's", async () => {
    await agent.end("SIGTERM");
    const [root, host] = [join(agent.folder, "root"), join(agent.folder, "host")];
    mkdirSync(join(host, "ceph/mon/ceph-a"), { recursive: true });
    mkdirSync(join(root, "var/lib"), { recursive: true });
    symlinkSync(join(host, "ceph"), join(root, "var/lib/ceph"));
    adoptedFrom(root, "/var/lib/ceph/mon/ceph-a", "drop_data");
    await agent.start();
    await until("the end of the removal", async () => (await agent.ask("daemon/list", {})).length === 0);
    expect(existsSync(join(host, "ceph/mon/ceph-a"))).toBe(true);
    await until("a word about it", () => agent.log.includes("is left as it is: a link on its way leads out of"));
  });

  it("says that it does not know a daemon", async () => {
    await expect(agent.ask("daemon/act", { name: "mds.zz", action: "stop" })).rejects.toThrow(
      "mds.zz is none of this agent's daemons",
    );
    await expect(agent.ask("daemon/remove", { name: "mds.zz", keep_data: true })).rejects.toThrow("mds.zz is none of");
  });
});
