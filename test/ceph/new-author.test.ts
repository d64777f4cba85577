/** The whole way of docs/write-a-backend.md, in a clean folder and with the packed package, up to a real manager. */
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { type Cluster, missing, upCluster } from "../../testbed/cluster.ts";
import { AuthorShell } from "../cli/author-shell.ts";
import { changedBackend, theWay, tutorial } from "../cli/tutorial.ts";
import { ClusterWithModule } from "./cluster-with-module.ts";
import { buildModule } from "./installed-module.ts";

/** The tutorial's words for the folder that each cluster of the testbed has in its own. */
const MODULES = "/usr/share/ceph/mgr";

describe("a new author, on tentacle", () => {
  const reason = missing("tentacle");
  const { way } = theWay(tutorial);
  let shell: AuthorShell;
  let cluster: Cluster;
  let at: ClusterWithModule;

  beforeEach((context) => context.skip(reason !== null, reason ?? ""));
  beforeAll(async () => {
    if (reason !== null) return;
    buildModule();
    shell = new AuthorShell(join(import.meta.dirname, "../../dist/module"));
    // As packages run it; it knows nothing of the module when it starts.
    cluster = await upCluster({ release: "tentacle", name: `author-${process.pid}`, user: "ceph" });
    at = new ClusterWithModule(cluster);
  });
  afterAll(async () => {
    if (reason !== null) return;
    shell.remove();
    expect(await cluster.down()).toEqual([]);
  });

  const inFolder = (command: string | undefined, input = ""): string => {
    const { status, stdout } = shell.run((command ?? "").replace(MODULES, cluster.moduleDir), input);
    expect(status, `${command}: ${stdout}`).toBe(0);
    return stdout;
  };
  const onCluster = (command: string | undefined): Promise<string> =>
    at.ok((command ?? "").replace(/^ceph /, "").replace(MODULES, cluster.pathInRoot(cluster.moduleDir)));

  it("has fewer than ten commands to type", () => {
    expect(way).toHaveLength(9);
  });

  it("makes a backend that passes the contract, adds a method, and sees it at the prompt", () => {
    const [begin, move, test, dev] = way;
    for (const command of [begin, move, test]) inFolder(command);
    shell.write("racks/racks.ts", changedBackend(tutorial));
    inFolder("npm run types"); // what the editor says
    expect(inFolder(dev, "host add r1 10.0.0.1\ndevice ls\n")).toContain("RACKS_r1_4");
  });

  it("installs it, and a real manager serves the .ts file", async () => {
    const [install, enable, choose, activate, use] = way.slice(4);
    expect(inFolder(install)).toContain("ceph mgr module enable orchbridge --force");
    const before = await cluster.mgrMap();
    await onCluster(enable);
    // The manager replaces itself; a person takes longer to type.
    await cluster.waitForMgr((map) => map.available && map.active_gid !== before.active_gid, "the mgr to be back");
    await onCluster(choose);
    await onCluster(activate);
    await at.waitUntilAvailable();
    at.noteMgr();
    expect(await onCluster(use)).toBe("Added host 'r1'");
    expect(await at.ok("orch device ls --wide")).toContain("RACKS_r1_4");
    expect(await at.ok("orchbridge status")).toMatch(/^Backend: racks, from \/.*\/orchbridge\/backends\/racks\.ts$/m);
  });

  it("leaves the mgr as it was", () => at.expectNoHarm());
});
