/** OSDs that share devices: parts of files, and partitions of loop devices where the machine has some free. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";

import { localCluster } from "./local-cluster.ts";

interface DeviceRow {
  readonly devices: readonly {
    readonly path: string;
    readonly available: boolean;
    readonly lvs: readonly { readonly osd_id?: string; readonly type?: string }[] | null;
  }[];
}

interface PreviewRow {
  /** A row of warnings has none. */
  readonly data?: Readonly<Record<string, readonly { readonly data: readonly Readonly<Record<string, string>>[] }[]>>;
}

const FOLDER = "/var/lib/orchbridge/devices";
const file = (index: number): string => `${FOLDER}/file${index}`;

/** A loop device of the test's own with partitions, gone after it; undefined where none is free. */
function loopDevice(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "orchbridge-loop-"));
  const image = join(folder, "image");
  writeFileSync(image, "");
  truncateSync(image, 8 * 1024 ** 3);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { status, stdout } = spawnSync("losetup", ["--partscan", "--find", "--show", image], { encoding: "utf8" });
  if (status !== 0) return undefined;
  const path = stdout.trim();
  onTestFinished(() => void spawnSync("losetup", ["--detach", path]));
  return path;
}

function spec(id: string, fields: object, more: object = {}): { input: string } {
  const group = { service_type: "osd", service_id: id, placement: { host_pattern: "*" }, spec: fields };
  return { input: JSON.stringify({ ...group, ...more }) };
}

/** Two OSDs on one file, with their databases on another. */
function shared(more: object = {}): { input: string } {
  const devices = { data_devices: { paths: [file(0)] }, db_devices: { paths: [file(1)] } };
  return spec("shared", { ...devices, osds_per_device: 2, block_db_size: "1G" }, more);
}

describe.each(["tentacle", "pacific"] as const)("OSDs of %s that share a device", (release) => {
  const at = localCluster({
    release,
    name: "shared",
    options: { file_devices: { count: 5, size: "4G" }, loop_devices: true },
    agent: { devices: "machine" },
  });

  const device = async (path: string): Promise<DeviceRow["devices"][number] | undefined> => {
    const rows = await at().read<DeviceRow[]>("orch device ls", { refresh: true });
    return rows.flatMap(({ devices }) => devices).find((one) => one.path === path);
  };
  const stores = async (path: string): Promise<string[]> =>
    ((await device(path))?.lvs ?? []).map(({ osd_id: id, type }) => `${id} ${type}`).toSorted();
  const removed = async (ids: readonly number[], ...flags: string[]): Promise<void> => {
    await at().ok(["orch", "osd", "rm", ...ids.map(String), ...flags]);
    await at().eventually(`OSDs ${ids.join(", ")} to be removed`, async () => {
      const { osds } = await at().mon<{ osds: { osd: number }[] }>("osd dump");
      const running = Object.keys(at().daemonsOf("osd"));
      return !osds.some(({ osd }) => ids.includes(osd)) && !ids.some((id) => running.includes(`osd.${id}`))
        ? true
        : undefined;
    });
    await at().eventually("the queue to be empty", async () => {
      const { out } = await at().cluster.rados().mgr({ prefix: "orch osd rm status", format: "json" });
      return out.startsWith("No OSD") || undefined;
    });
  };

  it("are refused where each would be too small, and what asks for it is named", async () => {
    const five = { data_devices: { paths: [file(0)] }, osds_per_device: 5 };
    await at().refused("orch apply", "EINVAL", "osd.five: osds_per_device 5: an OSD would get", spec("five", five));
    const idle = { data_devices: { paths: [file(0)] }, block_db_size: "1G" };
    await at().refused("orch apply", "EINVAL", "block_db_size says nothing without db_devices", spec("idle", idle));
    const hidden = { data_devices: { paths: [file(0)] }, encrypted: true };
    await at().refused(
      "orch apply",
      "EINVAL",
      /osd\.hidden: encrypted: not possible on host h1: \S/,
      spec("hidden", hidden),
    );
  });

  it("have two others beside them, which take their data when they go", async () => {
    expect(await at().ok(`orch daemon add osd h1:${file(3)},${file(4)}`)).toBe("Created osd(s) 0,1 on host 'h1'");
    await at().osdsUp(2);
  });

  it("are previewed with what each gets of it, and made so", async () => {
    const preview = await at().ok(["orch", "apply", "--dry-run", "--format", "json"], shared());
    const rows = (JSON.parse(preview) as PreviewRow[]).flatMap(({ data }) => data?.["h1"] ?? []);
    const one = { data: file(0), data_size: "2.00 GB", block_db: file(1), block_db_size: "1020.00 MB" };
    expect(rows.flatMap(({ data }) => data)).toEqual([one, one]);
    expect(await at().ok(["orch", "apply", "--dry-run"], shared())).toContain(file(1));
    expect(await at().ok("orch apply", shared())).toBe("Scheduled osd.shared update...");
    await at().osdsUp(4);
    expect(await stores(file(0))).toEqual(["2 block", "3 block"]);
    expect(await stores(file(1))).toEqual(["2 db", "3 db"]);
    const all = await at().mon<{ id: number; bluefs_db_size: string; bluestore_bdev_size: string }[]>("osd metadata");
    const made = all.filter(({ id }) => id >= 2);
    expect(made.map(({ bluefs_db_size: size }) => Number(size))).toEqual([1020 * 1024 ** 2, 1020 * 1024 ** 2]);
    expect(made.map(({ bluestore_bdev_size: size }) => Number(size))).toEqual([2044 * 1024 ** 2, 2044 * 1024 ** 2]);
  });

  it("take a free place again, and leave the others alone", async () => {
    const before = at().daemonsOf("osd")["osd.3"];
    const uuid = async (): Promise<string | undefined> =>
      (await at().mon<{ osds: { osd: number; uuid: string }[] }>("osd dump")).osds.find(({ osd }) => osd === 2)?.uuid;
    const former = await uuid();
    await at().ok("orch osd rm 2 --replace --zap");
    await at().eventually("another osd.2", async () => {
      const now = await uuid();
      return (now !== former && at().daemonsOf("osd")["osd.2"] !== undefined) || undefined;
    });
    await at().osdsUp(4);
    expect(await stores(file(0))).toEqual(["2 block", "3 block"]);
    expect(await stores(file(1))).toEqual(["2 db", "3 db"]);
    expect(at().daemonsOf("osd")["osd.3"]).toBe(before);
  });

  it("give the device back with the last of them", async () => {
    const before = at().daemonsOf("osd");
    expect(await at().ok("orch apply", shared({ unmanaged: true }))).toBe("Scheduled osd.shared update...");
    expect(at().daemonsOf("osd")).toEqual(before);
    await removed([2], "--zap");
    expect(await stores(file(0))).toEqual(["3 block"]);
    expect(await device(file(0))).toMatchObject({ available: false });
    await removed([3], "--zap");
    expect(await device(file(0))).toMatchObject({ available: true, lvs: [] });
    expect(await device(file(1))).toMatchObject({ available: true, lvs: [] });
  });

  it("are made by one command with numbers in it", async () => {
    const given = `orch daemon add osd h1:data_devices=${file(2)},osds_per_device=2`;
    expect(await at().ok(given)).toBe("Created osd(s) 2,3 on host 'h1'");
    await at().osdsUp(4);
    expect(await stores(file(2))).toEqual(["2 block", "3 block"]);
    if (release === "tentacle") {
      const before = at().daemonsOf("osd");
      await at().ok("orch osd set-spec-affinity osd.shared 3");
      expect(await at().read("orch ps", { daemon_id: "3" })).toMatchObject([{ service_name: "osd.shared" }]);
      expect(at().daemonsOf("osd")).toEqual(before);
    }
    await at().refused(
      `orch daemon add osd h1:data_devices=${file(0)},osds_per_device=two`,
      "EINVAL",
      "osds_per_device",
    );
  });

  it("on partitions of disks do the same, and survive the end of the agent", async (context) => {
    const [data, db] = [loopDevice(), loopDevice()];
    context.skip(data === undefined || db === undefined, "no two loop devices are free");
    if (data === undefined || db === undefined) return;
    const { code } = await at().cluster.inRoot(["test", "-b", db]);
    context.skip(code !== 0, `${db} does not show in the root of ${release}`);
    const words = `data_devices=${data},db_devices=${db},osds_per_device=2,db_slots=4`;
    expect(await at().ok(`orch daemon add osd h1:${words}`)).toBe("Created osd(s) 4,5 on host 'h1'");
    await at().osdsUp(6);
    expect(await stores(data)).toEqual(["4 block", "5 block"]);
    expect(await stores(db)).toEqual(["4 db", "5 db"]);
    await at().refused(`orch device zap h1 ${db} --force`, "EINVAL", "is in use by osd.4, osd.5");
    await at().agent.kill();
    await at().agent.start();
    await at().waitUntilAvailable();
    await at().ok("orch daemon restart osd.5");
    await at().osdsUp(6);
    await removed([4], "--zap");
    expect(await stores(data)).toEqual(["5 block"]);
    await removed([5], "--zap");
    expect(await device(data)).toMatchObject({ available: true, lvs: [] });
    expect(await device(db)).toMatchObject({ available: true, lvs: [] });
  });

  it("do no harm", () => {
    at().expectNoHarm();
  });
});
