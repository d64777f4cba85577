/** `ceph orch upgrade …`. */
import { describe, expect, it } from "vitest";

import { type At, beginningWith, has, type ModernRelease, START } from "./start.ts";

interface Status {
  readonly in_progress: boolean;
  readonly is_paused: boolean;
}

const SERVICES = [{ service_type: "mon" }, { service_type: "mgr" }, { service_type: "node-exporter" }];

const TARGET = "quay.io/ceph/ceph:v20.9.9";

export function upgradeCommands(at: At, release: ModernRelease): void {
  /** The command prints JSON whatever the format, and on 20 a sentence where there is none. */
  const status = async (): Promise<Status> => JSON.parse(await at().ok("orch upgrade status")) as Status;

  const expectNone = async (): Promise<void> => {
    const said = await at().ok("orch upgrade status");
    if (has(release, "tentacle")) expect(said).toBe("There are no upgrades in progress currently.");
    else expect(JSON.parse(said)).toMatchObject({ in_progress: false });
  };

  describe("an upgrade", () => {
    beginningWith(at, release, { ...START, services: SERVICES });

    it("is checked: what would be updated, and what is none of Ceph's", async () => {
      const report: unknown = JSON.parse(await at().ok("orch upgrade check --ceph_version=20.9.9"));
      expect(report).toMatchObject({
        target_name: TARGET,
        needs_update: { "mon.h1": { current_version: expect.stringMatching(/^\d+\.2\.\d+$/) } },
        up_to_date: [],
        non_ceph_image_daemons: ["node-exporter.h1", "node-exporter.h2", "node-exporter.h3"],
      });
      await at().refused("orch upgrade check v20.9.9", "EINVAL", "v20.9.9", { lines: 2 });
    });

    it("has versions and tags to choose from", async () => {
      expect(JSON.parse(await at().ok("orch upgrade ls"))).toMatchObject({
        versions: expect.arrayContaining(["20.2.4"]),
      });
      expect(JSON.parse(await at().ok("orch upgrade ls --tags"))).toMatchObject({
        tags: expect.arrayContaining(["v20.2.4"]),
      });
      expect(JSON.parse(await at().ok("orch upgrade ls --image=example.org/my/ceph"))).toMatchObject({
        registry: "example.org",
        bare_image: "my/ceph",
      });
    });

    it("is not in progress at first, so it cannot be paused", async () => {
      await expectNone();
      await at().refused("orch upgrade pause", "EINVAL", "No upgrade in progress");
    });

    it("waits while the background is paused, and says where it is", async () => {
      await at().ok("orch pause");
      expect(await at().ok("orch upgrade start --ceph_version=20.9.9")).toBe(`Initiating upgrade to ${TARGET}`);
      expect(await status()).toMatchObject({
        in_progress: true,
        target_image: TARGET,
        which: "Upgrading all daemon types on all hosts",
        progress: "0/5 daemons upgraded",
        services_complete: [],
        is_paused: false,
      });
      await at().refused(
        "orch upgrade start --ceph_version=20.9.8",
        "EINVAL",
        `Upgrade to ${TARGET} (not quay.io/ceph/ceph:v20.9.8) already in progress`,
      );
    });

    it("is paused and resumed", async () => {
      expect(await at().ok("orch upgrade pause")).toBe(`Paused upgrade to ${TARGET}`);
      expect(await status()).toMatchObject({ in_progress: true, is_paused: true });
      expect(await at().ok("orch upgrade resume")).toBe(`Resumed upgrade to ${TARGET}`);
      expect(await status()).toMatchObject({ is_paused: false });
    });

    it("is stopped, and nothing was changed by it", async () => {
      expect(await at().ok("orch upgrade stop")).toBe(`Stopped upgrade to ${TARGET}`);
      await at().ok("orch resume");
      await expectNone();
      const rows = await at().read<{ version: string }[]>("orch ps", { daemon_type: "mon" });
      expect(rows.map(({ version }) => version)).not.toContain("20.9.9");
    });

    it("of some daemons changes only those", async () => {
      expect(await at().ok(["orch", "upgrade", "start", "--image", TARGET, "--daemon_types=mgr", "--hosts=h1"])).toBe(
        `Initiating upgrade to ${TARGET}`,
      );
      await at().readUntil(
        "mgr on h1 to be upgraded",
        "orch ps",
        { daemon_type: "mgr" },
        (rows: { hostname: string; version: string }[]) =>
          rows.every(({ hostname, version }) => (version === "20.9.9") === (hostname === "h1")),
      );
      await expectNone();
    });

    it("of all daemons leaves those alone that are none of Ceph's", async () => {
      await at().ok("orch upgrade start --ceph_version=20.9.9");
      type Row = { daemon_type: string; version: string };
      const rows = await at().readUntil("all of Ceph's daemons to be upgraded", "orch ps", {}, (all: Row[]) =>
        all.every(({ daemon_type: type, version }) => type === "node-exporter" || version === "20.9.9"),
      );
      expect(rows.filter(({ version }) => version === "20.9.9")).toHaveLength(5);
    });
  });
}
