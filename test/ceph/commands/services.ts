/** `ceph orch apply`, `ls`, `ps`, `rm` and the actions on whole services. */
import { describe, expect, it } from "vitest";

import { type At, beginningWith, itSince, type ModernRelease, START } from "./start.ts";

interface ServiceRow {
  readonly service_name: string;
  readonly status: { readonly size: number; readonly running: number; readonly last_refresh?: string };
}

interface DaemonRow {
  readonly daemon_name: string;
  readonly daemon_type: string;
  readonly hostname: string;
  readonly status_desc: string;
}

const names = (rows: readonly ServiceRow[]): string[] => rows.map(({ service_name: name }) => name);
const daemonNames = (rows: readonly DaemonRow[]): string[] => rows.map(({ daemon_name: name }) => name);

const SERVICES = [
  { service_type: "crash" },
  { service_type: "mds", service_id: "fs1", placement: { hosts: ["h1", "h2"] } },
  { service_type: "mds", service_id: "fs2", placement: { hosts: ["h3"] } },
  { service_type: "node-exporter", placement: { hosts: ["h2"] } },
];

export function serviceCommands(at: At, release: ModernRelease): void {
  describe("services", () => {
    beginningWith(at, release, { ...START, services: SERVICES });

    it("are listed in JSON with their specs and states", async () => {
      const rows = await at().json<ServiceRow[]>("orch ls");
      expect(names(rows)).toEqual(["crash", "mds.fs1", "mds.fs2", "node-exporter"]);
      expect(rows[1]).toMatchObject({
        service_type: "mds",
        service_id: "fs1",
        placement: { hosts: ["h1", "h2"] },
        status: { size: 2, running: 2 },
        events: [expect.stringMatching(/service:mds\.fs1 \[INFO\] "service was created"/)],
      });
      expect(rows[3]).toMatchObject({ status: { size: 1, running: 1, ports: [9100] } });
    });

    it("are listed by type and name", async () => {
      expect(names(await at().json("orch ls mds"))).toEqual(["mds.fs1", "mds.fs2"]);
      expect(names(await at().json("orch ls --service_name=mds.fs2"))).toEqual(["mds.fs2"]);
      expect(names(await at().json("orch ls --service_type=crash"))).toEqual(["crash"]);
      expect(await at().ok("orch ls rgw")).toBe("No services reported");
    });

    it("are listed as a table, and in YAML that can be read back", async () => {
      const table = await at().ok("orch ls");
      expect(table).toMatch(/^NAME +PORTS +RUNNING +REFRESHED +AGE +PLACEMENT/);
      expect(table).toMatch(/^mds\.fs1 +2\/2 +\d+s ago +\d+[sm] +h1;h2 *$/m);
      expect(table).toMatch(/^node-exporter +\?:9100 +1\/1 /m);
      const yaml = await at().ok("orch ls mds --format yaml");
      expect(yaml).toMatch(/^service_name: mds\.fs1$/m);
      expect(yaml).toMatch(/^ {2}running: 2$/m);
    });

    it("are looked at again with --refresh", async () => {
      const refreshed = async (): Promise<number> => {
        const [row] = await at().read<ServiceRow[]>("orch ls", { service_type: "crash" });
        return Date.parse(row?.status.last_refresh ?? "");
      };
      const before = await refreshed();
      expect(before).not.toBeNaN();
      await at().ok("orch ls --refresh");
      expect(await refreshed()).toBeGreaterThan(before);
    });

    it("have daemons that are listed in JSON, by host, service, type and id", async () => {
      const all = await at().json<DaemonRow[]>("orch ps");
      expect(all).toHaveLength(7);
      expect(all.find(({ daemon_type: type }) => type === "node-exporter")).toMatchObject({
        daemon_name: "node-exporter.h2",
        hostname: "h2",
        status: 1,
        status_desc: "running",
        ports: [9100],
        service_name: "node-exporter",
      });
      const on = await at().json<DaemonRow[]>("orch ps h2");
      expect(on.map(({ daemon_type: type }) => type)).toEqual(["crash", "mds", "node-exporter"]);
      const ofService = await at().json<DaemonRow[]>("orch ps --service_name=mds.fs1");
      expect(ofService.map(({ hostname }) => hostname)).toEqual(["h1", "h2"]);
      expect(await at().json("orch ps --daemon_type=mds")).toHaveLength(3);
      const one = await at().json<DaemonRow[]>("orch ps --daemon_type=crash --daemon_id=h3");
      expect(daemonNames(one)).toEqual(["crash.h3"]);
      expect(await at().ok("orch ps --daemon_type=rgw")).toBe("No daemons reported");
    });

    it("have daemons that are listed as a table, and in YAML", async () => {
      const table = await at().ok("orch ps --refresh");
      expect(table).toMatch(
        /^NAME +HOST +PORTS +STATUS +REFRESHED +AGE +MEM USE +MEM LIM +VERSION +IMAGE ID +CONTAINER ID/,
      );
      expect(table).toMatch(/^node-exporter\.h2 +h2 +\*:9100 +running \(\S+\) +\d+s ago +\S+ +[\d.]+M /m);
      const yaml = await at().ok("orch ps h3 --format yaml");
      expect(yaml).toMatch(/^daemon_type: crash$/m);
      expect(yaml).toMatch(/^status_desc: running$/m);
    });

    itSince("reef", release)("have daemons that are sorted as asked", async () => {
      const table = await at().ok("orch ps --sort_by=host");
      const hosts = [...table.matchAll(/^\S+ +(h\d) /gm)].map(([, host]) => host);
      expect(hosts).toEqual(["h1", "h1", "h2", "h2", "h2", "h3", "h3"]);
    });

    const actions = ["stop", "start", "restart", "redeploy", "reconfig", ...(release === "reef" ? ["rotate-key"] : [])];
    it.each(actions)("are told to %s", async (action) => {
      const said = await at().ok(`orch ${action} mds.fs1`);
      const lines = said.split("\n").map((line) => line.trim());
      expect(lines.filter((line) => line.startsWith(`Scheduled to ${action} mds.fs1.`))).toHaveLength(2);
      const state = action === "stop" ? "stopped" : "running";
      const done = (rows: DaemonRow[]): boolean => rows.every(({ status_desc: status }) => status === state);
      await at().readUntil(`mds.fs1 to ${action}`, "orch ps", { service_name: "mds.fs1" }, done);
    });

    it("that do not exist are named in one line with ENOENT", async () => {
      await at().refused("orch restart mds.nope", "ENOENT", "service mds.nope ");
      await at().refused("orch rm mds.nope", "ENOENT", "service mds.nope ");
    });

    it("are left alone where a command would stop the cluster", async () => {
      await at().ok("orch apply mgr 1");
      await at().refused("orch stop mgr", "EINVAL", "mgr");
      await at().refused("orch rm mgr", "EINVAL", "cannot be removed");
      await at().refused("orch rm mgr --force", "EINVAL", "cannot be removed");
    });

    it("are not overwritten with --no_overwrite", async () => {
      const said = await at().ok("orch apply mds fs2 --placement=h1 --no_overwrite");
      expect(said).toContain("Skipped mds.fs2 service spec");
      expect(await at().read("orch ls", { service_name: "mds.fs2" })).toMatchObject([{ placement: { hosts: ["h3"] } }]);
    });

    it("are changed by a second apply, and their daemons follow", async () => {
      expect(await at().ok("orch apply mds fs2 --placement=h1")).toBe("Scheduled mds.fs2 update...");
      const moved = (rows: DaemonRow[]): boolean => rows.length === 1 && rows[0]?.hostname === "h1";
      await at().readUntil("mds.fs2 to move to h1", "orch ps", { service_name: "mds.fs2" }, moved);
    });

    it("are applied unmanaged, without daemons", async () => {
      await at().ok("orch apply rbd-mirror h1 --unmanaged");
      expect(await at().ok("orch ls rbd-mirror")).toMatch(/^rbd-mirror +0\/0 .*<unmanaged>/m);
      expect(await at().read("orch ps", { daemon_type: "rbd-mirror" })).toEqual([]);
    });

    itSince("reef", release)("are set managed and unmanaged", async () => {
      expect(await at().ok("orch set-managed rbd-mirror")).toContain("rbd-mirror");
      await at().readUntil(
        "rbd-mirror to get its daemon",
        "orch ps",
        { daemon_type: "rbd-mirror" },
        (rows: unknown[]) => rows.length === 1,
      );
      expect(await at().ok("orch set-unmanaged rbd-mirror")).toContain("rbd-mirror");
      expect(await at().read("orch ls", { service_name: "rbd-mirror" })).toMatchObject([{ unmanaged: true }]);
      await at().refused("orch set-unmanaged nope", "ENOENT", "service nope ");
    });

    it("with a bad spec are refused with EINVAL, and nothing of the file is kept", async () => {
      const input = "service_type: rgw\nservice_id: a\nplacement:\n  hosts:\n  - h9\n";
      await at().refused("orch apply", "ENOENT", /rgw\.a on h9: unknown hosts/, { input });
      // Tentacle turns the sign of its own errno here, so that `ceph` takes the refusal for a success.
      if (release !== "tentacle")
        await at().refused("orch apply", "EINVAL", /\bid required/, {
          input: "service_type: iscsi\nspec:\n  pool: p\n",
        });
      expect(await at().ok("orch ls rgw")).toBe("No services reported");
    });

    it("are removed with their daemons", async () => {
      expect(await at().ok("orch rm mds.fs1")).toBe("Removed service mds.fs1");
      const gone = (rows: ServiceRow[]): boolean => !names(rows).includes("mds.fs1");
      await at().readUntil("mds.fs1 to go", "orch ls", {}, gone);
      expect(await at().ok("orch ps --service_name=mds.fs1")).toBe("No daemons reported");
    });
  });
}
