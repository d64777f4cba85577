/** `ceph orch host …`. */
import { describe, expect, it } from "vitest";

import { type At, beginningWith, itSince, type ModernRelease, START } from "./start.ts";

interface HostRow {
  readonly hostname: string;
  readonly addr: string;
  readonly labels: readonly string[];
  readonly status: string;
}

interface DaemonRow {
  readonly hostname: string;
  readonly daemon_type: string;
  readonly status_desc: string;
}

export function hostCommands(at: At, release: ModernRelease): void {
  const hosts = async (): Promise<HostRow[]> => at().read("orch host ls");
  const host = async (name: string): Promise<HostRow | undefined> =>
    (await hosts()).find(({ hostname }) => hostname === name);
  const daemonsOn = (hostname: string): Promise<DaemonRow[]> => at().read("orch ps", { hostname });

  describe("hosts", () => {
    beginningWith(at, release, {
      ...START,
      services: [{ service_type: "crash" }, { service_type: "mds", service_id: "fs1" }],
    });

    it("are added with address and labels, and listed in JSON as they were given", async () => {
      expect(await at().ok("orch host add h4 10.1.1.4 rack1 --labels=ssd")).toBe(
        "Added host 'h4' with addr '10.1.1.4'",
      );
      expect(await at().ok("orch host add h5 10.1.1.5 --labels=rack1,big")).toBe(
        "Added host 'h5' with addr '10.1.1.5'",
      );
      const rows = await at().json<HostRow[]>("orch host ls");
      expect(rows.map(({ hostname }) => hostname)).toEqual(["h1", "h2", "h3", "h4", "h5"]);
      expect(rows[0]).toEqual({ hostname: "h1", addr: "10.1.1.1", labels: ["_admin"], status: "" });
      expect(rows[4]).toEqual({ hostname: "h5", addr: "10.1.1.5", labels: ["rack1", "big"], status: "" });
    });

    it("are listed as a table and in YAML", async () => {
      const table = await at().ok("orch host ls");
      expect(table).toMatch(/^HOST +ADDR +LABELS +STATUS/);
      expect(table).toMatch(/^h5 +10\.1\.1\.5 +rack1[ ,]big *$/m);
      expect(table).toMatch(/^5 hosts in cluster$/m);
      const yaml = await at().ok("orch host ls --format yaml");
      expect(yaml).toContain("addr: 10.1.1.5\nhostname: h5\nlabels:\n- rack1\n- big\nstatus: ''");
    });

    it("are listed by label, pattern and status", async () => {
      const named = async (filter: string): Promise<string[]> => {
        const rows = await at().json<HostRow[]>(`orch host ls ${filter}`);
        return rows.map(({ hostname }) => hostname);
      };
      expect(await named("--label=big")).toEqual(["h5"]);
      expect(await named("--host_pattern=h[12]")).toEqual(["h1", "h2"]);
      expect(await named("--host_status=offline")).toEqual([]);
    });

    it("get and lose labels", async () => {
      expect(await at().ok("orch host label add h4 fast")).toBe("Added label fast to host h4");
      expect((await host("h4"))?.labels).toContain("fast");
      expect(await at().ok("orch host label rm h4 fast")).toBe("Removed label fast from host h4");
      expect((await host("h4"))?.labels).not.toContain("fast");
    });

    it("get another address", async () => {
      expect(await at().ok("orch host set-addr h4 10.1.1.44")).toBe("Updated host 'h4' addr to '10.1.1.44'");
      expect(await host("h4")).toMatchObject({ addr: "10.1.1.44" });
    });

    it("are added in maintenance when so asked", async () => {
      await at().ok("orch host add h6 10.1.1.6 --maintenance");
      expect(await host("h6")).toMatchObject({ status: "maintenance" });
      expect(await at().ok("orch host ls --host_status=maintenance")).toMatch(/^h6 +10\.1\.1\.6 +Maintenance/m);
    });

    it("are removed, those with daemons only by force", async () => {
      expect(await at().ok("orch host rm h6 --force")).toMatch(/^Removed +host 'h6'$/);
      expect(await host("h6")).toBeUndefined();
      const says = /Not allowed to remove h5 from cluster.*\n.*\n.*\ncrash +h5/;
      await at().refused("orch host rm h5", "EINVAL", says, { lines: 5 });
      expect(await host("h5")).toBeDefined();
    });

    it("that do not exist are named in one line with ENOENT", async () => {
      await at().refused("orch host rm h9", "ENOENT", "host h9 ");
      await at().refused("orch host set-addr h9 10.1.1.9", "ENOENT", "host h9 ");
      await at().refused("orch host label add h9 big", "ENOENT", "host h9 ");
      await at().refused("orch host maintenance enter h9", "ENOENT", "host h9 ");
      await at().refused("orch host drain h9", "ENOENT", "host h9 ");
    });

    it("with a name that is none are refused with EINVAL", async () => {
      await at().refused("orch host add h_7 10.1.1.7", "EINVAL", "h_7");
      expect(await host("h_7")).toBeUndefined();
    });

    it("are rescanned, and said to be safe to stop", async () => {
      expect(await at().ok("orch host rescan h1")).toBe("Ok");
      expect(await at().ok("orch host rescan h1 --with_summary")).toMatch(/^Ok\. .*adapters/);
      expect(await at().ok("orch host ok-to-stop h1")).toBe("It is presumed safe to stop host h1");
    });

    it("enter maintenance, in which their daemons are stopped, and leave it", async () => {
      expect(await at().ok("orch host maintenance enter h2 --force")).toContain("h2 moved to maintenance mode");
      expect(await host("h2")).toMatchObject({ status: "maintenance" });
      const all = (status: string) => (rows: DaemonRow[]) =>
        rows.length > 0 && rows.every(({ status_desc }) => status_desc === status);
      await at().readUntil("the daemons of h2 to stop", "orch ps", { hostname: "h2" }, all("stopped"));
      expect(await at().ok("orch host maintenance exit h2")).toContain("h2 has exited maintenance mode");
      expect(await host("h2")).toMatchObject({ status: "" });
      await at().readUntil("the daemons of h2 to run", "orch ps", { hostname: "h2" }, all("running"));
      await at().refused("orch host maintenance exit h2", "EINVAL", "host h2 is not in maintenance mode");
    });

    it("are drained of their daemons", async () => {
      expect((await daemonsOn("h1")).length).toBeGreaterThan(0);
      const said = await at().ok("orch host drain h1");
      expect(said).toMatch(/^Scheduled to remove the following daemons from host 'h1'\n(.*\n)*crash +h1/);
      await at().readUntil("h1 to be empty", "orch ps", { hostname: "h1" }, (rows: DaemonRow[]) => rows.length === 0);
      expect((await host("h1"))?.labels).toEqual(["_admin", "_no_schedule", "_no_conf_keyring"]);
    });

    itSince("tentacle", release)("are taken back into use when draining is stopped", async () => {
      expect(await at().ok("orch host drain stop h1")).toBe("Stopped draining host 'h1'");
      expect((await host("h1"))?.labels).toEqual(["_admin"]);
      await at().readUntil("h1 to have daemons", "orch ps", { hostname: "h1" }, (rows: DaemonRow[]) => rows.length > 0);
    });

    itSince("reef", release)("keep their configuration when drained with that flag", async () => {
      await at().ok("orch host drain h3 --keep_conf_keyring");
      expect((await host("h3"))?.labels).toEqual(["_no_schedule"]);
    });
  });
}
