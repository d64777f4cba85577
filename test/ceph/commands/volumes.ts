/** `ceph fs volume create` and `rm`, whose module asks the orchestrator for metadata servers. */
import { describe, expect, it } from "vitest";

import { REMOVAL_ENDS_REEF } from "../cluster-with-module.ts";
import { type At, beginningWith, type ModernRelease, START } from "./start.ts";

export function volumeCommands(at: At, release: ModernRelease): void {
  describe("volumes", () => {
    beginningWith(at, release, START);

    it("get an mds service with the placement asked for", async () => {
      await at().ok(["fs", "volume", "create", "vol1", "h1 h2"]);
      expect(await at().json("orch ls mds --export")).toMatchObject([
        { service_type: "mds", service_id: "vol1", placement: { hosts: ["h1", "h2"] } },
      ]);
      await at().readUntil(
        "mds.vol1 to run",
        "orch ps",
        { service_name: "mds.vol1" },
        (rows: unknown[]) => rows.length === 2,
      );
    });

    it("take it with them when they are removed", async (context) => {
      context.skip(release === "reef", REMOVAL_ENDS_REEF);
      await at().ok("config set mon mon_allow_pool_delete true");
      await at().ok("fs volume rm vol1 --yes-i-really-mean-it");
      await at().readUntil("mds.vol1 to go", "orch ps", {}, (rows: unknown[]) => rows.length === 0);
      expect(await at().ok("orch ls mds")).toBe("No services reported");
    });
  });
}
