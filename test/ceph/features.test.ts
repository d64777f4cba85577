/** A lone `.ts` file with three methods: everything else is a feature that is not there, and nothing breaks by it. */
import { beforeAll, describe, expect, it } from "vitest";

import { missing, RELEASE_NAMES, type Release } from "../../testbed/cluster.ts";
import { type ClusterWithModule, clusterWithModule, REMOVAL_ENDS_REEF } from "./cluster-with-module.ts";
import { useBackend } from "./own-backend.ts";

/** Commands whose method the backend left out, and the method's name in `features`. */
const MISSING: Readonly<Record<Release, readonly [command: string, feature: string][]>> = {
  nautilus: [
    ["orchestrator device ls", "get_inventory"],
    ["orchestrator host rm h1", "remove_host"],
    ["orchestrator osd rm 0", "remove_osds"],
    ["orchestrator mon update 3", "update_mons"],
    ["orchestrator service start mds a", "service_action"],
  ],
  pacific: modernly([]),
  reef: modernly([["orch tuned-profile ls", "tuned_profile_ls"]]),
  tentacle: modernly([
    ["orch tuned-profile ls", "tuned_profile_ls"],
    ["orch hardware status", "node_proxy_summary"],
    ["orch certmgr cert ls", "cert_store_cert_ls"],
  ]),
};

function modernly(more: readonly [string, string][]): [string, string][] {
  return [
    ["orch device ls", "get_inventory"],
    ["orch ls", "describe_service"],
    ["orch host rm h1", "remove_host"],
    ["orch host label add h1 a", "add_host_label"],
    ["orch osd rm status", "remove_osds_status"],
    ["orch upgrade status", "upgrade_status"],
    ["orch daemon restart mon.h1", "daemon_action"],
    ["orch apply mon 3", "apply"],
    ["orch pause", "pause"],
    ["orch cancel", "cancel_completions"],
    ...more,
  ];
}

describe.each(RELEASE_NAMES)("a backend of three methods on %s", (release) => {
  const at = clusterWithModule({ release, name: "features" });

  beforeAll(async () => {
    if (missing(release) === null) await useBackend(at(), "few");
  });

  it("does what it can", async () => {
    const [list, add] =
      release === "nautilus"
        ? ["orchestrator host ls", "orchestrator host add h2"]
        : ["orch host ls", "orch host add h2 10.1.1.2"];
    expect(await at().ok(add)).toContain("Added host 'h2'");
    expect(await at().ok(list)).toMatch(/h1[^]*h2/);
    if (release !== "nautilus") expect(await at().ok("orch ps")).toContain("mon.h1");
  });

  it.each(MISSING[release])("says of %s that it does not support it", async (command) => {
    await at().refused(command, "ENOENT", `This Orchestrator does not support \`${prefixOf(command)}`);
  });

  it("has exactly those methods as features that it defines", async () => {
    const features = await at().read<Record<string, boolean>>("orchbridge features");
    for (const [, feature] of MISSING[release]) expect(features, feature).toMatchObject({ [feature]: false });
    const supported = Object.keys(features).filter((name) => features[name]);
    // Nautilus's describe_service is what later releases call list_daemons.
    const third = release === "nautilus" ? "describe_service" : "list_daemons";
    expect(supported.toSorted()).toEqual(["add_host", third, "get_hosts"].toSorted());
  });

  it("lets volumes make a file system, as without an orchestrator", async () => {
    await at().ok("fs volume create without");
    expect(await at().json("fs ls")).toMatchObject([{ name: "without" }]);
  });

  it("lets volumes remove it", async (context) => {
    context.skip(release === "reef", REMOVAL_ENDS_REEF);
    await at().ok("config set mon mon_allow_pool_delete true");
    await at().ok("fs volume rm without --yes-i-really-mean-it");
    expect(await at().json("fs ls")).toEqual([]);
  });

  it("does not disturb the prometheus module, which asks for what it can get at every scrape", async () => {
    const metrics = await startPrometheus(at());
    for (let scrape = 0; scrape < 4; scrape += 1) {
      const answer = await fetch(metrics);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain("ceph_mgr_status");
    }
  });

  it("leaves no crash and no warning of one", async () => {
    expect(await at().ok("health detail")).not.toContain("RECENT_MGR_MODULE_CRASH");
    at().expectNoHarm();
  });
});

/** The words of a command that name it, without its arguments. */
function prefixOf(command: string): string {
  const known = ["device ls", "host rm", "osd rm status", "osd rm", "mon update", "host label add", "upgrade status"];
  const [first = "", ...rest] = command.split(" ");
  const words = known.find((name) => rest.join(" ").startsWith(name));
  return words === undefined ? `${first} ${rest[0]}` : `${first} ${words}`;
}

/** Enables prometheus without its cache, so that each request is a scrape; the address of its metrics. */
async function startPrometheus(at: ClusterWithModule): Promise<URL> {
  const options = { server_addr: "127.0.0.1", server_port: String(20_000 + (process.pid % 10_000)), cache: "false" };
  for (const [name, value] of Object.entries(options)) {
    await at.cluster
      .rados()
      .mon({ prefix: "config set", who: "mgr", name: `mgr/prometheus/${name}`, value, force: true });
  }
  await at.cluster.enableModule("prometheus");
  const { services } = await at.cluster.waitForMgr((map) => "prometheus" in map.services, "prometheus to serve");
  await at.waitUntilAvailable();
  return new URL("metrics", services["prometheus"]);
}
