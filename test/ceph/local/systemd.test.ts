/** The local backend on a host as it is in the field: mon, mgr and host agent are systemd's units, with their protections. */
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { missingForSystemd, SystemdHost } from "../../../testbed/systemd-host.ts";
import { until } from "../../../testbed/wait.ts";
import { buildModule } from "../installed-module.ts";

const project = join(import.meta.dirname, "../../..");
const SETTLED_MS = 120_000;
const makeCluster = readFileSync(join(import.meta.dirname, "packaged-cluster.sh"), "utf8");

describe("the local backend under systemd", () => {
  const reason = missingForSystemd("tentacle");
  let host: SystemdHost;

  beforeEach((context) => context.skip(reason !== null, reason ?? ""));
  beforeAll(async () => {
    if (reason !== null) return;
    host = await SystemdHost.boot("tentacle");
  });
  afterAll(async () => {
    await host?.down();
  });

  const ok = async (command: string, input?: string): Promise<string> => {
    const { code, stdout, stderr } = await host.run(["sh", "-c", command], input);
    expect(code, `${command}: ${stdout}${stderr}`).toBe(0);
    return stdout.trim();
  };
  /** Runs it until it succeeds and prints that. */
  const eventually = (command: string, wanted: RegExp): Promise<string> => {
    let last = "";
    return until(
      () => `${command} to print ${wanted}; it says: ${last}`,
      SETTLED_MS,
      async () => {
        const { code, stdout, stderr } = await host.run(["timeout", "20", "sh", "-c", command]);
        last = `${stdout}${stderr}`;
        return code === 0 && wanted.test(stdout) ? stdout.trim() : undefined;
      },
      500,
    );
  };
  const pids = async (program: string): Promise<string[]> => (await ok(`pgrep -x ${program}`)).split("\n").toSorted();

  it("is installed and set up by the lines that are documented", async () => {
    await ok("sh -s", makeCluster);
    const orchbridge = `/opt/node ${join("/opt/orchbridge", relative(project, buildModule()))}`;
    const said = await ok(`${orchbridge} install --mgr-dir /usr/share/ceph/mgr --node /opt/node`);
    const agentLines = said.split("\n").filter((line) => /^ +(cp|systemctl enable) /.test(line));
    expect(agentLines).toEqual([
      expect.stringContaining(" cp /usr/share/"),
      expect.stringContaining(" systemctl enable --now"),
    ]);
    await ok(agentLines.join("\n"));
    await eventually("ceph mgr stat -f json", /"available":true/);
    await ok("ceph mgr module enable orchbridge --force");
    await eventually("ceph config set mgr mgr/orchbridge/backend local && echo done", /done/);
    await ok(`ceph config set mgr mgr/orchbridge/backend_options '{"file_devices": {"count": 3, "size": "4G"}}'`);
    await eventually("ceph orchbridge activate", /orchbridge is the orchestrator now/);
    await eventually("ceph orch status", /Available: Yes/);
    expect(await ok("ps -o user= -p $(pgrep -x ceph-mgr)")).toBe("ceph");
    expect(await ok("systemctl show -P PrivateDevices -P NoNewPrivileges ceph-mgr@h1")).toMatch(/^yes\s+yes$/);
  });

  it("makes OSDs, to which an object is written", async () => {
    await ok("ceph orch apply osd --all-available-devices");
    await eventually("ceph osd stat", /3 osds: 3 up.* 3 in/);
    await ok("ceph osd pool create kept 8");
    await ok("ceph osd pool application enable kept test");
    await ok("rados -p kept put object -", "what was written");
  });

  it("leaves the daemons running when systemd stops the mgr, and when it stops the agent or the agent is killed", async () => {
    const before = await pids("ceph-osd");
    expect(before).toHaveLength(3);
    await ok("systemctl stop ceph-mgr@h1");
    await ok("systemctl restart orchbridge-agent");
    expect(await pids("ceph-osd")).toEqual(before);
    const main = await ok("systemctl show -P MainPID orchbridge-agent");
    await ok("systemctl kill --kill-whom=main --signal=KILL orchbridge-agent");
    const another = `pid=$(systemctl show -P MainPID orchbridge-agent) && test $pid != 0 && test $pid != ${main} && echo $pid`;
    await eventually(another, /^\d+$/m);
    await ok("systemctl start ceph-mgr@h1");
    await eventually("ceph orch ps --daemon_type osd --format json", /"status_desc": ?"running"/);
    expect(await pids("ceph-osd")).toEqual(before);
  });

  it("takes over the mon and the mgr of the packages' units, once systemd may no longer start them", async () => {
    const { code, stderr } = await host.run(["ceph", "orch", "daemon", "redeploy", "mon.h1"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("systemctl mask ceph-mon@h1.service");
    await ok("systemctl mask ceph-mon@h1.service ceph-mgr@h1.service");
    const before = [...(await pids("ceph-mon")), ...(await pids("ceph-mgr"))];
    await ok("ceph orch daemon redeploy mon.h1");
    await eventually("ceph orch daemon redeploy mgr.h1", /Scheduled to redeploy mgr\.h1/);
    await eventually(
      "cat /proc/$(pgrep -x ceph-mon)/cgroup /proc/$(pgrep -x ceph-mgr)/cgroup",
      /(?:orchbridge-agent[^]*){2}/,
    );
    // Those that end may be there beside their successors for a while.
    await until(
      () => `others than ${before.join(" and ")} to run alone`,
      SETTLED_MS,
      async () => {
        const { stdout } = await host.run(["pgrep", "-x", "ceph-mon|ceph-mgr"]);
        const now = stdout.trim().split("\n");
        return (now.length === 2 && !now.some((pid) => before.includes(pid))) || undefined;
      },
      500,
    );
    await eventually("ceph orch status", /Available: Yes/);
  });

  it("has every daemon again after a reboot, and what was written", async () => {
    await host.reboot();
    await eventually("ceph osd stat", /3 osds: 3 up.* 3 in/);
    await eventually("timeout 10 rados -p kept get object -", /^what was written$/);
    const rows = await eventually("ceph orch ps --format json", /"osd"/);
    const daemons = JSON.parse(rows) as { daemon_type: string; status_desc: string }[];
    expect(daemons.map((row) => `${row.daemon_type} ${row.status_desc}`).toSorted()).toEqual([
      "mgr running",
      "mon running",
      "osd running",
      "osd running",
      "osd running",
    ]);
    await eventually("ceph orchbridge status", /Available: Yes/);
  });
});
