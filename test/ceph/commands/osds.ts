/** `ceph orch apply osd`, `ceph orch daemon add osd` and `ceph orch osd …`. */
import { describe, expect, it } from "vitest";

import { DRIVE_GROUPS } from "./drive-groups.ts";
import { type At, beginningWith, itSince, type ModernRelease, START } from "./start.ts";

interface DaemonRow {
  readonly daemon_id: string;
  readonly hostname: string;
  readonly service_name: string;
  readonly status_desc: string;
}

interface DeviceRow {
  readonly path: string;
  readonly available: boolean;
  readonly rejected_reasons: readonly string[];
}

export function osdCommands(at: At, release: ModernRelease): void {
  const osds = (): Promise<DaemonRow[]> => at().read("orch ps", { daemon_type: "osd" });
  const osdsUntil = (what: string, holds: (rows: DaemonRow[]) => boolean): Promise<DaemonRow[]> =>
    at().readUntil(what, "orch ps", { daemon_type: "osd" }, holds);
  const devices = async (host: string): Promise<readonly DeviceRow[]> => {
    const [row] = await at().read<{ devices: DeviceRow[] }[]>("orch device ls", { hostname: [host] });
    return row?.devices ?? [];
  };
  const free = async (host: string): Promise<string[]> =>
    (await devices(host)).filter(({ available }) => available).map(({ path }) => path);

  describe("OSDs", () => {
    beginningWith(at, release, START);

    it("are made on one device", async () => {
      expect(await at().ok("orch daemon add osd h1:/dev/sdb")).toBe("Created osd(s) 0 on host 'h1'");
      await osdsUntil("osd.0 to run", ([osd]) => osd?.status_desc === "running");
      expect(await osds()).toMatchObject([{ daemon_name: "osd.0", daemon_id: "0", hostname: "h1" }]);
      expect((await devices("h1"))[0]).toMatchObject({
        path: "/dev/sdb",
        available: false,
        rejected_reasons: ["LVM detected", "locked"],
      });
    });

    it("are made with a device for the database", async () => {
      expect(await at().ok("orch daemon add osd h1:data_devices=/dev/sdc,db_devices=/dev/sde")).toBe(
        "Created osd(s) 1 on host 'h1'",
      );
      expect(await free("h1")).toEqual(["/dev/sdd"]);
    });

    it("are not made twice of one device", async () => {
      expect(await at().ok("orch daemon add osd h1:/dev/sdb")).toBe("Created no osd(s) on host h1; already created?");
      expect(await osds()).toHaveLength(2);
    });

    it("are refused in one line where host or device do not exist", async () => {
      await at().refused("orch daemon add osd h9:/dev/sdb", "ENOENT", "host h9 ");
      await at().refused("orch daemon add osd h1:/dev/sdz", "ENOENT", "/dev/sdz");
      const { code, stderr } = await at().ceph("orch daemon add osd nonsense");
      expect(stderr).toMatch(/nonsense[^]*Usage:/);
      expect(code).toBe(22);
    });

    it("are planned by a drive group's dry run, which makes none", async () => {
      const table = await at().ok("orch apply osd --dry-run", { input: DRIVE_GROUPS });
      expect(table).toMatch(/\|osd +\|fast +\|h2 +\|\/dev\/sde +\|- +\|- /);
      expect(table).toMatch(/\|osd +\|slow +\|h3 +\|\/dev\/sdb +\|\/dev\/sde +\|- /);
      const rows = await at().json("orch apply osd --dry-run", { input: DRIVE_GROUPS });
      expect(rows).toContainEqual({
        service_type: "osd",
        service_name: "osd.fast",
        data: { h2: [{ osdspec: "fast", data: [{ data: "/dev/sde" }], notes: [] }] },
      });
      expect(await osds()).toHaveLength(2);
      expect(await at().ok("orch ls osd --export")).not.toContain("fast");
    });

    it("are made by drive groups, of the devices that match", async () => {
      const said = await at().ok("orch apply osd", { input: DRIVE_GROUPS });
      expect(said.split("\n").map((line) => line.trim())).toEqual([
        "Scheduled osd.fast update...",
        "Scheduled osd.slow update...",
      ]);
      const rows = await osdsUntil("the OSDs of both groups", ({ length }) => length === 5);
      const placed = rows.map(({ hostname, service_name: service }) => `${service} on ${hostname}`).sort();
      expect(placed).toEqual(["osd on h1", "osd on h1", "osd.fast on h2", "osd.slow on h3", "osd.slow on h3"]);
      expect(await free("h2")).toEqual(["/dev/sdb", "/dev/sdc", "/dev/sdd"]);
      expect(await free("h3")).toEqual(["/dev/sdd"]);
      expect(await at().ok("orch ls osd")).toMatch(/^osd\.slow +2 /m);
    });

    it("are planned and made of all devices that are left", async () => {
      const table = await at().ok("orch apply osd --all-available-devices --dry-run");
      expect(table).toMatch(/\|osd +\|all-available-devices +\|h1 +\|\/dev\/sdd /);
      expect(await osds()).toHaveLength(5);
      expect(await at().ok("orch apply osd --all-available-devices")).toBe(
        "Scheduled osd.all-available-devices update...",
      );
      await osdsUntil("all devices to be in use", ({ length }) => length === 10);
      expect(await Promise.all(["h1", "h2", "h3"].map(free))).toEqual([[], [], []]);
    });

    it("keep their devices from being erased", async () => {
      await at().refused("orch device zap h1 /dev/sdb --force", "EINVAL", "osd.0");
    });

    it("wait in the removal queue while the background is paused", async () => {
      await at().ok("orch pause");
      expect(await at().ok("orch osd rm 0 1 --replace")).toBe("Scheduled OSD(s) for removal.");
      const table = await at().ok("orch osd rm status");
      expect(table).toMatch(/^OSD +HOST +STATE +PGS +REPLACE +FORCE +ZAP +DRAIN STARTED AT/);
      expect(table).toMatch(/^0 +h1 +started +32 +True +False +False/m);
      const yaml = await at().ok("orch osd rm status --format yaml");
      expect(yaml).toMatch(/osd_id: 1\b/);
    });

    it("are listed in JSON while they wait", async () => {
      const rows = await at().json("orch osd rm status");
      expect(rows).toMatchObject([
        { osd_id: 0, replace: true, force: false, zap: false },
        { osd_id: 1, replace: true },
      ]);
    });

    it("are taken out of the queue", async () => {
      expect(await at().ok("orch osd rm stop 0")).toBe("Stopped OSD(s) removal");
      expect(await at().read("orch osd rm status")).toMatchObject([{ osd_id: 1 }]);
      await at().refused("orch osd rm stop 0", "ENOENT", "OSD 0 is not being removed");
    });

    it("that were not taken out are gone when the background goes on", async () => {
      await at().ok("orch resume");
      await osdsUntil("osd.1 to go", (rows) => rows.every(({ daemon_id: id }) => id !== "1"));
      expect((await osds()).map(({ daemon_id: id }) => id)).toContain("0");
      expect(await at().ok("orch osd rm status")).toBe("No OSD remove/replace operations reported");
    });

    it("are removed at once by force, and their devices erased with --zap", async () => {
      // All devices would be taken again at once otherwise.
      await at().ok("orch rm osd.all-available-devices --force");
      await at().ok("orch osd rm 0 --force --zap");
      await osdsUntil("osd.0 to go", (rows) => rows.every(({ daemon_id: id }) => id !== "0"));
      expect(await free("h1")).toContain("/dev/sdb");
    });

    it("that do not exist are named in one line with ENOENT", async () => {
      await at().refused("orch osd rm 99", "ENOENT", "OSD 99 does not exist");
    });

    itSince("tentacle", release)("are given to another drive group", async () => {
      const [osd] = await osds();
      await at().ok(`orch osd set-spec-affinity osd.fast ${osd?.daemon_id}`);
      expect((await osds()).find(({ daemon_id: id }) => id === osd?.daemon_id)).toMatchObject({
        service_name: "osd.fast",
        osdspec_affinity: "fast",
      });
    });

    itSince("tentacle", release)("go with their device when it is replaced", async () => {
      await at().refused("orch device replace h3 /dev/sdb", "EINVAL", "--yes-i-really-mean-it");
      expect(await at().ok("orch device replace h3 /dev/sdb --yes_i_really_mean_it")).toMatch(
        /^Scheduled to destroy osds: \d+ and mark \/dev\/sdb/,
      );
      await osdsUntil(
        "its OSD to go",
        (rows) => rows.filter(({ service_name: service }) => service === "osd.slow").length === 1,
      );
      expect((await devices("h3"))[0]).toMatchObject({ path: "/dev/sdb", being_replaced: true });
      expect(await at().ok("orch device replace h3 /dev/sdb --clear")).toContain("no longer");
    });
  });
}
