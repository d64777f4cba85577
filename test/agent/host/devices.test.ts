import { describe, expect, it } from "vitest";
import { parseLsblk, parseMountinfo, parseSwaps, useOf } from "../../../src/agent/host/block-devices.ts";
import { blockDevice, type Findings, fileDevice } from "../../../src/agent/host/device-shape.ts";
import { isCandidate } from "../../../src/agent/host/devices.ts";
import { parseSignatures } from "../../../src/agent/host/erase.ts";
import { parseInventory } from "../../../src/agent/host/inventory.ts";
import { parseLabel } from "../../../src/agent/host/labels.ts";
import { osdsOf, parseLvmList } from "../../../src/agent/host/osds.ts";
import type { Device } from "../../../src/index.ts";
import { osdsOn } from "../../../src/index.ts";
import { bytes, RELEASES, type Release, text } from "./fixture.ts";

const NOTHING: Findings = {
  uses: new Map(),
  inventory: { devices: new Map(), problem: "ceph-volume is not installed (package ceph-volume)" },
  osds: [],
  labels: [],
  probed: new Map(),
  fsid: "a5c3c935-30b6-412b-adb0-479a8a2861a1",
};

function found(release: Release): Findings {
  const devices = [
    ...parseInventory(text(release, "inventory.json")),
    ...parseInventory(text(release, "inventory-loop0.json")),
  ];
  return {
    ...NOTHING,
    inventory: { devices: new Map(devices.map((device) => [device.path, device])), problem: undefined },
  };
}

/** What a Device looks like is said by its schema, which the contract suite checks on every answer. */
function device(release: Release, path: string, findings: Findings): Device {
  const one = parseLsblk(text(release, "lsblk.json")).find((block) => block.path === path);
  return blockDevice(one!, findings).device as unknown as Device;
}

describe("devices as recorded", () => {
  it.each(RELEASES)("are Ceph's shape on %s, sizes whole, and an empty loop device is available", (release) => {
    const loop = device(release, "/dev/loop0", found(release));
    expect(loop).toMatchObject({
      path: "/dev/loop0",
      available: true,
      rejected_reasons: [],
      human_readable_type: "hdd",
    });
    expect(loop.sys_api).toMatchObject({ size: 6_442_450_944, rotational: "1", ro: "0" });
    expect(JSON.stringify(loop)).not.toMatch(/\d\.\d+e|\d\.0[,}]/);
    expect(osdsOn(loop)).toEqual([]);
  });

  it.each(RELEASES)("are rejected with the reason where they are mounted: %s", (release) => {
    const uses = new Map([["254:0", "mounted at /"]]);
    const disk = device(release, "/dev/vda", { ...found(release), uses });
    expect(disk.available).toBe(false);
    expect(disk.rejected_reasons?.[0]).toBe("mounted at /");
  });

  it("know the OSD on them, however it was made", () => {
    const label = parseLabel(bytes("pacific", "label.bin"))!;
    const labels = [{ path: "/dev/loop0", label }];
    const loop = device("pacific", "/dev/loop0", { ...found("pacific"), labels, osds: osdsOf(labels, "/state") });
    expect(osdsOn(loop)).toEqual([1]);
    expect(loop).toMatchObject({
      available: false,
      ceph_device: true,
      rejected_reasons: ["Has BlueStore device label"],
    });
  });

  it("hold no OSD of ours where it is another cluster's of the same number", () => {
    const label = parseLabel(bytes("tentacle", "label.bin"))!;
    const loop = device("pacific", "/dev/loop0", { ...found("pacific"), labels: [{ path: "/dev/loop0", label }] });
    expect(osdsOn(loop)).toEqual([]);
    expect(loop.rejected_reasons).toEqual(["Has osd.1 of another cluster (542ef290-773f-47f2-88de-ac317f52712f)"]);
  });

  it("are what the agent itself found where ceph-volume says nothing", () => {
    expect(device("reef", "/dev/loop0", NOTHING).available).toBe(true);
    const probed = new Map([["/dev/loop0", ["locked"]]]);
    expect(device("reef", "/dev/loop0", { ...NOTHING, probed }).rejected_reasons).toEqual(["locked"]);
  });
});

describe("a disk", () => {
  const plain = {
    name: "sdb",
    path: "/dev/sdb",
    type: "disk",
    size: 4_000_787_030_016,
    rota: true,
    ro: false,
    rm: false,
  };
  const named = {
    model: "ST4000NM0033",
    vendor: "ATA",
    serial: "Z1Z0",
    rev: "SN04",
    tran: "sata",
    fstype: null,
    mountpoint: null,
  };
  const shaped = (change: object, findings: Findings = NOTHING): Device => {
    const [one] = parseLsblk(JSON.stringify({ blockdevices: [{ ...plain, ...named, "maj:min": "8:16", ...change }] }));
    return blockDevice(one!, findings).device as unknown as Device;
  };

  it("has vendor, model and serial number as its id", () => {
    expect(shaped({})).toMatchObject({ device_id: "ATA_ST4000NM0033_Z1Z0", available: true });
    expect(shaped({ vendor: "0x1af4" }).device_id).toBe("ST4000NM0033_Z1Z0");
    expect(shaped({ serial: null }).device_id).toBe("");
  });

  it.each([
    ["read-only", { ro: true }, "read-only"],
    ["removable", { rm: true }, "removable"],
    ["removable in an older lsblk's words", { rm: "1" }, "removable"],
    ["too small", { size: 4 * 1024 ** 3 }, "Insufficient space (<5GB)"],
    ["in parts", { children: [{ ...plain, ...named, type: "part", "maj:min": "8:17" }] }, "Has partitions"],
    ["a volume group's", { children: [{ ...plain, ...named, type: "lvm", "maj:min": "252:0" }] }, "LVM detected"],
  ])("is rejected when it is %s", (_, change, reason) => {
    expect(shaped(change)).toMatchObject({ available: false, rejected_reasons: [reason] });
  });

  it("is rejected when something that lies on it is mounted", () => {
    const child = { ...plain, ...named, path: "/dev/sdb1", type: "part", "maj:min": "8:17" };
    const uses = new Map([["8:17", "mounted at /srv"]]);
    expect(shaped({ children: [child] }, { ...NOTHING, uses }).rejected_reasons?.[0]).toBe(
      "/dev/sdb1 on it is mounted at /srv",
    );
  });

  it("keeps the volumes of its own OSDs, and takes the number from another cluster's", () => {
    const lvs = [
      { name: "osd-block-1", osd_id: "3", cluster_fsid: NOTHING.fsid, osd_fsid: "x" },
      { name: "osd-block-2", osd_id: "4", cluster_fsid: "542ef290-773f-47f2-88de-ac317f52712f" },
      { name: "swap", comment: "not used by ceph" },
    ];
    const said = parseInventory(
      JSON.stringify([{ path: "/dev/sdb", available: false, rejected_reasons: ["LVM detected"], lvs }]),
    );
    const disk = shaped(
      {},
      { ...NOTHING, inventory: { devices: new Map([["/dev/sdb", said[0]!]]), problem: undefined } },
    );
    expect(osdsOn(disk)).toEqual([3]);
    expect(disk.lvs).toHaveLength(3);
  });

  it("is listed when it has a medium and is no memory in disguise; a loop device only when wanted", () => {
    const candidate = (change: object, loops: boolean): boolean =>
      isCandidate(
        parseLsblk(JSON.stringify({ blockdevices: [{ ...plain, ...named, "maj:min": "8:16", ...change }] }))[0]!,
        loops,
      );
    expect(candidate({}, false)).toBe(true);
    expect(candidate({ size: 0 }, false)).toBe(false);
    expect(candidate({ name: "zram0" }, false)).toBe(false);
    expect(candidate({ type: "rom" }, false)).toBe(false);
    expect(candidate({ type: "loop", name: "loop99" }, false)).toBe(false);
    expect(candidate({ type: "loop", name: "loop99" }, true)).toBe(false); // it has no file behind it
  });
});

describe("a file device", () => {
  const file = { path: "/state/devices/file0", size: 4 * 1024 ** 3, allocated: 0, labelled: false, parts: [] };

  it("is available from 1 GB on", () => {
    expect(fileDevice(file, false, undefined, NOTHING)).toMatchObject({
      kind: "file",
      device: { available: true, human_readable_type: "ssd", sys_api: { size: 4 * 1024 ** 3, rotational: "0" } },
    });
    expect(fileDevice({ ...file, size: 1024 ** 2 }, false, undefined, NOTHING).device).toMatchObject({
      available: false,
      rejected_reasons: ["Insufficient space (<1GB)"],
    });
  });

  it("is rejected with the reason when the disk cannot hold it", () => {
    expect(fileDevice(file, true, "Insufficient space: …", NOTHING).device).toMatchObject({
      available: false,
      rejected_reasons: ["Insufficient space: …"],
    });
  });
});

describe("what /proc and the tools print", () => {
  it("mounts are known by number and by source, without those of no device", () => {
    const mountinfo = [
      "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw",
      "23 22 0:5 / /proc rw - proc proc rw",
      "30 22 0:31 /sub /srv/my\\040data rw - btrfs /dev/sdc rw",
      "31 22 254:1 /home /home rw - ext4 /dev/vda1 rw",
    ].join("\n");
    expect(Object.fromEntries(parseMountinfo(mountinfo))).toMatchObject({
      "254:1": "/",
      "/dev/vda1": "/",
      "/dev/sdc": "/srv/my data",
    });
    expect(parseMountinfo(mountinfo).has("0:5")).toBe(false);
  });

  it("swap is known by its device", () => {
    const swaps = "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 999420 0 -2\n/swapfile file 1 0 -3\n";
    expect(parseSwaps(swaps)).toEqual(["/dev/sda2"]);
  });

  it("lsblk's own word for swap counts too", () => {
    const [one] = parseLsblk(text("reef", "lsblk.json"));
    expect(useOf({ ...one!, mountpoint: "[SWAP]" }, new Map())).toBe("used as swap");
  });

  it("wipefs prints nothing for an empty device, else the kinds of what is there", () => {
    expect(parseSignatures("")).toEqual([]);
    const signatures = [
      { offset: "0x438", type: "ext4" },
      { offset: "0x200", type: "gpt" },
      { offset: "0x1", type: "gpt" },
    ];
    expect(parseSignatures(JSON.stringify({ signatures }))).toEqual(["ext4", "gpt"]);
  });

  it("ceph-volume's list of volumes gives OSDs on their disks (made up after its documentation: not recorded)", () => {
    const tags = { "ceph.osd_fsid": "2c1dcbd9-53c0-4a07-9915-a72ec75fc104", "ceph.cluster_fsid": NOTHING.fsid };
    const list = {
      7: [
        { type: "block", path: "/dev/vg/block", devices: ["/dev/sdb"], tags },
        { type: "db", path: "/dev/vg2/db", devices: ["/dev/nvme0n1"], tags },
      ],
    };
    expect(parseLvmList(JSON.stringify(list))).toEqual([
      {
        osd_id: 7,
        osd_uuid: "2c1dcbd9-53c0-4a07-9915-a72ec75fc104",
        fsid: NOTHING.fsid,
        method: "lvm",
        devices: { block: "/dev/sdb", db: "/dev/nvme0n1" },
      },
    ]);
    expect(parseLvmList("{}")).toEqual([]);
  });
});
