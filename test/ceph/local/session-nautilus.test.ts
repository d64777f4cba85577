/** The session in the words of the classic interface. */
import { describe, expect, it } from "vitest";

import { S3User } from "../../../testbed/s3-client.ts";
import { type LocalCluster, localCluster } from "./local-cluster.ts";
import { answersNfs } from "./nfs-client.ts";

interface NodeRow {
  readonly name: string;
  readonly devices: readonly { readonly id: string; readonly available: boolean }[];
}

interface ServiceRow {
  readonly nodename: string;
  readonly service?: string;
  readonly service_instance: string;
  readonly service_type: string;
  readonly status: number;
  readonly version: string;
}

interface GatewayDump {
  readonly services: {
    readonly rgw?: { readonly daemons: Readonly<Record<string, { readonly metadata: Record<string, string> }>> };
  };
}

/** The files that stand in for disks; the machine's own disks are listed besides. */
async function devices(at: LocalCluster, available: boolean): Promise<string[]> {
  const rows = await at.read<NodeRow[]>("orchestrator device ls");
  const files = rows.flatMap((row) => row.devices).filter(({ id }) => id.startsWith("/var/lib/orchbridge/devices/"));
  return files.filter((one) => one.available === available).map(({ id }) => id);
}

/** As the gateway itself tells: the classic command has no word for the port. */
async function gatewayUrl(at: LocalCluster): Promise<string> {
  const { services } = await at.mon<GatewayDump>("service dump");
  const [daemon] = Object.values(services.rgw?.daemons ?? {}).filter((one) => typeof one === "object");
  const port = /(?:port|endpoint)=(?:\S*:)?(\d+)/.exec(daemon?.metadata["frontend_config#0"] ?? "")?.[1];
  if (port === undefined) throw new Error(`no port in ${JSON.stringify(services)}`);
  return `http://127.0.0.1:${port}`;
}

describe("the local backend on nautilus", () => {
  const at = localCluster({ release: "nautilus", name: "session" });
  const servicesOf = (type: string): Promise<ServiceRow[]> => at().read("orchestrator service ls", { svc_type: type });
  const running = (type: string, count: number): Promise<ServiceRow[]> =>
    at().eventually(`${count} of type ${type}`, async () => {
      const rows = await servicesOf(type);
      return rows.length === count && rows.every(({ status }) => status === 1) ? rows : undefined;
    });

  it("shows the host and its free devices", async () => {
    expect(await at().ok("orchestrator status")).toBe("Backend: orchbridge\nAvailable: True");
    expect(await at().ok("orchestrator host ls")).toBe("h1");
    expect(await devices(at(), true)).toHaveLength(3);
    expect(await at().ok("orchestrator device ls")).toMatch(/^Host h1:\n +Device Path/);
  });

  it("makes an OSD on a device that is named, and the others from a drive group", async () => {
    const [path] = await devices(at(), true);
    expect(await at().ok(`orchestrator osd create h1:${path}`)).toBe("Created osd(s) 0 on host 'h1'");
    await at().osdsUp(1);
    expect(await devices(at(), false)).toEqual([path]);
    const group = JSON.stringify({ host_pattern: "*", data_devices: { size: "3G:5G" } });
    expect(await at().ok("orchestrator osd create", { input: group })).toMatch(/Created osd\(s\) 1,2 on host 'h1'/);
    await at().osdsUp(3);
    const rows = await running("osd", 3);
    expect(rows.map((row) => row.service_instance).toSorted()).toEqual(["0", "1", "2"]);
    expect(Object.keys(at().daemonsOf("osd")).toSorted()).toEqual(["osd.0", "osd.1", "osd.2"]);
  });

  it("makes a file system, to which a file is written and from which it is read", async () => {
    await at().ok("fs volume create home");
    const [mds] = await running("mds", 1);
    expect(mds).toMatchObject({ nodename: "h1", service: "home", version: "14.2.21" });
    await at().eventually("the file system to be served", async () =>
      /up:active/.test(await at().ok("fs dump")) ? true : undefined,
    );
    await at().putFile("home", "/kept.txt", "what was written");
    expect(await at().getFile("home", "/kept.txt")).toBe("what was written");
  });

  it("adds metadata servers to a file system by hand", async () => {
    expect(await at().ok("orchestrator mds add other")).toBe("");
    await running("mds", 2);
    expect(await at().ok("orchestrator mds rm other")).toBe("");
    await running("mds", 1);
    // Ceph wants a standby for ever once it has seen one (MDS_INSUFFICIENT_STANDBY), if it saw this one in time.
    await at().ok("fs set home standby_count_wanted 0");
  });

  it("makes an S3 gateway, to which an object is put and from which it is got", async () => {
    expect(await at().ok("orchestrator rgw add photos")).toBe("");
    await running("rgw", 1);
    const url = `${await at().eventually("the gateway to tell its port", () => gatewayUrl(at()))}/album`;
    const user = await S3User.add(at().cluster, "ann");
    await at().eventually("the gateway to make a bucket", async () => (await user.put(url)).ok || undefined);
    expect((await user.put(`${url}/one.txt`, "content")).status).toBe(200);
    expect(await (await user.get(`${url}/one.txt`)).text()).toBe("content");
  });

  it("makes NFS servers in the pool of the operator, whose exports they read", async () => {
    const add = (pool: string) => at().ceph(["orchestrator", "nfs", "add", "share", pool, "exports"]);
    expect(await add("shared")).toMatchObject({ stderr: expect.stringContaining("pool shared does not exist") });
    await at().ok("osd pool create shared 8");
    await at().ok("osd pool application enable shared nfs");
    const caps = ["mon", "allow r", "osd", "allow rw", "mds", "allow rw"];
    const key = await at().ok(["auth", "get-or-create-key", "client.export", ...caps]);
    const fsal = `FSAL { Name = CEPH; User_Id = "export"; Secret_Access_Key = "${key}"; }`;
    const place = `Export_ID = 1; Path = "/"; Pseudo = "/home"; Access_Type = RW; Protocols = 4; Transports = TCP;`;
    const put = ["rados", "-p", "shared", "-N", "exports", "put", "conf-nfs.share", "-"];
    const { code, stderr } = await at().cluster.inRoot(put, { input: `EXPORT { ${place} ${fsal} }\n` });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    // The port is always 2049, which the server of another cluster on this machine may have for a while.
    await at().eventually("the port to be free", async () => {
      const added = await add("shared");
      if (added.code !== 0) expect(added.stderr).toContain("port 20");
      return added.code === 0 || undefined;
    });
    expect(await running("nfs", 1)).toMatchObject([{ nodename: "h1", service: "share" }]);
    await at().eventually("the server to answer", async () => (await answersNfs(2049)) || undefined);
    await at().eventually("the port beside it to be free", async () =>
      (await at().ceph("orchestrator nfs update share 2")).code === 0 ? true : undefined,
    );
    await running("nfs", 2);
    expect(await at().ok("orchestrator nfs rm share")).toBe("");
    await running("nfs", 0);
    await at().eventually("its keys to go", async () => !(await at().ok("auth ls")).includes("nfs.share") || undefined);
  });

  it("lists, stops and starts services", async () => {
    const rows = await at().read<ServiceRow[]>("orchestrator service ls");
    expect(rows.map(({ service_type: type }) => type)).toEqual(expect.arrayContaining(["osd", "mds", "rgw"]));
    expect(await at().ok("orchestrator service stop rgw photos")).toBe("");
    await at().eventually("no gateway to run", () => Object.keys(at().daemonsOf("client")).length === 0 || undefined);
    expect(await at().ok("orchestrator service start rgw photos")).toBe("");
    await running("rgw", 1);
  });

  it("leaves Ceph healthy and the manager unharmed", async () => {
    await at().healthy();
    at().expectNoHarm();
  });
});
