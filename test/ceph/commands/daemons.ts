/** `ceph orch daemon …` and `ceph orch update service`. */
import { describe, expect, it } from "vitest";

import { type At, beginningWith, has, itSince, type ModernRelease, START } from "./start.ts";

interface DaemonRow {
  readonly daemon_name: string;
  readonly daemon_type: string;
  readonly hostname: string;
  readonly status_desc: string;
  readonly container_image_name: string;
}

const SERVICES = [{ service_type: "crash" }, { service_type: "node-exporter", placement: { hosts: ["h1", "h2"] } }];

/** The words after `orch daemon add`, and the service of the daemon that comes of it on h3. */
function additions(release: ModernRelease): { words: string; service: string }[] {
  const nvmeof =
    release === "reef"
      ? { words: "nvmeof pool1 h3", service: "nvmeof.nvmeof" }
      : { words: "nvmeof pool1 g1 h3", service: "nvmeof.pool1.g1" };
  return [
    { words: "mgr h3", service: "mgr" },
    { words: "prometheus h3", service: "prometheus" },
    { words: "mds fs1 h3", service: "mds.fs1" },
    { words: "rgw site1 h3 --port=8080", service: "rgw.site1" },
    { words: "nfs share h3", service: "nfs.share" },
    { words: "iscsi pool1 admin sesame 10.1.1.1 h3", service: "iscsi.iscsi" },
    ...(has(release, "reef") ? [nvmeof] : []),
  ];
}

export function daemonCommands(at: At, release: ModernRelease): void {
  const daemon = async (name: string): Promise<DaemonRow | undefined> => {
    const rows = await at().read<DaemonRow[]>("orch ps");
    return rows.find(({ daemon_name: candidate }) => candidate === name);
  };
  const daemonUntil = (
    name: string,
    what: string,
    holds: (row: DaemonRow | undefined) => boolean,
  ): Promise<DaemonRow[]> =>
    at().readUntil(`${name} to ${what}`, "orch ps", {}, (rows: DaemonRow[]) =>
      holds(rows.find(({ daemon_name: candidate }) => candidate === name)),
    );

  describe("daemons", () => {
    beginningWith(at, release, { ...START, services: SERVICES });

    it.each(additions(release))("are added by `daemon add $words`", async ({ words, service }) => {
      const said = await at().ok(`orch daemon add ${words}`);
      const [, name = ""] = /^Deployed (\S+) on host 'h3'$/.exec(said) ?? [];
      expect(name, said).toMatch(new RegExp(`^${service.split(".")[0]}\\.`));
      expect(await daemon(name)).toMatchObject({ hostname: "h3", service_name: service });
      await daemonUntil(name, "run", (row) => row?.status_desc === "running");
    });

    it("are added from a file", async () => {
      const input = "service_type: mds\nservice_id: fs5\nplacement:\n  hosts:\n  - h1\n  - h2\n";
      const said = await at().ok("orch daemon add", { input });
      expect(said).toMatch(/Deployed mds\.fs5\.h1\.\w+ on host 'h1'/);
      expect(said).toMatch(/Deployed mds\.fs5\.h2\.\w+ on host 'h2'/);
    });

    it("are stopped, started, restarted and reconfigured", async () => {
      expect(await at().ok("orch daemon stop crash.h1")).toBe("Scheduled to stop crash.h1 on host 'h1'");
      await daemonUntil("crash.h1", "stop", (row) => row?.status_desc === "stopped");
      expect(await at().ok("orch daemon start crash.h1")).toBe("Scheduled to start crash.h1 on host 'h1'");
      await daemonUntil("crash.h1", "start", (row) => row?.status_desc === "running");
      expect(await at().ok("orch daemon restart crash.h1")).toBe("Scheduled to restart crash.h1 on host 'h1'");
      expect(await at().ok("orch daemon reconfig crash.h1")).toBe("Scheduled to reconfig crash.h1 on host 'h1'");
    });

    it("are redeployed, with another image when it is given", async () => {
      expect(await at().ok("orch daemon redeploy crash.h2")).toBe("Scheduled to redeploy crash.h2 on host 'h2'");
      await at().ok("orch daemon redeploy crash.h2 quay.io/ceph/ceph:test");
      await daemonUntil("crash.h2", "get its image", (row) => row?.container_image_name === "quay.io/ceph/ceph:test");
    });

    it("are removed", async () => {
      expect(await at().ok("orch daemon rm crash.h1 crash.h2")).toMatch(
        /Removed crash\.h1 from host 'h1'[^]*Removed crash\.h2 from host 'h2'/,
      );
      expect(await daemon("crash.h1")).toBeUndefined();
      expect(await daemon("crash.h2")).toBeUndefined();
      expect(await daemon("crash.h3")).toBeDefined();
    });

    it("that do not exist are named in one line with ENOENT, and names that are none with EINVAL", async () => {
      await at().refused("orch daemon restart crash.h9", "ENOENT", "crash.h9");
      await at().refused("orch daemon rm crash.h9", "ENOENT", "crash.h9");
      await at().refused("orch daemon restart nonsense", "EINVAL", "nonsense is not a valid daemon name");
      await at().refused("orch daemon add mds fs1 h9", "ENOENT", "h9");
    });

    itSince("tentacle", release)("that are not Ceph's own get another image by `update service`", async () => {
      await at().ok("orch update service node-exporter quay.io/other/exporter:2");
      for (const name of ["node-exporter.h1", "node-exporter.h2"]) {
        await daemonUntil(name, "get its image", (row) => row?.container_image_name === "quay.io/other/exporter:2");
      }
    });
  });
}
