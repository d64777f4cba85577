import { describe, expect, test } from "vitest";
import type { InventoryHost } from "../../src/orchestrator/generated/types.ts";
import { until } from "../orchestrator/harness.ts";
import { hosts, type MemoryCluster, memoryCluster, spec } from "./memory-cluster.ts";

const disk = (path: string, more: object = {}, api: object = {}): object => ({
  path,
  available: true,
  sys_api: { size: 4e12, rotational: "1", vendor: "ATA", model: "ST4000", ...api },
  ...more,
});

/** A host of two disks, two flash devices, and a system disk. */
const shelf = {
  inventory: [
    {
      name: "h1",
      devices: [
        disk("/dev/sda", { available: false, rejected_reasons: ["Has partitions"] }),
        disk("/dev/sdb"),
        disk("/dev/sdc", {}, { size: 8e12, model: "ST8000" }),
        disk("/dev/nvme0n1", {}, { size: 4.8e11, rotational: "0", vendor: "Intel" }),
        disk("/dev/nvme1n1", { device_id: "INTEL_7" }, { size: 9.6e11, rotational: "0", vendor: "Intel" }),
      ],
    },
  ],
};

const group = (data: object, fields: object = {}, id: string | null = "x"): { drive_group: object } => ({
  drive_group: spec("osd", id ?? undefined, { host_pattern: "h1" }, { data_devices: data, ...fields }),
});

async function usedDevices(cluster: MemoryCluster): Promise<Record<string, string[]>> {
  const [host] = await cluster.read<InventoryHost[]>("get_inventory");
  const used = host?.devices.filter((device) => (device.lvs ?? []).length > 0) ?? [];
  return Object.fromEntries(
    used.map((device) => [
      device.path,
      (device.lvs ?? []).map((volume) => JSON.stringify(volume["name"]).slice(1, -1)),
    ]),
  );
}

describe("the inventory", () => {
  test("is filtered by host and label", async () => {
    const { read } = await memoryCluster(hosts(2, 1));
    const named = async (host_filter: object): Promise<string[]> =>
      (await read<InventoryHost[]>("get_inventory", { host_filter })).map(({ name }) => name);
    expect(await named({ hosts: ["h2"] })).toEqual(["h2"]);
    expect(await named({ labels: ["_admin"] })).toEqual(["h1"]);
    expect(await read("get_inventory")).toMatchObject([{ addr: "10.1.1.1" }, { addr: "10.1.1.2" }]);
  });

  test("is found out anew when asked to", async () => {
    const { read } = await memoryCluster(hosts(1, 1));
    expect((await read<InventoryHost[]>("get_inventory"))[0]?.devices[0]).not.toHaveProperty("created");
    expect((await read<InventoryHost[]>("get_inventory", { refresh: true }))[0]?.devices[0]?.created).toMatch(/Z$/);
  });
});

describe("creating OSDs", () => {
  test("takes the devices named and marks them as used", async () => {
    const cluster = await memoryCluster(shelf);
    expect(await cluster.write("create_osds", group({ paths: ["/dev/sdb"] }, {}, null))).toBe(
      "Created osd(s) 0 on host 'h1'",
    );
    expect(await cluster.daemons()).toMatchObject([
      { daemon_name: "osd.0", hostname: "h1", status_desc: "running", service_name: "osd" },
    ]);
    const [host] = await cluster.read<InventoryHost[]>("get_inventory");
    expect(host?.devices[1]).toMatchObject({
      available: false,
      rejected_reasons: ["LVM detected", "locked"],
      ceph_device: true,
      lvs: [{ osd_id: "0" }],
    });
  });

  test("again creates none", async () => {
    const cluster = await memoryCluster(shelf);
    await cluster.write("create_osds", group({ paths: ["/dev/sdb"] }));
    expect(await cluster.write("create_osds", group({ paths: ["/dev/sdb"] }))).toBe(
      "Created no osd(s) on host h1; already created?",
    );
    expect(await cluster.names()).toEqual(["osd.0 h1"]);
  });

  test.each<[string, object, object, string[]]>([
    ["all free devices", { all: true }, {}, ["/dev/nvme0n1", "/dev/nvme1n1", "/dev/sdb", "/dev/sdc"]],
    ["rotating devices", { rotational: true }, {}, ["/dev/sdb", "/dev/sdc"]],
    ["devices of a model", { model: "ST8" }, {}, ["/dev/sdc"]],
    ["devices of a vendor", { vendor: "Intel" }, {}, ["/dev/nvme0n1", "/dev/nvme1n1"]],
    ["devices of at least a size", { size: "5TB:" }, {}, ["/dev/sdc"]],
    ["devices of at most a size", { size: ":500G" }, {}, ["/dev/nvme0n1"]],
    ["devices of a range of sizes", { size: "900G:4T" }, {}, ["/dev/nvme1n1", "/dev/sdb"]],
    ["devices of just a size", { size: "8T" }, {}, ["/dev/sdc"]],
    ["at most so many", { rotational: true, limit: 1 }, {}, ["/dev/sdb"]],
    ["devices that meet both filters", { rotational: true, model: "ST8000" }, {}, ["/dev/sdc"]],
    [
      "devices that meet either filter",
      { vendor: "Intel", model: "ST8000" },
      { filter_logic: "OR" },
      ["/dev/nvme0n1", "/dev/nvme1n1", "/dev/sdc"],
    ],
    ["the paths named, as objects too", { paths: ["/dev/sdb", { path: "/dev/sdc" }] }, {}, ["/dev/sdb", "/dev/sdc"]],
  ])("takes %s", async (_what, data, fields, expected) => {
    const cluster = await memoryCluster(shelf);
    await cluster.write("create_osds", group(data, fields));
    expect(Object.keys(await usedDevices(cluster)).sort()).toEqual(expected);
    expect(await cluster.names()).toHaveLength(expected.length);
  });

  test("counts those it created before for its limit", async () => {
    const cluster = await memoryCluster(shelf);
    await cluster.write("create_osds", group({ rotational: true, limit: 1 }));
    await cluster.write("create_osds", group({ rotational: true, limit: 1 }));
    expect(await cluster.names()).toEqual(["osd.0 h1"]);
  });

  test("puts databases and logs on flash, in turn, and several OSDs on a device", async () => {
    const cluster = await memoryCluster(shelf);
    const fields = { db_devices: { size: ":500G" }, wal_devices: { size: "900G:1T" }, osds_per_device: 2 };
    expect(await cluster.write("create_osds", group({ rotational: true }, fields))).toBe(
      "Created osd(s) 0,1,2,3 on host 'h1'",
    );
    expect(await usedDevices(cluster)).toEqual({
      "/dev/sdb": ["osd-block-0", "osd-block-1"],
      "/dev/sdc": ["osd-block-2", "osd-block-3"],
      "/dev/nvme0n1": ["osd-db-0", "osd-db-1", "osd-db-2", "osd-db-3"],
      "/dev/nvme1n1": ["osd-wal-0", "osd-wal-1", "osd-wal-2", "osd-wal-3"],
    });
  });

  test("gives no device more databases than it has slots", async () => {
    const cluster = await memoryCluster(shelf);
    await cluster.write("create_osds", group({ rotational: true }, { db_devices: { size: ":500G" }, db_slots: 1 }));
    expect((await usedDevices(cluster))["/dev/nvme0n1"]).toEqual(["osd-db-0"]);
  });

  test.each<[string, { drive_group: object }, string, string]>([
    [
      "an unknown host",
      { drive_group: spec("osd", "x", { host_pattern: "h9" }, { data_devices: { all: true } }) },
      "NotFoundError",
      "host h9 is not in the cluster",
    ],
    [
      "an unknown device",
      group({ paths: ["/dev/sdz"] }),
      "NotFoundError",
      "host h1 has no device /dev/sdz; 'ceph orch device ls h1' lists its devices",
    ],
    [
      "a device that is not free",
      group({ paths: ["/dev/sda"] }),
      "ValidationError",
      "device /dev/sda on host h1 is not available: Has partitions",
    ],
    [
      "no devices",
      { drive_group: spec("osd", "x", { host_pattern: "h1" }) },
      "ValidationError",
      "osd.x: data_devices are missing",
    ],
    [
      "an empty selection",
      group({}),
      "ValidationError",
      "osd.x: data_devices select nothing; give paths, a filter, or all",
    ],
    [
      "all devices and a filter",
      group({ all: true, model: "x" }),
      "ValidationError",
      "all and other filters exclude each other",
    ],
    [
      "paths and a filter",
      group({ paths: ["/dev/sdb"], model: "x" }),
      "ValidationError",
      "paths and filters exclude each other",
    ],
    [
      "all devices for databases",
      group({ rotational: true }, { db_devices: { all: true } }),
      "ValidationError",
      "osd.x: db_devices: all is only allowed for data_devices",
    ],
    [
      "a size that is none",
      group({ size: "big" }),
      "ValidationError",
      'size "big" is not a number with K, M, G or T, as in 10G, 10G: or 10G:4T',
    ],
    [
      "filestore",
      group({ all: true }, { objectstore: "filestore" }),
      "ValidationError",
      "objectstore filestore is not supported",
    ],
    [
      "directories",
      group({ all: true }, { data_directories: ["/x"] }),
      "ValidationError",
      "data_directories are not supported",
    ],
  ])("of %s is refused and changes nothing", async (_what, params, type, message) => {
    const cluster = await memoryCluster(shelf);
    const before = await cluster.state();
    await expect(cluster.write("create_osds", params)).rejects.toMatchObject({
      type,
      message: expect.stringContaining(message),
    });
    expect(await cluster.state()).toEqual(before);
  });

  test("without validation passes over devices that are not free", async () => {
    const cluster = await memoryCluster(shelf);
    const params = { ...group({ paths: ["/dev/sda", "/dev/sdb"] }), skip_validation: true };
    expect(await cluster.write("create_osds", params)).toBe("Created osd(s) 0 on host 'h1'");
  });
});

describe("an applied drive group", () => {
  const all = spec("osd", "all", { host_pattern: "*" }, { data_devices: { all: true } });

  test("makes OSDs on every host it matches, also on those added later", async () => {
    const cluster = await memoryCluster(hosts(2, 2));
    expect(await cluster.apply(all)).toEqual(["Scheduled osd.all update..."]);
    expect(await cluster.service("osd.all")).toMatchObject({ status: { size: 4, running: 4 } });
    await cluster.write("add_host", { host_spec: { hostname: "h9" } });
    expect(await cluster.names({ host: "h9" })).toEqual(["osd.4 h9", "osd.5 h9"]);
  });

  test("makes none while it is unmanaged", async () => {
    const cluster = await memoryCluster(hosts(1, 2));
    await cluster.apply({ ...all, unmanaged: true });
    expect(await cluster.names()).toEqual([]);
  });

  test("is previewed host by host, and a dry run changes nothing", async () => {
    const cluster = await memoryCluster(hosts(2, 1));
    const preview = spec("osd", "all", { host_pattern: "*" }, { data_devices: { all: true }, preview_only: true });
    const before = await cluster.state();
    await cluster.apply(preview);
    const [, row] = await cluster.read<object[]>("plan", { spec: [preview] });
    expect(row).toEqual({
      service_type: "osd",
      service_name: "osd.all",
      data: {
        h1: [{ osdspec: "all", data: [{ data: "/dev/sdb" }], notes: [] }],
        h2: [{ osdspec: "all", data: [{ data: "/dev/sdb" }], notes: [] }],
      },
    });
    expect(JSON.parse(await cluster.read<string>("preview_osdspecs", { osdspecs: [preview] }))).toMatchObject([
      { service_name: "osd.all", data: { h1: [{ osdspec: "all" }] } },
    ]);
    expect(await cluster.state()).toEqual(before);
    await cluster.apply(all);
    expect(JSON.parse(await cluster.read<string>("preview_osdspecs"))).toMatchObject([
      { data: { h1: [{ data: [], notes: ["h1 has no free device that osd.all asks for"] }] } },
    ]);
  });

  test("adopts OSDs that another one made", async () => {
    const cluster = await memoryCluster(hosts(1, 1));
    await cluster.apply({ ...all, unmanaged: true });
    await cluster.write("create_osds", group({ all: true }, {}, null));
    expect(await cluster.write("set_osd_spec", { service_name: "osd.all", osd_ids: ["0"] })).toBe(
      "Updated service for osd 0",
    );
    expect(await cluster.daemons()).toMatchObject([{ service_name: "osd.all", osdspec_affinity: "all" }]);
    await cluster.apply(spec("crash", undefined));
    await expect(cluster.write("set_osd_spec", { service_name: "crash", osd_ids: ["0"] })).rejects.toThrow(
      "service crash is not of OSDs",
    );
  });
});

describe("removing OSDs", () => {
  const withOsds = async (effective_ms = 0): Promise<MemoryCluster> => {
    const cluster = await memoryCluster({ ...shelf, delays: { effective_ms } });
    await cluster.write("create_osds", group({ rotational: true }));
    return cluster;
  };

  test("drains them, row by row, and takes them away", async () => {
    const cluster = await withOsds(500);
    const { value, operations } = await cluster.start("remove_osds", { osd_ids: ["1"], zap: true });
    expect(value).toBe("Scheduled OSD(s) for removal.");
    expect(await cluster.read("remove_osds_status")).toMatchObject([
      {
        osd_id: 1,
        hostname: "h1",
        drain_status: "started",
        pg_count: 32,
        zap: true,
        replace: false,
        drain_started_at: null,
      },
    ]);
    const ofRemoval = (): number[] =>
      cluster.heard.progress.filter(({ call }) => call === operations[0]?.call).map(({ fraction }) => fraction);
    await until(() => ofRemoval().length === 2, "two steps were made");
    expect(await cluster.read("remove_osds_status")).toMatchObject([
      { drain_status: "draining", draining: true, pg_count: 16 },
    ]);
    await expect.poll(() => cluster.heard.effective).toContain(operations[0]?.call);
    expect(await cluster.read("remove_osds_status")).toEqual([]);
    expect(await cluster.names()).toEqual(["osd.0 h1"]);
    expect(Object.keys(await usedDevices(cluster))).toEqual(["/dev/sdb"]);
    expect(ofRemoval()).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
  });

  test("leaves devices as they are unless told to zap", async () => {
    const cluster = await withOsds();
    await cluster.write("remove_osds", { osd_ids: ["0"] });
    expect(Object.keys(await usedDevices(cluster)).sort()).toEqual(["/dev/sdb", "/dev/sdc"]);
    expect(await cluster.write("zap_device", { host: "h1", path: "/dev/sdb" })).toBe(
      "zap successful for /dev/sdb on h1",
    );
    expect(Object.keys(await usedDevices(cluster))).toEqual(["/dev/sdc"]);
  });

  test("for a replacement keeps their ids for the next OSDs of the host", async () => {
    const cluster = await withOsds();
    await cluster.write("remove_osds", { osd_ids: ["1"], replace: true, zap: true });
    expect(await cluster.write("create_osds", group({ vendor: "Intel" }, {}, "flash"))).toBe(
      "Created osd(s) 1,2 on host 'h1'",
    );
  });

  test("is stopped on request", async () => {
    const cluster = await withOsds(50);
    await cluster.start("remove_osds", { osd_ids: ["0", "1"] });
    expect(await cluster.write("stop_remove_osds", { osd_ids: ["0", "1"] })).toBe("Stopped OSD(s) removal");
    expect(await cluster.read("remove_osds_status")).toEqual([]);
    await expect.poll(() => cluster.heard.effective.length).toBe(2);
    expect(await cluster.names()).toHaveLength(2);
    await expect(cluster.write("stop_remove_osds", { osd_ids: ["0"] })).rejects.toThrow("OSD 0 is not being removed");
  });

  test.each(["7", "osd.0", "x"])("names an OSD that does not exist: %s", async (id) => {
    const cluster = await withOsds();
    await expect(cluster.write("remove_osds", { osd_ids: ["0", id] })).rejects.toMatchObject({
      type: "NotFoundError",
      message: `OSD ${id} does not exist; 'ceph orch ps --daemon-type osd' lists the OSDs`,
    });
    expect(await cluster.read("remove_osds_status")).toEqual([]);
  });
});

describe("a device", () => {
  test("in use is not erased", async () => {
    const cluster = await memoryCluster(shelf);
    await cluster.write("create_osds", group({ paths: ["/dev/sdb"] }));
    await expect(cluster.write("zap_device", { host: "h1", path: "/dev/sdb" })).rejects.toThrow(
      "device /dev/sdb on host h1 is in use by osd.0; remove that with 'ceph orch osd rm' first",
    );
    await expect(cluster.write("zap_device", { host: "h1", path: "/dev/sdz" })).rejects.toMatchObject({
      type: "NotFoundError",
    });
  });

  test("that was rejected for what is on it is free once erased", async () => {
    const cluster = await memoryCluster(shelf);
    await cluster.write("zap_device", { host: "h1", path: "/dev/sda" });
    expect((await cluster.read<InventoryHost[]>("get_inventory"))[0]?.devices[0]).toMatchObject({
      available: true,
      rejected_reasons: [],
    });
  });

  test("is replaced: its OSDs go, their ids stay, and it is marked until it is cleared", async () => {
    const cluster = await memoryCluster(shelf);
    await cluster.write("create_osds", group({ paths: ["/dev/sdb"] }));
    const params = { hostname: "h1", device: "sdb" };
    await expect(cluster.write("replace_device", params)).rejects.toThrow("--yes-i-really-mean-it does it");
    expect(await cluster.write("replace_device", { ...params, yes_i_really_mean_it: true })).toBe(
      "Scheduled to destroy osds: 0 and mark /dev/sdb as being replaced.",
    );
    expect(await cluster.names()).toEqual([]);
    expect((await cluster.read<InventoryHost[]>("get_inventory"))[0]?.devices[1]).toMatchObject({
      being_replaced: true,
    });
    expect(await cluster.write("create_osds", group({ size: "4T" }))).toContain("Created no osd(s)");
    expect(await cluster.write("replace_device", { ...params, clear: true })).toBe(
      "Device /dev/sdb on host h1 is no longer marked as being replaced",
    );
    expect(await cluster.write("create_osds", group({ size: "4T" }))).toBe("Created osd(s) 0 on host 'h1'");
  });

  test("shows its lights", async () => {
    const cluster = await memoryCluster(shelf);
    const locations = [{ host: "h1", dev: "INTEL_7", path: "/dev/nvme1n1" }];
    expect(await cluster.write("blink_device_light", { ident_fault: "ident", on: true, locations })).toEqual([
      "Set ident light for h1:/dev/nvme1n1 on",
    ]);
    expect((await cluster.read<InventoryHost[]>("get_inventory"))[0]?.devices[4]?.lsm_data).toMatchObject({
      ledSupport: { IDENTstatus: "On", FAILstatus: "Off" },
    });
    const nowhere = [{ host: "h1", dev: "NOPE", path: "" }];
    await expect(
      cluster.write("blink_device_light", { ident_fault: "fault", on: true, locations: nowhere }),
    ).rejects.toThrow("host h1 has no device NOPE");
  });
});
