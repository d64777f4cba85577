/** Daemons that somebody else started, and that the agent takes over. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

import { relativePathIn } from "../../src/agent/adoption.ts";
import { type Origin, unitOfMain, whyStartedAgain } from "../../src/agent/outer-supervisor.ts";
import { METHODS } from "../../src/agent/protocol.ts";
import { isAlive, OneAgent, until } from "./one-agent.ts";

// Each starts several Node processes, which takes long on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

describe.skipIf(process.getuid?.() !== 0)("daemon/adopt, of stand-in daemons that somebody else started", () => {
  let agent: OneAgent;
  beforeEach(async () => {
    agent = new OneAgent();
    await agent.start();
  });
  afterEach(() => agent.down());

  /** Its command line looks like that of a daemon of Ceph's, to whoever reads it in /proc. */
  function startForeign(id: string, ...more: string[]): number {
    const data = join(agent.folder, `elsewhere-${id}`);
    mkdirSync(data, { recursive: true });
    const script = join(import.meta.dirname, "stand-in-daemon.ts");
    const words = ["-i", id, "-c", agent.settings.conf, "--data", data, "--admin-socket", `${data}/mon.asok`, ...more];
    const child = spawn(process.execPath, [script, ...words], { argv0: "ceph-mon", detached: true, stdio: "ignore" });
    child.unref();
    const pid = child.pid ?? 0;
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, "SIGKILL");
    });
    return pid;
  }

  it("lists it as foreign, and from its adoption on starts it again as it was", async () => {
    const pid = startForeign("a");
    const foreign = await until("the foreign daemon's version", async () => {
      const daemon = await agent.daemon("mon.a");
      return daemon?.version === "18.2.7" && daemon;
    });
    expect(foreign).toMatchObject({ state: "foreign", pid, created: null, desired: "running" });
    expect(METHODS["daemon/list"].result.parse([foreign])).toEqual([foreign]);
    const asked = await agent.ask("daemon/adopt", { name: "mon.a", service: "mon", check_only: true });
    expect(asked).toMatchObject({ state: "foreign", pid });
    expect(await agent.daemon("mon.a")).toMatchObject({ state: "foreign", pid });
    await expect(agent.deploy("mon.a")).rejects.toThrow(
      `mon.a runs already (pid ${pid}), and the agent did not start it`,
    );
    const adopted = await agent.ask("daemon/adopt", { name: "mon.a", service: "mon" });
    expect(adopted).toMatchObject({ pid, service: "mon", desired: "running" });
    expect(adopted.events[0]?.message).toMatch(/^adopted \(pid/);
    await agent.inState("mon.a", "running");
    expect(await agent.ask("daemon/adopt", { name: "mon.a", service: "mon" })).toMatchObject({ pid });

    // An agent that was killed right after it wrote the manifest finds it again.
    await agent.end("SIGKILL");
    rmSync(join(agent.settings.stateDir, "run/mon.a.json"));
    await agent.start();
    expect(await agent.inState("mon.a", "running")).toMatchObject({ pid });

    process.kill(pid, "SIGKILL");
    const fresh = await agent.inState("mon.a", "running", pid);
    const words = readFileSync(`/proc/${fresh.pid}/cmdline`, "utf8").split("\0");
    expect(words).toEqual(expect.arrayContaining(["-i", "a", "-c", agent.settings.conf, "-f"]));
    await agent.end("SIGKILL");
    await agent.start();
    expect(await agent.daemon("mon.a")).toMatchObject({ pid: fresh.pid, state: "running" });
    await agent.ask("daemon/remove", { name: "mon.a", keep_data: false });
    expect(existsSync(join(agent.folder, "elsewhere-a"))).toBe(false);
  });

  it("does not start another one beside that of a former owner who was faster", async () => {
    const first = startForeign("c");
    await until("the foreign daemon", async () => (await agent.daemon("mon.c"))?.version === "18.2.7");
    await agent.ask("daemon/adopt", { name: "mon.c", service: "mon" });
    const second = startForeign("c");
    process.kill(first, "SIGKILL");
    const after = await agent.inState("mon.c", "running", first);
    expect(after.pid).toBe(second);
    expect(after.events.at(-1)?.message).toContain("somebody else started it again, and it is taken over");
    await agent.ask("daemon/act", { name: "mon.c", action: "restart" });
    await agent.inState("mon.c", "running", second);
    expect(isAlive(second)).toBe(false);
  });

  it("refuses one whose command line means something elsewhere only, and changes nothing", async () => {
    const pid = startForeign("d", "--keyring", "mine.keyring");
    await until("the foreign daemon", async () => (await agent.daemon("mon.d")) !== undefined);
    for (const check_only of [true, false])
      await expect(agent.ask("daemon/adopt", { name: "mon.d", service: "mon", check_only })).rejects.toThrow(
        `mon.d (pid ${pid}) cannot be taken over: it was started with the path mine.keyring`,
      );
    expect(await agent.daemon("mon.d")).toMatchObject({ state: "foreign", pid });
  });

  it("does not see a daemon of another cluster", async () => {
    const pid = startForeign("b");
    await until("the foreign daemon", async () => (await agent.daemon("mon.b")) !== undefined);
    const other = "11111111-2222-4333-8444-555555555555";
    const conf = readFileSync(agent.settings.conf, "utf8");
    // What the process was started with is read, so the agent gets a ceph.conf of its own.
    await agent.end("SIGTERM");
    const own = join(agent.folder, "own.conf");
    writeFileSync(own, conf.replace(/fsid = .*/, `fsid = ${other}`));
    Object.assign(agent.settings, { conf: own });
    await agent.start();
    expect(await agent.ask("daemon/list", {})).toEqual([]);
    await expect(agent.ask("daemon/adopt", { name: "mon.b", service: "mon" })).rejects.toThrow(
      "mon.b does not run on this host as a daemon of this cluster",
    );
    process.kill(pid, "SIGKILL");
  });
});

describe("a relative path in a command line", () => {
  it.each([
    [["-c", "ceph.conf"], "ceph.conf"],
    [["--conf=ceph.conf"], "ceph.conf"],
    [["--mon-data=dev/mon.a"], "dev/mon.a"],
    [["--mon_data", "dev/mon.a"], "dev/mon.a"],
    [["--admin_socket=run/x.asok"], "run/x.asok"],
    [["-i", "a", "--conf=/etc/ceph/ceph.conf", "--mon_data", "/var/lib/ceph/mon/ceph-a"], undefined],
    [["--setuser", "ceph", "--public-addr=10.0.0.1", "-f"], undefined],
  ])("is found however the option is written: %j", (argv, path) => {
    expect(relativePathIn(["ceph-mon", ...argv])).toBe(path);
  });
});

describe("who would start a daemon again", () => {
  const own = "0::/system.slice/orchbridge-agent.service\n";
  const unit = "0::/system.slice/system-ceph\\x2dmon.slice/ceph-mon@a.service\n";
  const init = { pid: 1, argv: ["/sbin/init"] };
  const origin = (change: Partial<Origin>): Origin => ({
    cgroup: "0::/\n",
    ownCgroup: own,
    mainOf: undefined,
    parent: init,
    ...change,
  });

  function unitFolders(): [string, string] {
    const folder = mkdtempSync(join(tmpdir(), "orchbridge-units-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const folders = [join(folder, "etc"), join(folder, "lib")] as [string, string];
    for (const one of folders) mkdirSync(one);
    return folders;
  }

  it("is the unit that it runs in, until that is masked or gone", () => {
    const [etc, lib] = unitFolders();
    expect(whyStartedAgain(origin({ cgroup: unit }), [etc, lib])).toBeUndefined();
    writeFileSync(join(lib, "ceph-mon@.service"), "[Service]\n");
    const reason =
      "it runs in ceph-mon@a.service, which would start another one beside it: 'systemctl mask ceph-mon@a.service'";
    expect(whyStartedAgain(origin({ cgroup: unit }), [etc, lib])).toContain(reason);
    expect(whyStartedAgain(origin({ cgroup: unit, ownCgroup: unit }), [etc, lib])).toBeUndefined();
    symlinkSync("/dev/null", join(etc, "ceph-mon@a.service"));
    expect(whyStartedAgain(origin({ cgroup: unit }), [etc, lib])).toBeUndefined();
  });

  it("is no unit whose file is empty, which masks it", () => {
    const [etc, lib] = unitFolders();
    writeFileSync(join(lib, "ceph-mon@.service"), "[Service]\n");
    writeFileSync(join(etc, "ceph-mon@a.service"), "");
    expect(whyStartedAgain(origin({ cgroup: unit }), [etc, lib])).toBeUndefined();
  });

  it("is a unit of any name whose main process it is", async () => {
    const [etc, lib] = unitFolders();
    const cgroup = "0::/system.slice/storage-mon.service\n";
    writeFileSync(join(lib, "storage-mon.service"), "[Service]\n");
    const systemctl = join(etc, "stand-in-systemctl");
    writeFileSync(
      systemctl,
      '#!/bin/sh\n[ "$*" = "show --property=MainPID --value -- storage-mon.service" ] && echo 12\n',
      {
        mode: 0o755,
      },
    );
    expect(await unitOfMain(12, cgroup, systemctl)).toBe("storage-mon.service");
    expect(await unitOfMain(13, cgroup, systemctl)).toBeUndefined();
    expect(await unitOfMain(12, "0::/\n", systemctl)).toBeUndefined();
    expect(await unitOfMain(12, cgroup, join(etc, "nothing"))).toBeUndefined();
    const by = { cgroup, mainOf: "storage-mon.service" };
    expect(whyStartedAgain(origin(by), [etc, lib])).toContain("'systemctl mask storage-mon.service'");
    symlinkSync("/dev/null", join(etc, "storage-mon.service"));
    expect(whyStartedAgain(origin(by), [etc, lib])).toBeUndefined();
  });

  it("is cephadm's unit around a container", () => {
    const [etc, lib] = unitFolders();
    const name = "ceph-5c2c1a0e-7a4e-4c0d-9a55-6f0f3a1f2b3c@mon.a.service";
    writeFileSync(join(etc, "ceph-5c2c1a0e-7a4e-4c0d-9a55-6f0f3a1f2b3c@.service"), "[Service]\n");
    const cgroup = `0::/system.slice/system-ceph.slice/${name}/libpod-payload-00ff\n`;
    expect(whyStartedAgain(origin({ cgroup }), [etc, lib])).toContain(`systemctl mask ${name}`);
  });

  it("is a parent that does nothing else", () => {
    const words = [
      ["runsv", "ceph-mon"],
      ["/usr/bin/python3", "/usr/bin/supervisord"],
      ["/usr/bin/containerd-shim-runc-v2"],
    ];
    for (const argv of words)
      expect(whyStartedAgain(origin({ parent: { pid: 12, argv } }), [])).toMatch(
        /\(pid 12\) runs it .* start it by hand$/,
      );
    for (const argv of [["/bin/sh"], ["sshd: root"], []])
      expect(whyStartedAgain(origin({ parent: { pid: 12, argv } }), [])).toBeUndefined();
    expect(whyStartedAgain(origin({ parent: undefined }), [])).toBeUndefined();
  });

  it("is nobody where it was started by hand, in whatever unit that shell ran", () => {
    const [etc, lib] = unitFolders();
    writeFileSync(join(lib, "ssh.service"), "[Service]\n");
    expect(whyStartedAgain(origin({ cgroup: "0::/system.slice/ssh.service\n" }), [etc, lib])).toBeUndefined();
    expect(whyStartedAgain(origin({ cgroup: "" }), [etc, lib])).toBeUndefined();
  });
});
