import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";

import { localCluster } from "./local-cluster.ts";
import { expectObjects, writeSteadily } from "./steady-writes.ts";

interface DeviceRow {
  readonly devices: readonly {
    readonly path: string;
    readonly available: boolean;
    readonly human_readable_type: string;
    readonly lvs: readonly { readonly osd_id?: string }[] | null;
  }[];
}

interface RemovalRow {
  readonly osd_id: number;
  readonly drain_status?: string;
}

interface OsdDump {
  readonly osds: readonly { readonly osd: number; readonly up: number; readonly uuid: string }[];
}

interface OsdTree {
  readonly nodes: readonly { readonly id: number; readonly name: string; readonly crush_weight?: number }[];
}

const FOLDER = "/var/lib/orchbridge/devices";
const file = (index: number): string => `${FOLDER}/file${index}`;

/** A loop device of the test's own, gone after it; undefined where none is free. */
function loopDevice(): { readonly path: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "orchbridge-loop-"));
  const image = join(folder, "image");
  writeFileSync(image, "");
  truncateSync(image, 6 * 1024 ** 3);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { status, stdout } = spawnSync("losetup", ["--find", "--show", image], { encoding: "utf8" });
  if (status !== 0) return undefined;
  const path = stdout.trim();
  onTestFinished(() => void spawnSync("losetup", ["--detach", path]));
  return { path };
}

function spec(id: string, fields: object): string {
  return JSON.stringify({ service_type: "osd", service_id: id, placement: { host_pattern: "*" }, spec: fields });
}

describe.each(["tentacle", "pacific"] as const)("OSDs on files of %s", (release) => {
  const at = localCluster({
    release,
    name: "osds",
    options: { file_devices: { count: 4, size: "4G" }, loop_devices: true },
    agent: { devices: "machine" },
  });
  let written = 0;

  const freeFiles = async (): Promise<string[]> => {
    const rows = await at().read<DeviceRow[]>("orch device ls");
    return rows.flatMap(({ devices }) =>
      devices.filter((one) => one.available && one.path.startsWith(FOLDER)).map(({ path }) => path),
    );
  };
  const removals = async (): Promise<RemovalRow[]> => {
    const { ret, out, err } = await at().cluster.rados().mgr({ prefix: "orch osd rm status", format: "json" });
    expect({ ret, err }).toMatchObject({ ret: 0 });
    return out.startsWith("No OSD") ? [] : (JSON.parse(out) as RemovalRow[]);
  };
  const osds = async (): Promise<OsdDump["osds"]> => (await at().mon<OsdDump>("osd dump")).osds;
  const crushWeight = async (id: number): Promise<number | undefined> =>
    (await at().mon<OsdTree>("osd tree")).nodes.find((node) => node.id === id)?.crush_weight;
  const upIds = async (): Promise<number[]> => (await osds()).flatMap(({ osd, up }) => (up === 1 ? [osd] : []));
  const gone = (id: number): Promise<unknown> =>
    at().eventually(`osd.${id} to be removed`, async () => {
      const left = (await removals()).some((row) => row.osd_id === id);
      return (!left && !(await osds()).some(({ osd }) => osd === id)) || undefined;
    });

  async function duringWrites(work: () => Promise<void>): Promise<void> {
    const writer = await writeSteadily(at().cluster, "data");
    try {
      await work();
    } finally {
      written = Math.max(written, await writer.stop());
    }
    expect(written).toBeGreaterThan(50);
  }

  it("are refused on devices that are unknown or in use, for a spec that matches nothing, and for what needs LVM", async () => {
    await at().refused("orch daemon add osd h1:/dev/nope", "ENOENT", "host h1 has no device /dev/nope");
    await at().refused("orch daemon add osd h9:/dev/nope", "ENOENT", "h9");
    const [busy] = (await at().read<DeviceRow[]>("orch device ls"))
      .flatMap(({ devices }) => devices)
      .filter(({ available }) => !available);
    if (busy !== undefined)
      await at().refused(
        `orch daemon add osd h1:${busy.path}`,
        "EINVAL",
        `device ${busy.path} on host h1 is not available`,
      );
    const hidden = { data_devices: { paths: [file(0)] }, encrypted: true };
    await at().refused("orch apply", "EINVAL", /osd\.hidden: encrypted: not possible on host h1: \S/, {
      input: spec("hidden", hidden),
    });
    const none = `orch daemon add osd h1:data_devices=${file(9)}`;
    await at().refused(none, "ENOENT", `host h1 has no device ${file(9)}`);
    expect(await osds()).toEqual([]);
    expect(await freeFiles()).toEqual([0, 1, 2, 3].map(file));
  });

  it("are made on the device that is named, and the device shows it", async () => {
    expect(await at().ok(`orch daemon add osd h1:${file(0)}`)).toBe("Created osd(s) 0 on host 'h1'");
    await at().osdsUp(1);
    const rows = await at().read<DeviceRow[]>("orch device ls");
    const device = rows.flatMap(({ devices }) => devices).find(({ path }) => path === file(0));
    expect(device).toMatchObject({
      available: false,
      human_readable_type: expect.stringMatching(/hdd|ssd/),
      lvs: [{ osd_id: "0" }],
    });
    expect(await at().ok(`orch daemon add osd h1:${file(0)}`)).toBe("Created no osd(s) on host h1; already created?");
  });

  it("are previewed without touching anything, and then made by an applied drive group", async () => {
    const input = spec("lab", { data_devices: { paths: [file(1), file(2)] } });
    const apply = (...words: string[]): Promise<string> => at().ok(["orch", "apply", ...words], { input });
    const preview = await apply("--dry-run");
    expect(preview).toContain(file(1));
    expect(preview).toContain(file(2));
    expect(await osds()).toHaveLength(1);
    expect(await apply()).toBe("Scheduled osd.lab update...");
    await at().osdsUp(3);
    expect(await freeFiles()).toEqual([file(3)]);
  });

  it("are removed while data is written: nothing is lost, nothing unfound", async () => {
    await at().ok("osd pool create data 16");
    await at().ok("osd pool set data size 2");
    await at().ok("osd pool application enable data test");
    await duringWrites(async () => {
      expect(await at().ok("orch osd rm 0 --zap")).toContain("Scheduled OSD(s) for removal.");
      await gone(0);
    });
    await expectObjects(at().cluster, "data", written);
    expect(await upIds()).toEqual([1, 2]);
    expect(Object.keys(at().daemonsOf("osd")).toSorted()).toEqual(["osd.1", "osd.2"]);
    expect(await freeFiles()).toEqual([file(0), file(3)]);
  });

  it("that are too few for the copies of a pool are not even drained, and the removal can be stopped", async () => {
    await at().ok("orch osd rm 1");
    await at().eventually("the reason why it waits", async () => {
      const [row] = await removals();
      return row?.drain_status?.includes("copies, and 1 other OSDs could take them") === true || undefined;
    });
    expect(await upIds()).toEqual([1, 2]);
    expect(await crushWeight(1)).toBeGreaterThan(0);
    expect(await at().ok("orch osd rm stop 1")).toBe("Stopped OSD(s) removal");
    expect(await removals()).toEqual([]);
    // Asked again while the OSD is being put back, the command would join the first one.
    await at().eventually("nothing under way", async () => (await at().journalKeys()).length === 0 || undefined);
    await at().refused("orch osd rm stop 1", "ENOENT", "OSD 1 is not being removed");
  });

  it("that hold the only copy of something are not destroyed, with force neither", async () => {
    await at().ok("osd pool create single 8");
    await at().ok("osd pool set single size 1 --yes-i-really-mean-it");
    await at().ok("orch osd rm 2 --force");
    await at().eventually("the reason why it waits", async () => {
      const [row] = await removals();
      return row?.drain_status?.includes("could take them") === true || undefined;
    });
    expect(await upIds()).toEqual([1, 2]);
    await at().ok("orch osd rm stop 2");
    await at().ok("osd pool rm single single --yes-i-really-really-mean-it");
  });

  it("come back as they were when their removal is stopped, whoever died meanwhile", async () => {
    expect(await at().ok(`orch daemon add osd h1:${file(0)}`)).toBe("Created osd(s) 0 on host 'h1'");
    await at().osdsUp(3);
    const before = await crushWeight(2);
    // Nothing moves meanwhile, neither by backfill nor by the logs of placement groups.
    const holds = ["norebalance", "nobackfill", "norecover"];
    for (const flag of holds) await at().ok(`osd set ${flag}`);
    await at().ok("orch osd rm 2");
    await at().eventually("the drain", async () => (await crushWeight(2)) === 0 || undefined);
    await at().agent.kill();
    await at().cluster.restartMgr("SIGKILL");
    await at().agent.start();
    at().noteMgr();
    await at().waitUntilAvailable();
    expect(await removals()).toMatchObject([{ osd_id: 2, drain_status: "draining" }]);
    await at().ok("orch osd rm stop 2");
    await at().eventually("its weight", async () => (await crushWeight(2)) === before || undefined);
    for (const flag of holds) await at().ok(`osd unset ${flag}`);
    expect(await upIds()).toEqual([0, 1, 2]);
  });

  it("are replaced with the same id and place, by the drive group that is managed, while data is written", async () => {
    const before = (await osds()).find(({ osd }) => osd === 2)?.uuid;
    const weight = await crushWeight(2);
    await duringWrites(async () => {
      await at().ok("orch osd rm 2 --replace --zap");
      await at().eventually("another osd.2", async () => {
        const now = (await osds()).find(({ osd }) => osd === 2);
        return (now !== undefined && now.up === 1 && now.uuid !== before) || undefined;
      });
    });
    await at().osdsUp(3);
    expect(await crushWeight(2)).toBe(weight);
    await expectObjects(at().cluster, "data", written);
  });

  it("are made on a loop device without LVM, and removed from it so that it is empty", async (context) => {
    const device = loopDevice();
    context.skip(device === undefined, "no loop device is free");
    if (device === undefined) return;
    const { code } = await at().cluster.inRoot(["test", "-b", device.path]);
    context.skip(code !== 0, `${device.path} does not show in the root of ${release}`);
    expect(await at().ok(`orch daemon add osd h1:${device.path}`)).toBe("Created osd(s) 3 on host 'h1'");
    await at().osdsUp(4);
    await at().refused(`orch device zap h1 ${device.path} --force`, "EINVAL", "is in use by osd.3");
    await at().ok("orch osd rm 3 --zap");
    await gone(3);
    const rows = await at().read<DeviceRow[]>("orch device ls", { refresh: true });
    const found = rows.flatMap(({ devices }) => devices).find(({ path }) => path === device.path);
    expect(found).toMatchObject({ available: true });
  });

  it("in use are not erased, and the cluster is healthy in the end", async () => {
    await at().refused(`orch device zap h1 ${file(1)} --force`, "EINVAL", "is in use by osd.1; remove that with");
    await at().refused(`orch device zap h1 ${file(9)} --force`, "ENOENT", `host h1 has no device ${file(9)}`);
    // The stock module restful needs bcrypt, which managers with subinterpreters cannot load on Debian.
    await at().healthy(["MGR_MODULE_DEPENDENCY"]);
    at().expectNoHarm();
  });
});
