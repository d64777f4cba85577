/** `ceph orchbridge …`, `ceph orch status`, `pause`, `resume` and `cancel`, and a mgr that has just started. */
import { describe, expect, it } from "vitest";

import { type At, beginningWith, has, type ModernRelease, START } from "./start.ts";

const SERVICES = [{ service_type: "crash" }, { service_type: "mds", service_id: "fs1", placement: { hosts: ["h1"] } }];

export function controlCommands(at: At, release: ModernRelease): void {
  describe("the module", () => {
    beginningWith(at, release, { ...START, services: SERVICES });

    it("is said to be available, plain and in JSON", async () => {
      expect(await at().ok("orch status")).toBe("Backend: orchbridge\nAvailable: Yes\nPaused: No");
      expect(await at().ok("orch status --detail")).toContain("Available: Yes");
      expect(await at().json("orch status")).toEqual({ available: true, backend: "orchbridge", paused: false });
    });

    it("says how it is, plain and in JSON", async () => {
      const text = await at().ok("orchbridge status");
      expect(text).toMatch(
        /^orchbridge \d+\.\d+\.\d+, schemas [0-9a-f]{16}\nBackend: memory\nAvailable: Yes\nPermissions: .+\nNode: \d+\.\d+\.\d+, pid \d+, /,
      );
      const status = await at().json("orchbridge status");
      const [pid] = at().nodePids();
      expect(status).toMatchObject({
        release,
        backend: { name: "memory", available: true },
        node: { running: true, pid },
      });
    });

    it("stops being the orchestrator and becomes it again", async () => {
      try {
        expect(await at().ok("orchbridge deactivate")).toMatch(/^There is no orchestrator now\nDone: \S/);
        await at().refused("orch status", "ENOENT", "No orchestrator configured");
        expect(await at().ok("orchbridge deactivate")).toContain("nothing was changed");
      } finally {
        const said = await at().activate();
        expect(said).toMatch(
          /^orchbridge is the orchestrator now\nDone: config set mgr mgr\/orchestrator\/orchestrator orchbridge --force /,
        );
      }
      expect(await at().ok("orchbridge activate")).toBe("orchbridge is the orchestrator already; nothing was changed");
      expect(await at().ok("orch host ls")).toContain("3 hosts in cluster");
    });

    it("is paused and resumed", async () => {
      await at().ok("orch pause");
      await at().waitForStatus(/^Paused: Yes$/m);
      expect(await at().json("orch status")).toMatchObject({ paused: true });
      await at().ok("orch apply rbd-mirror h1");
      expect(await at().json("orch ps --daemon_type=rbd-mirror")).toEqual([]);
      await at().ok(has(release, "tentacle") ? "orch unpause" : "orch resume");
      await at().waitForStatus(/^Paused: No$/m);
      await at().readUntil(
        "rbd-mirror to run",
        "orch ps",
        { daemon_type: "rbd-mirror" },
        (rows: unknown[]) => rows.length === 1,
      );
    });

    it("drops what waits in the background when it is told to cancel", async () => {
      await at().ok("orch pause");
      await at().ok("orch apply cephfs-mirror h1");
      await at().ok("orch cancel");
      await at().ok("orch resume");
      await at().waitForStatus(/^Paused: No$/m);
      // Its spec stays, as in a change that was applied; only the work on it ended.
      expect(await at().json("orch ls cephfs-mirror")).toMatchObject([{ status: { size: 1, running: 0 } }]);
    });

    it("lists and applies services right after the start of a mgr", async () => {
      await at().cluster.restartMgr();
      at().noteMgr();
      await at().waitUntilAvailable();
      const yaml = await at().ok("orch ls --format yaml");
      expect(yaml).toMatch(/^service_name: crash$/m);
      expect(await at().ok("orch apply mds fs1 --placement=h2")).toBe("Scheduled mds.fs1 update...");
      const input = "service_type: rgw\nservice_id: site1\nspec:\n  rgw_frontend_port: 8080\n";
      expect(await at().ok("orch apply", { input })).toBe("Scheduled rgw.site1 update...");
      expect(await at().ok("orch ls --format yaml")).toMatch(/^service_name: rgw\.site1$/m);
      expect(await at().ok("orch ps --format yaml")).toMatch(/^daemon_type: rgw$/m);
    });
  });
}
