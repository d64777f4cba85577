/** What the dashboard shows of the orchestrator, through its REST interface. */
import { beforeAll, describe, expect, it } from "vitest";

import { missing } from "../../testbed/cluster.ts";
import { clusterWithModule } from "./cluster-with-module.ts";
import { Dashboard } from "./dashboard-client.ts";
import { useBackend } from "./own-backend.ts";

const OPTIONS = {
  hosts: [
    { hostname: "h1", addr: "10.1.1.1", labels: ["_admin"] },
    { hostname: "h2", addr: "10.1.1.2" },
  ],
  inventory: [
    {
      name: "h1",
      devices: [
        { path: "/dev/sdb", available: true, rejected_reasons: [], sys_api: { size: 4e12, rotational: "1" }, lvs: [] },
      ],
    },
  ],
  services: [{ service_type: "mds", service_id: "a", placement: { count: 2 } }],
};

/** The versions of the resources: each release of the dashboard takes only its own. */
const VERSIONS = {
  pacific: { hosts: "1.1", services: "1.0" },
  reef: { hosts: "1.3", services: "2.0" },
  tentacle: { hosts: "1.3", services: "2.0" },
} as const;

describe.each(["pacific", "reef", "tentacle"] as const)("the dashboard on %s", (release) => {
  const at = clusterWithModule({ release, name: "dashboard", dashboard: true, options: OPTIONS });
  const versions = VERSIONS[release];
  let dashboard: Dashboard;

  beforeAll(async () => {
    if (missing(release) === null) dashboard = await Dashboard.of(at());
  });

  it("has the orchestrator available with every feature", async () => {
    const { status, body } = await dashboard.get("ui-api/orchestrator/status");
    expect(status).toBe(200);
    expect(body).toMatchObject({ available: true });
    const { features } = body as { features: Record<string, { available: boolean }> };
    for (const name of [
      "get_hosts",
      "add_host",
      "describe_service",
      "apply",
      "list_daemons",
      "get_inventory",
      "remove_osds",
    ]) {
      expect(features, name).toMatchObject({ [name]: { available: true } });
    }
  });

  it("lists hosts", async () => {
    const { status, body } = await dashboard.get("api/host?sources=orchestrator", versions.hosts);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: [
        { hostname: "h1", addr: "10.1.1.1", labels: ["_admin"], sources: { orchestrator: true } },
        { hostname: "h2", addr: "10.1.1.2", sources: { orchestrator: true } },
      ],
    });
  });

  it("lists services and the daemons of one", async () => {
    const services = await dashboard.get("api/service", versions.services);
    expect(services).toMatchObject({
      status: 200,
      body: [{ service_name: "mds.a", service_type: "mds", status: { size: 2, running: 2 } }],
    });
    const one = await dashboard.get("api/service/mds.a");
    expect(one).toMatchObject({ status: 200, body: { service_name: "mds.a" } });
    const daemons = await dashboard.get("api/service/mds.a/daemons");
    expect(daemons).toMatchObject({ status: 200, body: [{ daemon_type: "mds" }, { daemon_type: "mds" }] });
  });

  it("lists the daemons and the devices of a host", async () => {
    const daemons = await dashboard.get("api/host/h1/daemons");
    expect(daemons).toMatchObject({ status: 200, body: [{ daemon_type: "mds", hostname: "h1" }] });
    const inventory = await dashboard.get("api/host/h1/inventory");
    expect(inventory).toMatchObject({
      status: 200,
      body: { name: "h1", devices: [{ path: "/dev/sdb", available: true }] },
    });
    const all = await dashboard.get("ui-api/host/inventory");
    expect(all).toMatchObject({ status: 200, body: expect.arrayContaining([expect.objectContaining({ name: "h1" })]) });
  });

  it("lists no services when the backend fails to, and goes on with the rest", async () => {
    await at().reset({ ...OPTIONS, faults: { describeService: "throw" } });
    const { status, body } = await dashboard.get("api/service", versions.services);
    // Pacific's page answers every error of an orchestrator so; later ones read the list without looking at the error.
    if (release === "pacific") expect(status).toBe(500);
    else expect({ status, body }).toEqual({ status: 200, body: [] });
    expect(await dashboard.get("api/host/h1/inventory")).toMatchObject({ status: 200, body: { name: "h1" } });
  });

  it("takes what a backend of three methods lacks for features that are not there", async () => {
    await useBackend(at(), "few");
    const { body } = await dashboard.get("ui-api/orchestrator/status");
    const { features } = body as { features: Record<string, { available: boolean }> };
    expect(features).toMatchObject({ get_hosts: { available: true }, list_daemons: { available: true } });
    expect(features).toMatchObject({
      get_inventory: { available: false },
      describe_service: { available: false },
      apply: { available: false },
    });
    expect((await dashboard.get("api/service", versions.services)).status).toBe(503);
    expect((await dashboard.get("api/host/h1/inventory")).status).toBe(503);
    expect((await dashboard.get("api/host/h1/daemons")).status).toBe(200);
  });

  it("leaves the mgr as it was", () => at().expectNoHarm());
});

describe("the dashboard on nautilus", () => {
  const at = clusterWithModule({ release: "nautilus", name: "dashboard", dashboard: true });
  let dashboard: Dashboard;

  beforeAll(async () => {
    if (missing("nautilus") === null) dashboard = await Dashboard.of(at());
  });

  it("asks the orchestrator for iSCSI gateways, and takes none for none", async () => {
    const { status, body } = await dashboard.get("ui-api/iscsi/status");
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { available: false, message: expect.stringContaining("no gateways") },
    });
    expect(await at().read("orchbridge status")).toMatchObject({ calls: { failed: 0 } });
  });

  it("goes on without them when the backend fails", async () => {
    await at().reset({ faults: { describeService: "throw", listDaemons: "throw" } });
    expect((await dashboard.get("ui-api/iscsi/status")).status).toBe(200);
    at().expectNoHarm();
  });
});
