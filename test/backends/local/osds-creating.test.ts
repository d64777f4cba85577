import { describe, expect, it, vi } from "vitest";

import { changeHost } from "../../../src/backends/local/hosts/record.ts";
import { osdReads, osdWrites } from "../../../src/backends/local/osds/methods.ts";
import { OsdPart } from "../../../src/backends/local/osds/part.ts";
import { changeService } from "../../../src/backends/local/services/record.ts";
import { Services } from "../../../src/backends/local/services/services.ts";
import { serviceWrites } from "../../../src/backends/local/services/writes.ts";
import type { DriveGroupSpec } from "../../../src/index.ts";
import { NO_SCHEDULE } from "../../../src/orchestrator/placement.ts";
import { AgentError, effective, HOSTNAME, operation } from "./stand-in-host.ts";
import { type Disk, StandInOsds } from "./stand-in-osds.ts";

const FILES = ["/d/file0", "/d/file1", "/d/file2"].map((path) => ({ path }));

async function cluster(disks: readonly Disk[] = FILES, host = new StandInOsds(disks)) {
  const part = new OsdPart(await host.site());
  return { host, part, reads: osdReads(part), writes: osdWrites(part) };
}

function group(data: object, fields: object = {}, id?: string): DriveGroupSpec {
  return {
    service_type: "osd",
    ...(id === undefined ? {} : { service_id: id }),
    placement: { host_pattern: HOSTNAME },
    spec: { data_devices: data, ...fields },
  };
}

type Writes = Awaited<ReturnType<typeof cluster>>["writes"];

function create(
  { host, writes }: { host: StandInOsds; writes: Writes },
  spec: DriveGroupSpec,
  resumed = false,
): Promise<string> {
  return effective(writes.createOsds({ drive_group: spec, skip_validation: false }, host.call(resumed)));
}

async function apply({ part }: { part: OsdPart }, spec: DriveGroupSpec): Promise<void> {
  const name = spec.service_id === undefined ? "osd" : `osd.${spec.service_id}`;
  await changeService(part.site, name, () => ({ spec, created: new Date().toISOString() }));
}

function making(host: StandInOsds): string[] {
  return Object.keys(host.records).filter((key) => key.startsWith("making/"));
}

/** Each OSD of the map is on one device with its daemon, and each device has at most one: nothing double, nothing orphaned. */
function expectWhole(host: StandInOsds, count: number): void {
  expect([...host.osds.keys()]).toHaveLength(count);
  const known = new Set(host.osds.keys());
  expect(new Set([...host.stores.values()].map(({ osd_id: id }) => id))).toEqual(known);
  expect(host.daemons.size).toBe(count);
  expect(new Set(host.daemons.keys())).toEqual(new Set([...known].map((id) => `osd.${id}`)));
  expect(making(host)).toEqual([]);
}

describe("making OSDs", () => {
  it("takes the device that is named, with a key and the class that was asked for", async () => {
    const at = await cluster();
    const spec = group({ paths: ["/d/file1"] }, { crush_device_class: "fast" });
    expect(await create(at, spec)).toBe(`Created osd(s) 0 on host '${HOSTNAME}'`);
    expectWhole(at.host, 1);
    expect(at.host.osd(0)).toMatchObject({ up: 1, weight: 1, deviceClass: "fast" });
    expect([...at.host.stores.keys()]).toEqual(["/d/file1"]);
    expect([...at.host.keys]).toEqual(["osd.0"]);
  });

  it("again makes none", async () => {
    const at = await cluster();
    await create(at, group({ paths: ["/d/file1"] }));
    expect(await create(at, group({ paths: ["/d/file1"] }))).toBe(
      `Created no osd(s) on host ${HOSTNAME}; already created?`,
    );
    expectWhole(at.host, 1);
  });

  it("sets the options of the spec for each OSD", async () => {
    const at = await cluster();
    await create(at, group({ all: true }, { config: { debug_ms: 1 } }));
    expect(at.host.done.filter((line) => line.startsWith("config set"))).toEqual(
      [0, 1, 2].map((id) => `config set osd.${id} debug_ms 1`),
    );
  });

  it("uses LVM for disks where the host has it, else the plain device", async () => {
    const disks: Disk[] = [{ path: "/dev/sdb", kind: "disk" }];
    const plain = await cluster(disks);
    await create(plain, group({ all: true }));
    expect([...plain.host.stores.values()]).toMatchObject([{ method: "raw" }]);
    const lvm = await cluster(disks);
    lvm.host.abilities["lvm"] = null;
    await create(lvm, group({ all: true }));
    expect([...lvm.host.stores.values()]).toMatchObject([{ method: "lvm" }]);
    expectWhole(lvm.host, 1);
  });

  it("puts the database on the device that the spec chooses", async () => {
    const at = await cluster([
      { path: "/dev/sdb", kind: "disk", rotational: "1" },
      { path: "/dev/nvme0n1", kind: "disk" },
    ]);
    await create(at, group({ rotational: true }, { db_devices: { rotational: false } }));
    expect([...at.host.stores.values()][0]).toMatchObject({ devices: { block: "/dev/sdb", db: "/dev/nvme0n1" } });
  });

  const unfit: readonly Disk[] = [
    { path: "/dev/sda", kind: "disk", available: false, reasons: ["Has partitions", "locked"] },
    { path: "/dev/sdb", kind: "disk", available: false, reasons: ["Insufficient space (<5GB)"] },
    { path: "/dev/sdc", kind: "disk", indivisible: "parted is not installed" },
    { path: "/dev/sdd", kind: "disk", rotational: "1" },
    { path: "/d/file0" },
  ];
  it.each<[string, DriveGroupSpec, RegExp]>([
    ["an unknown device", group({ paths: ["/dev/sdz"] }), /has no device \/dev\/sdz; 'ceph orch device ls/],
    [
      "a device in use",
      group({ paths: ["/dev/sda"] }),
      /device \/dev\/sda .* is not available: Has partitions, locked/,
    ],
    ["a device too small", group({ paths: ["/dev/sdb"] }), /device \/dev\/sdb .* Insufficient space \(<5GB\)/],
    ["a spec that matches nothing", group({ model: "nope" }, {}, "x"), /osd\.x matches no free device of host/],
    [
      "several OSDs on a device",
      group({ paths: ["/dev/sdc"] }, { osds_per_device: 2 }),
      /osds_per_device 2: \/dev\/sdc of host .* cannot be divided: parted is not installed/,
    ],
    [
      "too many OSDs on a device",
      group({ paths: ["/d/file0"] }, { osds_per_device: 5 }),
      /osds_per_device 5: an OSD would get \d+ MB of \/d\/file0 .* and 1024 MB is the least/,
    ],
    ["encryption", group({ paths: ["/dev/sdc"] }, { encrypted: true }), /encrypted: .*no device mapper/],
    ["LVM", group({ paths: ["/dev/sdc"] }, { method: "lvm" }), /\/dev\/sdc .* by method lvm: no device mapper/],
    [
      "a part of a device",
      group({ paths: ["/dev/sdc"] }, { data_allocate_fraction: 0.5 }),
      /data_allocate_fraction 0.5: \/dev\/sdc .* cannot be divided/,
    ],
    [
      "more than a device",
      group({ paths: ["/d/file0"] }, { data_allocate_fraction: 1.5 }),
      /data_allocate_fraction 1.5 is not above 0/,
    ],
    [
      "parts of database devices",
      group({ rotational: true }, { db_devices: { paths: ["/dev/sdc"] }, block_db_size: "1G" }),
      /block_db_size 1G: \/dev\/sdc .* cannot be divided/,
    ],
    [
      "databases without a device",
      group({ paths: ["/d/file0"] }, { block_db_size: "1G" }),
      /block_db_size says nothing without db_devices/,
    ],
    ["a size of journals", group({ paths: ["/dev/sdc"] }, { journal_size: "5G" }), /journal_size: .*keeps no journal/],
    ["a TPM", group({ paths: ["/dev/sdc"] }, { tpm2: true }), /tpm2 is not supported/],
    [
      "journals",
      group({ paths: ["/dev/sdc"] }, { journal_devices: { rotational: false } }),
      /bluestore keeps no journal/,
    ],
    [
      "a file with a database on a disk",
      group({ paths: ["/d/file0"] }, { db_devices: { paths: ["/dev/sdc"] } }),
      /file and a disk at once/,
    ],
    [
      "databases with no room",
      group({ paths: ["/dev/sdc", "/d/file0"] }, { db_devices: { paths: ["/dev/sdd"] }, db_slots: 1 }),
      /no place for it on db_devices/,
    ],
    ["another host", { ...group({ all: true }), placement: { host_pattern: "h9" } }, /host h9 is not known/],
  ])("of %s is refused in one line, and changes nothing", async (_what, spec, message) => {
    const at = await cluster(unfit);
    const refusal = create(at, spec);
    await expect(refusal).rejects.toThrow(message);
    await expect(refusal).rejects.not.toThrow(/\n/);
    expect(at.host.done).toEqual([]);
    expect(at.host.records).toEqual({});
  });

  const MIB = 1024 ** 2;

  it("divides a device among OSDs, evenly, and makes those that it lacks again", async () => {
    const at = await cluster([{ path: "/dev/sdb", kind: "disk" }]);
    const spec = group({ paths: ["/dev/sdb"] }, { osds_per_device: 2 });
    expect(await create(at, spec)).toBe(`Created osd(s) 0,1 on host '${HOSTNAME}'`);
    expectWhole(at.host, 2);
    expect([...at.host.sizes.values()]).toEqual([2044 * MIB, 2044 * MIB]);
    expect([...at.host.stores.values()]).toMatchObject([{ method: "raw" }, { method: "raw" }]);
    expect(await create(at, spec)).toBe(`Created no osd(s) on host ${HOSTNAME}; already created?`);
    // Somebody removed one of them, and zapped what it had.
    const [gone = ""] = [...at.host.stores.keys()];
    at.host.stores.delete(gone);
    at.host.osds.delete(0);
    at.host.daemons.delete("osd.0");
    expect(await create(at, spec)).toBe(`Created osd(s) 0 on host '${HOSTNAME}'`);
    expectWhole(at.host, 2);
  });

  it("has LVM divide it where the host has that, under uuids that were chosen before", async () => {
    const at = await cluster([
      { path: "/dev/sdb", kind: "disk", rotational: "1" },
      { path: "/dev/sdc", kind: "disk", indivisible: "parted is not installed" },
    ]);
    at.host.abilities["lvm"] = null;
    const fields = { db_devices: { rotational: false }, osds_per_device: 2, block_db_size: "1G" };
    expect(await create(at, group({ rotational: true }, fields))).toBe(`Created osd(s) 0,1 on host '${HOSTNAME}'`);
    expectWhole(at.host, 2);
    expect([...at.host.sizes]).toEqual([
      [expect.stringMatching(/^\/dev\/sdb#/), 2044 * MIB],
      [expect.stringMatching(/^\/dev\/sdc#/), 1020 * MIB],
      [expect.stringMatching(/^\/dev\/sdb#/), 2044 * MIB],
      [expect.stringMatching(/^\/dev\/sdc#/), 1020 * MIB],
    ]);
  });

  it("spreads databases over a device that is too few, and shows it before", async () => {
    const disks: Disk[] = [
      { path: "/dev/sdb", kind: "disk", rotational: "1" },
      { path: "/dev/sdc", kind: "disk", rotational: "1" },
      { path: "/dev/nvme0n1", kind: "disk" },
    ];
    const at = await cluster(disks);
    const spec = group({ rotational: true }, { db_devices: { rotational: false } });
    const share = { block_db: "/dev/nvme0n1", block_db_size: "2.00 GB" };
    expect(await at.part.preview(spec)).toMatchObject({
      [HOSTNAME]: [
        {
          data: [
            { data: "/dev/sdb", ...share },
            { data: "/dev/sdc", ...share },
          ],
        },
      ],
    });
    await create(at, spec);
    expectWhole(at.host, 2);
    expect([...at.host.stores.keys()]).toEqual([
      "/dev/sdb",
      expect.stringMatching(/^\/dev\/nvme0n1#/),
      "/dev/sdc",
      expect.stringMatching(/^\/dev\/nvme0n1#/),
    ]);
  });

  it("writes nothing down for a caller who was told meanwhile that it took too long", async () => {
    const at = await cluster();
    const turn = Promise.withResolvers<void>();
    const before = at.part.maker.alone(() => turn.promise);
    const caller = new AbortController();
    const call = { ...at.host.call(false), signal: caller.signal };
    const asked = at.writes.createOsds({ drive_group: group({ all: true }), skip_validation: false }, call);
    caller.abort(new Error("too late"));
    turn.resolve();
    await before;
    await expect(asked).rejects.toThrow("too late");
    expect(making(at.host)).toEqual([]);
    expectWhole(at.host, 0);
  });

  it("is refused on a host that is being drained", async () => {
    const at = await cluster();
    await changeHost(at.part.site, (record) => ({ ...record, labels: [NO_SCHEDULE] }));
    await expect(create(at, group({ all: true }))).rejects.toThrow(/is being drained/);
    expect(at.host.osds.size).toBe(0);
  });

  it("is refused on a host in maintenance", async () => {
    const at = await cluster();
    await changeHost(at.part.site, (record) => ({ ...record, maintenance: true }));
    await expect(create(at, group({ all: true }))).rejects.toThrow(
      "host h1.example.org is in maintenance, so no OSDs are started on it; 'ceph orch host maintenance exit h1.example.org' ends that",
    );
    expect(at.host.osds.size).toBe(0);
  });

  it("that fails leaves no id and no store behind, and names the device", async () => {
    const at = await cluster();
    at.host.mkfs = "No space left on device";
    await expect(create(at, group({ paths: ["/d/file0", "/d/file1"] }))).rejects.toThrow(
      `device /d/file0 on host ${HOSTNAME}: No space left on device`,
    );
    expectWhole(at.host, 0);
    expect([...at.host.keys]).toEqual([]);
  });

  it("that fails after some were made keeps those, and says so", async () => {
    const at = await cluster();
    const prepare = at.host.agent["osd/prepare"];
    at.host.agent["osd/prepare"] = (params) => {
      if (params["block"] === "/d/file1") throw new AgentError("OrchestratorError", "mkfs failed");
      return prepare?.(params);
    };
    await expect(create(at, group({ all: true }))).rejects.toThrow(/mkfs failed \(osd\.0 before it were made\)/);
    expectWhole(at.host, 1);
  });

  it("gives back the ids that ceph-volume took for OSDs that it did not finish", async () => {
    const at = await cluster([{ path: "/dev/sdb", kind: "disk" }]);
    at.host.abilities["lvm"] = null;
    at.host.mkfs = "lvcreate failed";
    await expect(create(at, group({ all: true }))).rejects.toThrow(/\/dev\/sdb.*lvcreate failed/);
    expect([...at.host.osds.keys()]).toEqual([0]);
    await at.part.round();
    expectWhole(at.host, 0);
    expect([...at.host.leftovers]).toEqual([]);
  });

  it.each([
    ["file", 1],
    ["raw", 1],
    ["raw", 2],
    ["lvm", 1],
    ["lvm", 2],
  ])("by method %s, %i on a device, survives the death of its process at any step", async (method, count) => {
    const path = method === "file" ? "/d/file0" : "/dev/sdb";
    const disks: Disk[] = [{ path, kind: method === "file" ? "file" : "disk" }];
    const spec = group({ paths: [path] }, count === 1 ? {} : { osds_per_device: count });
    let steps = 0;
    for (let lives = 0; ; lives += 1) {
      const host = new StandInOsds(disks);
      if (method === "lvm") host.abilities["lvm"] = null;
      host.lives = lives;
      const { writes } = await cluster(disks, host);
      const params = { drive_group: spec, skip_validation: false };
      const died = await writes.createOsds(params, host.call()).then(
        () => false,
        () => true,
      );
      host.lives = Number.POSITIVE_INFINITY;
      const next = await cluster(disks, host);
      await next.part.round();
      // The client sends it again to the next manager.
      await create(next, spec);
      expectWhole(host, count);
      expect(host.osd(0)).toMatchObject({ up: 1, weight: 1 });
      if (!died) break;
      steps += 1;
    }
    expect(steps).toBeGreaterThan(10);
  });

  it("taken up again after it was answered waits for its OSDs, and makes none", async () => {
    const at = await cluster();
    await create(at, group({ paths: ["/d/file0"] }));
    const before = [...at.host.done];
    expect(await create(at, group({ paths: ["/d/file0"] }), true)).toBe(`Created osd(s) 0 on host '${HOSTNAME}'`);
    expect(at.host.done).toEqual(before);
  });
});

describe("waiting for OSDs", () => {
  it("outlasts an agent that is away for a while", async () => {
    const at = await cluster();
    let fails = 2;
    const dump = at.host.commands["osd dump"];
    const given = await at.writes.createOsds(
      { drive_group: group({ paths: ["/d/file0"] }), skip_validation: false },
      at.host.call(),
    );
    at.host.commands["osd dump"] = (command) => {
      if (fails-- > 0) throw new AgentError("UnavailableError", "it starts just then");
      return dump?.(command) ?? "";
    };
    expect(await effective(Promise.resolve(given))).toContain("Created osd(s) 0");
    expect(fails).toBe(-1);
  });
});

describe("an applied drive group", () => {
  it("is previewed without touching anything", async () => {
    const at = await cluster();
    const spec = group({ all: true, limit: 2 }, {}, "two");
    // Ceph excludes all and limit together; a filter shows the same.
    const filtered = { ...spec, spec: { data_devices: { rotational: false, limit: 2 } } };
    expect(await at.part.plan(filtered)).toEqual({
      service_type: "osd",
      service_name: "osd.two",
      data: { [HOSTNAME]: [{ osdspec: "two", data: [{ data: "/d/file0" }, { data: "/d/file1" }], notes: [] }] },
    });
    const impossible = await at.part.plan(group({ all: true }, { encrypted: true }, "two"));
    expect(impossible.data?.[HOSTNAME]).toMatchObject([{ error: true, message: expect.stringMatching(/encrypted/) }]);
    expect(at.host.done).toEqual([]);
  });

  it("makes OSDs of devices that match, also of those that come later", async () => {
    const at = await cluster(FILES.slice(0, 1));
    await apply(at, group({ all: true }, {}, "all"));
    await at.part.round();
    expectWhole(at.host, 1);
    at.host.disks.push({ path: "/d/file9" });
    await at.part.round();
    expectWhole(at.host, 2);
    expect([...at.host.daemons.values()].map(({ service }) => service)).toEqual(["osd.all", "osd.all"]);
  });

  it("makes none while it is unmanaged, or the host drains", async () => {
    const at = await cluster();
    await apply(at, { ...group({ all: true }, {}, "all"), unmanaged: true });
    await at.part.round();
    await apply(at, group({ all: true }, {}, "all"));
    await changeHost(at.part.site, (record) => ({ ...record, labels: [NO_SCHEDULE] }));
    await at.part.round();
    expect(at.host.osds.size).toBe(0);
  });

  it("waits while the host is in maintenance, and says so", async () => {
    const at = await cluster();
    const spec = group({ all: true }, {}, "all");
    await apply(at, spec);
    await changeHost(at.part.site, (record) => ({ ...record, maintenance: true }));
    await at.part.round();
    expect(at.host.osds.size).toBe(0);
    const told: string[] = [];
    const waiting = at.part.untilMade(spec, operation(told));
    await vi.waitFor(() => expect(told).toContain("0.00 host h1.example.org is in maintenance"), 60_000);
    await changeHost(at.part.site, (record) => ({ ...record, maintenance: false }));
    at.part.start();
    await waiting;
    await at.part.close();
    expectWhole(at.host, 3);
  });

  it("goes when its service is removed, and its OSDs stay without its options", async () => {
    const at = await cluster();
    await apply(at, group({ all: true }, { config: { debug_ms: 1 } }, "all"));
    await at.part.round();
    at.host.config.set("osd.0 osd_max_backfills", "3");
    expect(at.host.config.size).toBe(4);
    const spare = { path: "/d/file9" };
    at.host.disks.push(spare);
    await changeService(at.part.site, "osd.all", (record) => record && { ...record, deleted: true });
    await at.part.round();
    expect(at.host.records).toEqual({});
    expect([...at.host.config.keys()]).toEqual(["osd.0 osd_max_backfills"]);
    expectWhole(at.host, 3);
  });

  it("is gone when its removal is effective", async () => {
    const at = await cluster();
    at.host.maps["mgr_map"] = () => ({ active_name: "x" });
    at.host.maps["fs_map"] = () => ({ filesystems: [] });
    await apply(at, group({ all: true }, {}, "all"));
    at.part.start();
    await vi.waitFor(() => expect(at.host.osds.size).toBe(3), 60_000);
    const services = new Services(at.part.site);
    services.rounds.start();
    const { removeService } = serviceWrites(at.part.site, services, at.part);
    const params = { service_name: "osd.all", force: true };
    expect(await effective(removeService(params, at.host.call()))).toBe("Removed service osd.all");
    await Promise.all([at.part.close(), services.rounds.close()]);
    expect(at.host.records).toEqual({});
    expectWhole(at.host, 3);
  });

  it("applies options that are changed to the OSDs that it has, and takes back those that it names no more", async () => {
    const at = await cluster();
    await apply(at, group({ all: true }, { config: { debug_ms: 1, debug_osd: 5 } }, "all"));
    await at.part.round();
    const { spec } = group({ all: true }, { config: { debug_ms: 2 } });
    await changeService(at.part.site, "osd.all", (record) =>
      record === undefined ? undefined : { ...record, spec: { ...record.spec, spec } as DriveGroupSpec },
    );
    await at.part.round();
    expect([...at.host.config]).toEqual([0, 1, 2].map((id) => [`osd.${id} debug_ms`, "2"]));
    const before = at.host.done.length;
    await at.part.round();
    expect(at.host.done).toHaveLength(before);
  });

  it("counts what it made before, and what is being made, for its limit", async () => {
    const at = await cluster();
    await apply(at, group({ rotational: false, limit: 2 }, {}, "two"));
    await at.part.round();
    await at.part.round();
    expectWhole(at.host, 2);
  });

  it("does not try a device that failed again and again at once", async () => {
    const at = await cluster(FILES.slice(0, 1));
    at.host.mkfs = "broken";
    await apply(at, group({ all: true }, {}, "all"));
    await expect(at.part.round()).rejects.toThrow(/file0.*broken/);
    const tries = (): number => at.host.done.filter((line) => line.startsWith("prepare")).length;
    expect(tries()).toBe(1);
    await at.part.round();
    expect(tries()).toBe(1);
    expectWhole(at.host, 0);
  });

  it("adopts OSDs that another one made", async () => {
    const at = await cluster();
    await create(at, group({ paths: ["/d/file0"] }));
    await apply(at, { ...group({ all: true }, {}, "all"), unmanaged: true });
    expect(await at.writes.setOsdSpec({ service_name: "osd.all", osd_ids: ["0"] })).toBe("Updated service for osd 0");
    expect(at.host.daemons.get("osd.0")).toMatchObject({ service: "osd.all", labels: { osdspec_affinity: "all" } });
    const wrong = at.writes.setOsdSpec({ service_name: "osd.none", osd_ids: ["0"] });
    await expect(wrong).rejects.toThrow("service osd.none is no OSD service");
  });

  it("is previewed for people by its name", async () => {
    const at = await cluster();
    await apply(at, group({ all: true }, {}, "all"));
    const text = await at.reads.previewOsdspecs({ osdspec_name: "all", osdspecs: null });
    expect(JSON.parse(text)).toMatchObject([{ service_name: "osd.all" }]);
  });
});
