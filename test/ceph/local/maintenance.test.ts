/** Hosts, labels, maintenance and drain on a real cluster, by the modern `ceph orch`. */
import { beforeAll, describe, expect, it } from "vitest";

import { localCluster } from "./local-cluster.ts";

interface HostRow {
  readonly hostname: string;
  readonly addr: string;
  readonly labels: readonly string[];
  readonly status: string;
}

interface OsdDump {
  readonly crush_node_flags: Readonly<Record<string, readonly string[]>>;
  readonly osds: readonly { readonly osd: number; readonly up: number; readonly in: number }[];
}

describe("the host of the local backend on tentacle", () => {
  const at = localCluster({ release: "tentacle", name: "local-rest" });
  const host = async (): Promise<HostRow> => (await at().json<HostRow[]>("orch host ls"))[0]!;
  const noout = async (): Promise<readonly string[] | undefined> =>
    (await at().mon<OsdDump>("osd dump")).crush_node_flags["h1"];

  beforeAll(async () => {
    await at().ok("orch apply osd --all-available-devices");
    await at().osdsUp(3);
    await at().ok("fs volume create home --placement=1");
    await at().eventually("the file system to be active", async () => {
      const { out } = await at().cluster.rados().mon({ prefix: "mds stat" });
      return /up:active/.test(out) || undefined;
    });
    await at().putFile("home", "/kept", "written before");
  });

  it("is listed, labelled and addressed", async () => {
    // The address of its monitor.
    expect(await host()).toMatchObject({ hostname: "h1", addr: "127.0.0.1" });
    expect(await at().ok("orch host label add h1 lab")).toBe("Added label lab to host h1");
    expect(await at().ok("orch host set-addr h1 127.0.0.1")).toBe("Updated host 'h1' addr to '127.0.0.1'");
    expect(await host()).toMatchObject({ hostname: "h1", addr: "127.0.0.1", labels: ["lab"], status: "" });
    expect(await at().ok("orch host label rm h1 lab")).toBe("Removed label lab from host h1");
  });

  it("may be added again, and no other", async () => {
    expect(await at().ok("orch host add h1")).toBe("Added host 'h1' with addr '127.0.0.1'");
    await at().refused("orch host add h2", "EINVAL", 'host "h2" cannot be added: the local backend serves only h1');
    await at().refused("orch host rm h1", "ENOENT", "This Orchestrator does not support `orch host rm`");
  });

  it("tells its facts", async () => {
    const rows = await at().json<{ hostname: string }[]>("orch host ls --detail");
    expect(rows[0]).toMatchObject({ hostname: "h1" });
    expect(await at().ok("orch host rescan h1 --with-summary")).toMatch(/^Ok\. \d+ devices found on h1$/);
  });

  it("does not enter maintenance without force, because the data would be out of reach", async () => {
    await at().refused("orch host ok-to-stop h1", "EBUSY", /osd\.0, osd\.1, osd\.2/);
    await at().refused("orch host maintenance enter h1", "EBUSY", /osd\.0, osd\.1, osd\.2/, { lines: 2 });
    await at().refused("orch host maintenance enter h1 --force", "EBUSY", /osd\.0, osd\.1, osd\.2/, { lines: 2 });
    expect(Object.keys(at().daemonsOf("osd"))).toHaveLength(3);
  });

  it("stops all but the mon and the mgr in maintenance, with noout set, and stays so through deaths", async () => {
    expect(await at().ok("orch host maintenance enter h1 --force --yes-i-really-mean-it")).toMatch(
      /Host h1 moved to maintenance mode$/,
    );
    const resting = (): true | undefined =>
      Object.keys(at().daemons()).every((name) => /^(mon|mgr)\./.test(name)) || undefined;
    await at().eventually("the daemons to be stopped", resting);
    expect(await host()).toMatchObject({ status: "maintenance" });
    expect(await noout()).toEqual(["noout"]);
    await at().agent.kill();
    await at().agent.start();
    expect(resting()).toBe(true);
    expect((await at().mon<OsdDump>("osd dump")).osds.map((osd) => osd.in)).toEqual([1, 1, 1]);
  });

  it("starts them again after it, and the data is there", async () => {
    expect(await at().ok("orch host maintenance exit h1")).toMatch(/ on h1 has exited maintenance mode$/);
    await at().osdsUp(3);
    await at().eventually("noout to be gone", async () => ((await noout()) === undefined ? true : undefined));
    expect(await host()).toMatchObject({ status: "" });
    expect(await at().getFile("home", "/kept")).toBe("written before");
  });

  it("drains as far as the data allows, and no further, until the drain is stopped", async () => {
    expect(await at().ok("orch host drain h1")).toMatch(/osd +0 /);
    expect((await host()).labels).toEqual(["_no_schedule", "_no_conf_keyring"]);
    const queue = (): Promise<string> => at().ok("orch osd rm status");
    await at().eventually(
      "OSDs to wait in the queue",
      async () => /draining|waiting|started/.test(await queue()) || undefined,
    );
    expect(await at().ok("orch host drain stop h1")).toBe("Stopped draining host 'h1'");
    await at().eventually("the queue to be empty", async () => (await queue()).startsWith("No OSD") || undefined);
    expect((await host()).labels).toEqual([]);
    const { osds } = await at().mon<OsdDump>("osd dump");
    // Two copies of everything: one of the three may have gone, the other two never.
    expect(osds.length).toBeGreaterThanOrEqual(2);
    await at().eventually(
      "the file to be read",
      async () => (await at().getFile("home", "/kept")) === "written before" || undefined,
    );
  });
});
