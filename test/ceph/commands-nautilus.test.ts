/** Every `ceph orchestrator` command of Nautilus, and `ceph fs volume`, through the real `ceph`, against the memory backend. */
import { describe, expect, it } from "vitest";

import { clusterWithModule } from "./cluster-with-module.ts";
import { beginningWith, START } from "./commands/start.ts";
import { HOSTS_ONLY, placeBackend } from "./commands/unsupported.ts";

interface ServiceRow {
  readonly nodename: string;
  readonly service?: string;
  readonly service_instance: string;
  readonly service_type: string;
  readonly status: number;
}

interface NodeRow {
  readonly name: string;
  readonly devices: readonly { readonly id: string; readonly available: boolean }[];
}

const DRIVE_GROUP = JSON.stringify({
  host_pattern: "h[23]",
  data_devices: { rotates: true, count: 1 },
  db_devices: { paths: ["/dev/sde"] },
});

describe("ceph orchestrator on nautilus", () => {
  const at = clusterWithModule({ release: "nautilus", name: "commands", options: START });
  const services = (args: Record<string, unknown> = {}): Promise<ServiceRow[]> =>
    at().read("orchestrator service ls", args);
  const servicesOf = (type: string, holds: (rows: ServiceRow[]) => boolean): Promise<ServiceRow[]> =>
    at().readUntil(`the daemons of type ${type}`, "orchestrator service ls", { svc_type: type }, holds);

  describe("the module", () => {
    beginningWith(at, "nautilus", START);

    it("is said to be available, and says how it is", async () => {
      expect(await at().ok("orchestrator status")).toBe("Backend: orchbridge\nAvailable: True");
      expect(await at().ok("orchbridge status")).toMatch(
        /^orchbridge \d+\.\d+\.\d+, schemas [0-9a-f]{16}\nBackend: memory\nAvailable: Yes\n/,
      );
      expect(await at().json("orchbridge status")).toMatchObject({
        release: "nautilus",
        backend: { name: "memory", available: true },
      });
    });

    it("stops being the orchestrator and becomes it again", async () => {
      try {
        expect(await at().ok("orchbridge deactivate")).toMatch(/^There is no orchestrator now\nDone: \S/);
        await at().refused("orchestrator status", "ENOENT", "No orchestrator configured");
      } finally {
        expect(await at().activate()).toMatch(
          /^orchbridge is the orchestrator now\nDone: orchestrator set backend orchbridge /,
        );
      }
      expect(await at().ok("orchbridge activate")).toBe("orchbridge is the orchestrator already; nothing was changed");
    });

    it("is chosen by Ceph's own command too", async () => {
      try {
        await at().ok(["orchestrator", "set", "backend", ""]);
        await at().refused("orchestrator status", "ENOENT", "No orchestrator configured");
      } finally {
        await at().ok("orchestrator set backend orchbridge");
      }
      expect(await at().ok("orchestrator status")).toContain("Available: True");
    });

    it("has all features of the classic interface", async () => {
      const features = await at().json<Record<string, boolean>>("orchbridge features");
      expect(Object.keys(features)).toEqual(
        expect.arrayContaining(["get_hosts", "create_osds", "update_mons", "add_stateless_service"]),
      );
      expect(Object.entries(features).filter(([, has]) => !has)).toEqual([]);
    });
  });

  describe("hosts and devices", () => {
    beginningWith(at, "nautilus", START);

    it("are listed, added and removed", async () => {
      expect(await at().ok("orchestrator host ls")).toBe("h1\nh2\nh3");
      expect(await at().ok("orchestrator host add h4")).toBe("Added host 'h4' with addr 'h4'");
      expect(await at().ok("orchestrator host ls")).toBe("h1\nh2\nh3\nh4");
      expect(await at().ok("orchestrator host rm h4")).toMatch(/^Removed +host 'h4'$/);
      expect(await at().ok("orchestrator host ls")).toBe("h1\nh2\nh3");
    });

    it("that do not exist are named in one line, whose message is whole", async () => {
      await at().refused("orchestrator host rm h9", "ENOENT", /^Error ENOENT: host h9 is not in the cluster; .+$/m);
    });

    it("have devices, listed in JSON, of all hosts or some", async () => {
      const rows = await at().json<NodeRow[]>("orchestrator device ls");
      expect(rows.map(({ name }) => name)).toEqual(["h1", "h2", "h3"]);
      expect(rows[0]?.devices[0]).toMatchObject({
        id: "/dev/sdb",
        type: "hdd",
        size: 4_000_787_030_016,
        rotates: true,
        available: true,
        dev_id: "ATA/ST4000NM0033",
        extended: { path: "/dev/sdb" },
      });
      const some = await at().json<NodeRow[]>("orchestrator device ls h1 h3");
      expect(some.map(({ name }) => name)).toEqual(["h1", "h3"]);
    });

    it("have devices, listed as tables, and looked at again", async () => {
      const refresh = await at().ok("orchestrator device ls h2 --format plain --refresh");
      expect(refresh).toMatch(/^Host h2:\n +Device Path +Type +Size +Rotates +Available Model/);
      expect(refresh).toMatch(/^ +\/dev\/sde +sdd\/nvme +447G +False +True ATA\/SSDSC2BB480G7$/m);
      expect(refresh).not.toContain("Host h1");
    });
  });

  describe("OSDs", () => {
    beginningWith(at, "nautilus", START);

    it("are created on one host's devices", async () => {
      expect(await at().ok("orchestrator osd create h1:/dev/sdb,/dev/sdc")).toBe("Created osd(s) 0,1 on host 'h1'");
      const rows = await servicesOf("osd", ({ length }) => length === 2);
      expect(rows).toMatchObject([
        { nodename: "h1", service_instance: "0", service_type: "osd" },
        { nodename: "h1", service_instance: "1", service_type: "osd" },
      ]);
      const [node] = await at().read<NodeRow[]>("orchestrator device ls", { host: ["h1"] });
      expect(node?.devices.filter(({ available }) => available).map(({ id }) => id)).toEqual(["/dev/sdd", "/dev/sde"]);
    });

    it("are created from a drive group", async () => {
      const said = await at().ok("orchestrator osd create", { input: DRIVE_GROUP });
      expect(said).toMatch(/Created osd\(s\) 2 on host 'h2'\s+Created osd\(s\) 3 on host 'h3'/);
      await servicesOf("osd", ({ length }) => length === 4);
      const [node] = await at().read<NodeRow[]>("orchestrator device ls", { host: ["h2"] });
      expect(node?.devices.filter(({ available }) => available).map(({ id }) => id)).toEqual(["/dev/sdc", "/dev/sdd"]);
    });

    it("are refused where the device does not exist, in one line", async () => {
      await at().refused("orchestrator osd create h1:/dev/sdz", "ENOENT", "host h1 has no device /dev/sdz");
      await at().refused("orchestrator osd create h9:/dev/sdb", "EINVAL", "host_pattern 'h9' does not match any hosts");
    });

    it("are removed", async () => {
      expect(await at().ok("orchestrator osd rm 0 1")).toBe("Scheduled OSD(s) for removal.");
      await servicesOf("osd", (rows) => rows.every(({ service_instance: id }) => id !== "0" && id !== "1"));
      await at().refused("orchestrator osd rm 99", "ENOENT", "OSD 99 does not exist");
    });
  });

  describe("services", () => {
    beginningWith(at, "nautilus", START);

    it("of metadata servers and gateways are added and removed", async () => {
      expect(await at().ok("orchestrator mds add fs1")).toBe("");
      expect(await at().ok("orchestrator rgw add site1")).toBe("");
      expect(await at().ok("orchestrator nfs add share pool1 space1")).toBe("");
      const rows = await at().readUntil(
        "a daemon of each",
        "orchestrator service ls",
        {},
        (all: ServiceRow[]) => all.length === 3,
      );
      expect(rows.map(({ service_type: type, service }) => `${type}.${service}`)).toEqual([
        "mds.fs1",
        "nfs.share",
        "rgw.site1",
      ]);
    });

    it("are scaled", async () => {
      expect(await at().ok("orchestrator nfs update share 3")).toBe("");
      const rows = await servicesOf("nfs", ({ length }) => length === 3);
      expect(rows.map(({ nodename }) => nodename)).toEqual(["h1", "h2", "h3"]);
    });

    it("are listed in JSON, by host, type and id", async () => {
      const all = await at().json<ServiceRow[]>("orchestrator service ls");
      expect(all[0]).toMatchObject({
        service_type: "mds",
        service: "fs1",
        status: 1,
        version: expect.stringMatching(/^14\.2\./),
      });
      const onH2 = await at().json<ServiceRow[]>("orchestrator service ls h2");
      expect(onH2.map(({ nodename }) => nodename)).toEqual(onH2.map(() => "h2"));
      expect(await services({ svc_type: "mds" })).toHaveLength(1);
      expect(await services({ svc_type: "nfs", svc_id: "share" })).toHaveLength(3);
      expect(await at().ok("orchestrator service ls --svc_type=iscsi")).toBe("No services reported");
    });

    it("are listed as lines", async () => {
      const text = await at().ok("orchestrator service ls --refresh");
      expect(text).toMatch(/^mds fs1\.fs1\.h\d\.\w+ h\d [0-9a-f]{12} 14\.2\.\d+ None$/m);
    });

    it("are stopped, started and reloaded, as a whole and one by one", async () => {
      expect(await at().ok("orchestrator service stop nfs share")).toBe("");
      await servicesOf("nfs", (rows) => rows.every(({ status }) => status === 0));
      const [first] = await services({ svc_type: "nfs" });
      expect(await at().ok(`orchestrator service-instance start nfs ${first?.service_instance}`)).toBe("");
      await servicesOf("nfs", (rows) => rows.filter(({ status }) => status === 1).length === 1);
      expect(await at().ok("orchestrator service start nfs share")).toBe("");
      await servicesOf("nfs", (rows) => rows.every(({ status }) => status === 1));
      expect(await at().ok("orchestrator service reload nfs share")).toBe("");
      expect(await at().ok(`orchestrator service-instance reload nfs ${first?.service_instance}`)).toBe("");
    });

    it("that do not exist are named in one line, whose message is whole", async () => {
      await at().refused("orchestrator service stop mds nope", "ENOENT", "service mds.nope does not exist");
      await at().refused("orchestrator service-instance stop mds nope", "ENOENT", "daemon mds.nope does not exist");
      await at().refused("orchestrator mds rm nope", "ENOENT", "service mds.nope does not exist");
    });

    it("of monitors and managers get a number and hosts", async () => {
      expect(await at().ok("orchestrator mgr update 2 h1 h2")).toBe("Scheduled mgr update...");
      const mgrs = await servicesOf("mgr", ({ length }) => length === 2);
      expect(mgrs.map(({ nodename }) => nodename)).toEqual(["h1", "h2"]);
      expect(await at().ok("orchestrator mon update 3 h1:10.1.1.0/24 h2:10.1.1.0/24 h3")).toBe(
        "Scheduled mon update...",
      );
      const mons = await servicesOf("mon", ({ length }) => length === 3);
      expect(mons.map(({ nodename }) => nodename)).toEqual(["h1", "h2", "h3"]);
      await at().refused("orchestrator mon update 0", "EINVAL", "Invalid number of mons: require 0 > 0");
      await at().refused("orchestrator mgr update 1 h9", "ENOENT", "h9");
    });

    it("are removed with their daemons", async () => {
      expect(await at().ok("orchestrator mds rm fs1")).toBe("");
      expect(await at().ok("orchestrator rgw rm site1")).toBe("");
      expect(await at().ok("orchestrator nfs rm share")).toBe("");
      const left = (rows: ServiceRow[]): boolean =>
        rows.every(({ service_type: type }) => type === "mon" || type === "mgr");
      await at().readUntil("the others to go", "orchestrator service ls", {}, left);
    });
  });

  describe("volumes", () => {
    beginningWith(at, "nautilus", START);

    it("get metadata servers, which go with them", async () => {
      await at().ok("config set mon mon_allow_pool_delete true");
      await at().ok("fs volume create vol1");
      const rows = await servicesOf("mds", ({ length }) => length === 1);
      expect(rows).toMatchObject([{ service: "vol1", service_type: "mds" }]);
      expect(await at().json("fs volume ls")).toEqual([{ name: "vol1" }]);
      await at().ok("fs volume rm vol1 --yes-i-really-mean-it");
      await servicesOf("mds", ({ length }) => length === 0);
      expect(await at().json("fs volume ls")).toEqual([]);
    });
  });

  describe("what a backend of hosts only lacks", () => {
    it("is refused in one line, while what it has works", async () => {
      await at().reset({ hosts: ["lone1", "lone2"] }, placeBackend(at, "hosts-only.ts", HOSTS_ONLY));
      expect(await at().ok("orchestrator host ls")).toBe("lone1\nlone2");
      for (const words of ["host add h4", "device ls", "service ls", "osd rm 1", "mgr update 1"]) {
        const command = `orchestrator ${words.split(" ").slice(0, 2).join(" ")}`;
        await at().refused(`orchestrator ${words}`, "ENOENT", `This Orchestrator does not support \`${command}\``);
      }
      at().expectNoHarm();
    });

    it("is false among the features", async () => {
      const features = await at().json<Record<string, boolean>>("orchbridge features");
      expect(Object.keys(features).filter((name) => features[name])).toEqual(["get_hosts"]);
    });

    it("is no reason for `fs volume create` to fail", async () => {
      await at().ok("config set mon mon_allow_pool_delete true");
      const { code, stderr } = await at().ceph("fs volume create plain");
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("no MDS daemons created") });
      await at().ok("fs volume rm plain --yes-i-really-mean-it");
      at().expectNoHarm();
    });
  });
});
