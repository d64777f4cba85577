import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { checkDriveGroup, deviceClassOf, osdLayouts, previewOf } from "../../src/orchestrator/drive-groups.ts";
import type { Device, DeviceSelection, DriveGroupSpec } from "../../src/orchestrator/generated/types.ts";

function disk(path: string, api: object = {}, more: object = {}): Device {
  return {
    path,
    available: true,
    sys_api: { size: 4e12, rotational: "1", vendor: "ATA", model: "ST4000", ...api },
    ...more,
  };
}

function group(data: DeviceSelection, fields: object = {}): DriveGroupSpec {
  return { service_type: "osd", service_id: "x", spec: { data_devices: data, ...fields } };
}

const paths = (spec: DriveGroupSpec, devices: readonly Device[]): string[] =>
  osdLayouts(spec, devices, () => false).map(({ data }) => data);

describe("a size", () => {
  const devices = [
    // What ceph-volume says of 4 TB: powers of 1024, with the units' short names.
    disk("/dev/sda", { size: 4_000_787_030_016, human_readable_size: "3.64 TB" }),
    disk("/dev/sdb", { size: 10 * 1024 ** 3, human_readable_size: "10.00 GB" }),
    disk("/dev/sdc", { size: 1e12 }),
  ];
  test.each([
    ["3.64T", ["/dev/sda"]],
    ["3.64TB", ["/dev/sda"]],
    ["4T", []],
    ["10G", ["/dev/sdb"]],
    ["10G:", ["/dev/sda", "/dev/sdb", "/dev/sdc"]],
    [":10G", ["/dev/sdb"]],
    ["10G:1T", ["/dev/sdb", "/dev/sdc"]],
    ["1T", ["/dev/sdc"]],
  ])("%s is read as Ceph reads it, by ceph-volume's own words where there are some", (size, expected) => {
    expect(paths(group({ size }), devices)).toEqual(expected);
  });
});

describe("a selection", () => {
  const devices = [
    disk("/dev/sda"),
    disk("/dev/sdb", { model: "ST8000" }),
    disk("/dev/nvme0n1", { rotational: "0", vendor: "Intel" }),
    disk("/dev/nvme1n1", { rotational: "0", vendor: "Intel", actuators: 2 }),
  ];
  test.each<[string, DeviceSelection, string[]]>([
    ["numbers for what rotates", { rotational: 1 }, ["/dev/sda", "/dev/sdb"]],
    ["numbers for what does not", { rotational: 0 }, ["/dev/nvme0n1", "/dev/nvme1n1"]],
    ["several filters", { rotational: true, model: "ST8" }, ["/dev/sdb"]],
    ["actuators", { actuators: 2 }, ["/dev/nvme1n1"]],
    ["a limit", { vendor: "Intel", limit: 1 }, ["/dev/nvme0n1"]],
    ["paths", { paths: ["/dev/sdb", { path: "/dev/sda" }] }, ["/dev/sda", "/dev/sdb"]],
  ])("takes %s", (_what, data, expected) => {
    expect(paths(group(data), devices)).toEqual(expected);
  });

  test("chooses data devices first, as Ceph does, but leaves those that another use names", () => {
    const all = { all: true };
    expect(osdLayouts(group(all, { db_devices: { rotational: false } }), devices, () => false)).toHaveLength(4);
    const named = group(all, { db_devices: { paths: ["/dev/nvme0n1"] } });
    expect(osdLayouts(named, devices, () => false).map(({ data, block_db: db }) => [data, db])).toEqual([
      ["/dev/sda", "/dev/nvme0n1"],
      ["/dev/sdb", "/dev/nvme0n1"],
      ["/dev/nvme1n1", "/dev/nvme0n1"],
    ]);
  });

  test("puts as many databases on a device as fit into it", () => {
    const flash = disk("/dev/nvme0n1", { rotational: "0", size: 25 * 1024 ** 3 });
    const spec = group({ rotational: true }, { db_devices: { rotational: false }, block_db_size: "10G" });
    const disks = ["a", "b", "c"].map((name) => disk(`/dev/sd${name}`));
    expect(osdLayouts(spec, [...disks, flash], () => false).map(({ block_db: db }) => db)).toEqual([
      "/dev/nvme0n1",
      "/dev/nvme0n1",
      undefined,
    ]);
    expect(() => checkDriveGroup(group({ all: true }, { block_db_size: "big" }))).toThrow(/size "big" is not a number/);
  });

  const GIB = 1024 ** 3;

  test("gives each of the OSDs that share a device the same part, and fills what is free of it", () => {
    const small = disk("/dev/sda", { size: 8 * GIB });
    const spec = group({ all: true }, { osds_per_device: 2, data_allocate_fraction: 0.5 });
    const part = 2044 * 1024 ** 2;
    expect(osdLayouts(spec, [small], () => false)).toEqual([
      { data: "/dev/sda", data_size: part },
      { data: "/dev/sda", data_size: part },
    ]);
    const half = { ...small, available: false, lvs: [{ osd_id: "7" }] };
    const lacking = (gaps: number[], own = true): number =>
      osdLayouts(
        spec,
        [half],
        () => own,
        () => gaps,
      ).length;
    expect(lacking([part, part])).toBe(1);
    expect(lacking([part - 1])).toBe(0);
    expect(lacking([])).toBe(0);
    expect(lacking([part, part], false)).toBe(0);
  });

  test("keeps places on a database device for OSDs that come later", () => {
    const flash = disk("/dev/nvme0n1", { rotational: "0", size: 8 * GIB });
    const spec = group({ rotational: true }, { db_devices: { rotational: false }, db_slots: 4 });
    const [layout] = osdLayouts(spec, [disk("/dev/sda"), flash], () => false);
    expect(layout).toEqual({ data: "/dev/sda", block_db: "/dev/nvme0n1", block_db_size: 2044 * 1024 ** 2 });
    expect(previewOf(layout!)).toEqual({ data: "/dev/sda", block_db: "/dev/nvme0n1", block_db_size: "2.00 GB" });
    const used = { ...flash, available: false, lvs: [1, 2, 3].map((id) => ({ osd_id: String(id) })) };
    const disks = ["b", "c"].map((name) => disk(`/dev/sd${name}`));
    const later = osdLayouts(
      spec,
      [...disks, used],
      () => true,
      ({ path }) => (path === "/dev/nvme0n1" ? [6 * GIB] : []),
    );
    expect(later.map(({ block_db: db }) => db)).toEqual(["/dev/nvme0n1", undefined]);
  });

  /** What is made of new disks beside a database device that has OSDs, and room as said. */
  function spreadOver(names: string, given: number, gaps: readonly number[], ...free: Device[]): unknown[] {
    const lvs = Array.from({ length: given }, (_, id) => ({ osd_id: String(id) }));
    const api = { rotational: "0", size: 100 * GIB };
    const used = disk("/dev/nvme0n1", api, { available: false, lvs });
    const disks = names.split("").map((name) => disk(`/dev/sd${name}`));
    const spec = group({ rotational: true }, { db_devices: { rotational: false } });
    const room = ({ path }: Device): readonly number[] => (path === used.path ? gaps : []);
    const layouts = osdLayouts(spec, [...disks, used, ...free], () => true, room);
    return layouts.map(({ block_db: db, block_db_size: size }) => (db === undefined ? null : [db, size]));
  }
  const evenShare = (places: number): number => Math.floor((100 * GIB - 8 * 1024 ** 2) / places / UNIT) * UNIT;
  const UNIT = 4 * 1024 ** 2;

  test("counts what even shares leave of a full database device as no place", () => {
    const other = disk("/dev/nvme1n1", { rotational: "0", size: 100 * GIB });
    const half = ["/dev/nvme1n1", evenShare(2)];
    expect(spreadOver("cd", 2, [6 * 1024 ** 2], other)).toEqual([half, half]);
    expect(spreadOver("c", 2, [255 * 1024 ** 2])).toEqual([null]);
  });

  test("gives those who come again to a spread database device the shares of their forerunners", () => {
    const third = evenShare(3);
    const one = ["/dev/nvme0n1", third];
    expect(spreadOver("bc", 1, [2 * third + UNIT])).toEqual([one, one]);
    expect(spreadOver("bc", 1, [third, third + UNIT])).toEqual([one, one]);
    expect(spreadOver("b", 2, [third + UNIT])).toEqual([one]);
    // A new disk comes besides: the share is not made smaller for one that finds no place anyway.
    expect(spreadOver("bc", 2, [third + UNIT])).toEqual([one, null]);
    // Other shares than even ones: the largest gap.
    expect(spreadOver("b", 1, [10 * GIB, 2 * GIB])).toEqual([["/dev/nvme0n1", 10 * GIB]]);
  });

  test("leaves a database device whole to one OSD", () => {
    const flash = disk("/dev/nvme0n1", { rotational: "0" });
    const spec = group({ rotational: true }, { db_devices: { rotational: false } });
    expect(osdLayouts(spec, [disk("/dev/sda"), flash], () => false)).toEqual([
      { data: "/dev/sda", block_db: "/dev/nvme0n1" },
    ]);
  });

  test("gives a device the class that is said for it, else that of the group", () => {
    const spec = group(
      { paths: [{ path: "/dev/sda", crush_device_class: "fast" }, "/dev/sdb"] },
      { crush_device_class: "slow" },
    );
    expect(["/dev/sda", "/dev/sdb"].map((path) => deviceClassOf(spec, path))).toEqual(["fast", "slow"]);
    expect(deviceClassOf(group({ all: true }), "/dev/sda")).toBeUndefined();
  });
});

describe("of any devices and any drive group", () => {
  const devices = fc.array(
    fc.record({
      rotational: fc.constantFrom("0", "1"),
      available: fc.boolean(),
      size: fc.constantFrom(1e11, 1e12, 4e12),
    }),
    { maxLength: 12 },
  );
  const filter = fc.record(
    { rotational: fc.boolean(), limit: fc.nat(4), size: fc.constantFrom("100G:", ":1T", "4T") },
    { requiredKeys: ["rotational"] },
  );
  const groups = fc.record(
    {
      data_devices: filter,
      db_devices: filter,
      wal_devices: filter,
      db_slots: fc.integer({ min: 1, max: 3 }),
      osds_per_device: fc.integer({ min: 1, max: 2 }),
      filter_logic: fc.constantFrom("AND" as const, "OR" as const),
    },
    { requiredKeys: ["data_devices"] },
  );

  test("free devices alone are used, each for one thing, and never more than the limits say", () => {
    fc.assert(
      fc.property(devices, groups, (found, fields) => {
        const all = found.map(({ available, ...api }, index) => disk(`/dev/d${index}`, api, { available }));
        const layouts = osdLayouts(group(fields.data_devices, fields), all, () => false);
        const uses = {
          data: layouts.map(({ data }) => data),
          db: layouts.flatMap(({ block_db: db }) => db ?? []),
          wal: layouts.flatMap(({ block_wal: wal }) => wal ?? []),
        };
        const used = Object.values(uses).map((names) => new Set(names));
        const free = new Set(all.filter(({ available }) => available === true).map(({ path }) => path));
        for (const path of used.flatMap((names) => [...names])) expect(free).toContain(path);
        expect(used.reduce((sum, names) => sum + names.size, 0)).toBe(new Set(Object.values(uses).flat()).size);
        const { limit = 0 } = fields.data_devices;
        if (limit > 0) expect(new Set(uses.data).size).toBeLessThanOrEqual(limit);
        const slots = fields.db_slots ?? Infinity;
        for (const path of uses.db) expect(uses.db.filter((other) => other === path).length).toBeLessThanOrEqual(slots);
      }),
    );
  });

  test("once its OSDs are made, none is made again and the limit holds", () => {
    fc.assert(
      fc.property(devices, groups, (found, fields) => {
        const all = found.map(({ available, ...api }, index) => disk(`/dev/d${index}`, api, { available }));
        const spec = group(fields.data_devices, fields);
        const layouts = osdLayouts(spec, all, () => false);
        const carries = (path: string): number[] =>
          layouts.flatMap(({ data, block_db: db, block_wal: wal }, id) => ([data, db, wal].includes(path) ? [id] : []));
        const after = all.map((device) => {
          const ids = carries(device.path);
          return ids.length === 0
            ? device
            : { ...device, available: false, lvs: ids.map((id) => ({ osd_id: String(id) })) };
        });
        const again = osdLayouts(spec, after, () => true);
        expect(again.filter(({ data }) => layouts.some((layout) => layout.data === data))).toEqual([]);
        const { limit = 0 } = fields.data_devices;
        const taken = new Set([...layouts, ...again].map(({ data }) => data));
        if (limit > 0) expect(taken.size).toBeLessThanOrEqual(limit);
      }),
    );
  });
});
