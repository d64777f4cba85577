/** The testbed's packaged host, with a second release's root in it. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { clusterNames } from "../../testbed/cache.ts";
import { type Cluster, missing, upCluster } from "../../testbed/cluster.ts";
import { linkInstalled } from "../../testbed/host.ts";

describe("a packaged host of pacific, with reef beside it", () => {
  const reason = missing("pacific") ?? missing("reef");
  let cluster: Cluster;

  beforeEach((context) => context.skip(reason !== null, reason ?? ""));
  beforeAll(async () => {
    if (reason !== null) return;
    cluster = await upCluster({ release: "pacific", name: `packaged-${process.pid}`, host: { roots: ["reef"] } });
  });
  afterAll(async () => {
    if (reason === null) expect(await cluster.down()).toEqual([]);
  });

  const print = async (...command: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.inRoot(command);
    expect(code, stderr).toBe(0);
    return stdout.trim();
  };

  it("has its own name, and everything where packages put it, in the cluster's own folder", async () => {
    expect(await print("hostname")).toBe("h1");
    expect(await print("ceph", "-c", "/etc/ceph/ceph.conf", "fsid")).toBe(cluster.state.fsid);
    expect(await print("ls", "/run/ceph")).toBe("ceph-mgr.x.asok\nceph-mon.a.asok");
    expect(existsSync(join(cluster.dir, "host/var-lib-ceph/mon/ceph-a/store.db"))).toBe(true);
    expect(readdirSync(join(cluster.place.root, "var/lib/ceph/mon"))).toEqual([]);
  });

  it("runs its manager as the packaged unit does: as ceph, without devices and new privileges", () => {
    const mgr = `/proc/${cluster.mgrPid()}`;
    expect(statSync(mgr).uid).toBe(statSync(join(cluster.dir, "crash")).uid);
    expect(readFileSync(`${mgr}/status`, "utf8")).toMatch(/^NoNewPrivs:\t1$/m);
    expect(readdirSync(`${mgr}/root/dev`).toSorted()).toEqual([
      "fd",
      "full",
      "null",
      "random",
      "shm",
      "urandom",
      "zero",
    ]);
    expect(readdirSync(`/proc/${cluster.daemon("mon.a").pid}/root/dev`)).toContain("loop-control");
  });

  it("takes another release's daemons when they are installed, with the same folders around them", async () => {
    expect(await print("chroot", "/installed/osd", "ceph-osd", "--version")).toContain("16.2.15");
    linkInstalled(cluster.dir, "osd", "reef");
    expect(await print("chroot", "/installed/osd", "ceph-osd", "--version")).toContain("18.2.7");
    expect(await print("chroot", "/installed/osd", "ceph", "fsid")).toBe(cluster.state.fsid);
    expect(await print("chroot", "/installed/mon", "ceph-mon", "--version")).toContain("16.2.15");
    expect(clusterNames("reef")).not.toContain(cluster.name);
  });
});
