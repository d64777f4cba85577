import { describe, expect, test } from "vitest";
import { hosts, memoryCluster, spec } from "./memory-cluster.ts";

describe("daemons", () => {
  test("are listed with what ceph orch ps shows, filtered", async () => {
    const cluster = await memoryCluster(hosts(2));
    await cluster.apply(spec("mds", "fs"), spec("crash", undefined));
    expect(await cluster.daemons({ daemon_type: "mds", host: "h2" })).toMatchObject([
      {
        daemon_type: "mds",
        service_name: "mds.fs",
        hostname: "h2",
        status: 1,
        status_desc: "running",
        version: "20.2.4",
        container_image_name: "quay.io/ceph/ceph:v20.2.4",
        memory_usage: expect.any(Number),
        started: expect.any(String),
        events: [expect.stringMatching(/ daemon:mds\.fs\.h2\.[a-z]{6} \[INFO\] "Deployed mds\.fs\.h2/)],
      },
    ]);
    expect(await cluster.names({ service_name: "crash" })).toEqual(["crash.h1 h1", "crash.h2 h2"]);
    expect(await cluster.names({ daemon_id: "h2" })).toEqual(["crash.h2 h2"]);
    expect(await cluster.names({ refresh: true })).toHaveLength(4);
  });

  test("are the same at every start and after the same calls", async () => {
    const run = async (): Promise<unknown> => {
      const cluster = await memoryCluster(hosts(3, 2, { services: [spec("crash", undefined)] }));
      await cluster.apply(spec("rgw", "s3", { count: 4 }), spec("mgr", undefined));
      await cluster.write("drain_host", { hostname: "h1" });
      return cluster.state();
    };
    expect(await run()).toEqual(await run());
  });

  test("are added to hosts, as an unmanaged service where there is none yet", async () => {
    const cluster = await memoryCluster(hosts(2));
    expect(await cluster.write("add_daemon", { spec: spec("mds", "fs", { hosts: ["h2"] }) })).toEqual([
      expect.stringMatching(/^Deployed mds\.fs\.h2\.[a-z]{6} on host 'h2'$/),
    ]);
    expect(await cluster.service("mds.fs")).toMatchObject({ unmanaged: true, status: { size: 1, running: 1 } });
  });

  test("that are OSDs are added another way", async () => {
    const { write } = await memoryCluster(hosts(1));
    await expect(
      write("add_daemon", { spec: spec("osd", "x", { hosts: ["h1"] }, { data_devices: { all: true } }) }),
    ).rejects.toThrow("OSDs are added with 'ceph orch daemon add osd HOST:DEVICE'");
  });

  test("are removed by name, all of them or none", async () => {
    const cluster = await memoryCluster(hosts(2, 0, { services: [spec("crash", undefined)] }));
    await expect(cluster.write("remove_daemons", { names: ["crash.h1", "crash.h9"] })).rejects.toMatchObject({
      type: "NotFoundError",
      message: "daemon crash.h9 does not exist; 'ceph orch ps' lists the daemons",
    });
    expect(await cluster.names()).toHaveLength(2);
    expect(await cluster.write("remove_daemons", { names: ["crash.h1"] })).toEqual(["Removed crash.h1 from host 'h1'"]);
    expect(await cluster.names()).toEqual(["crash.h2 h2"]);
  });
});

describe("an action", () => {
  const one = { services: [spec("prometheus", undefined)] };

  test.each([
    ["stop", 0, "stopped"],
    ["start", 1, "running"],
    ["restart", 1, "running"],
    ["redeploy", 1, "running"],
    ["reconfig", 1, "running"],
    ["rotate-key", 1, "running"],
  ])("%s of a daemon is scheduled and done", async (action, status, desc) => {
    const cluster = await memoryCluster(hosts(1, 0, one));
    expect(await cluster.write("daemon_action", { action, daemon_name: "prometheus.h1" })).toBe(
      `Scheduled to ${action} prometheus.h1 on host 'h1'`,
    );
    expect(await cluster.daemons()).toMatchObject([
      { status, status_desc: desc, events: [expect.any(String), expect.stringContaining(`"${action} done"`)] },
    ]);
  });

  test("redeploy may bring another image", async () => {
    const cluster = await memoryCluster(hosts(1, 0, one));
    await cluster.write("daemon_action", { action: "redeploy", daemon_name: "prometheus.h1", image: "prometheus:v3" });
    expect(await cluster.daemons()).toMatchObject([{ container_image_name: "prometheus:v3" }]);
    await expect(
      cluster.write("daemon_action", { action: "stop", daemon_name: "prometheus.h1", image: "x" }),
    ).rejects.toThrow("an image is only for redeploy, not for stop");
  });

  test("of a service is an action of each of its daemons", async () => {
    const cluster = await memoryCluster(hosts(2));
    await cluster.apply(spec("crash", undefined));
    expect(await cluster.write("service_action", { action: "stop", service_name: "crash" })).toEqual([
      "Scheduled to stop crash.h1 on host 'h1'",
      "Scheduled to stop crash.h2 on host 'h2'",
    ]);
    expect((await cluster.service("crash"))?.status).toMatchObject({ size: 2, running: 0 });
    await cluster.write("service_action", { action: "start", service_name: "crash" });
    expect((await cluster.service("crash"))?.status).toMatchObject({ size: 2, running: 2 });
  });

  test("that is unknown is refused with the known ones", async () => {
    const { write } = await memoryCluster(hosts(1, 0, one));
    const message = 'action "dance" is not one of start, stop, restart, reconfig, redeploy, rotate-key';
    await expect(write("daemon_action", { action: "dance", daemon_name: "prometheus.h1" })).rejects.toThrow(message);
    await expect(write("service_action", { action: "dance", service_name: "prometheus" })).rejects.toThrow(message);
  });

  test("that would stop the cluster is refused", async () => {
    const { write } = await memoryCluster(hosts(1, 0, { services: [spec("mon", undefined)] }));
    await expect(write("service_action", { action: "stop", service_name: "mon" })).rejects.toThrow(
      "stopping the whole service mon would stop the cluster; stop single daemons",
    );
  });

  test("of a service without daemons, or of no daemon, says so", async () => {
    const cluster = await memoryCluster();
    await cluster.apply(spec("mds", "fs"));
    await expect(cluster.write("service_action", { action: "start", service_name: "mds.fs" })).rejects.toThrow(
      "service mds.fs has no daemons",
    );
    await expect(cluster.write("daemon_action", { action: "start", daemon_name: "mds.fs.x" })).rejects.toMatchObject({
      type: "NotFoundError",
      message: "daemon mds.fs.x does not exist; 'ceph orch ps' lists the daemons",
    });
  });

  test("on a daemon that is gone by then changes nothing", async () => {
    const cluster = await memoryCluster(hosts(1, 0, { ...one, delays: { effective_ms: 20 } }));
    await cluster.start("daemon_action", { action: "restart", daemon_name: "prometheus.h1" });
    await cluster.write("remove_daemons", { names: ["prometheus.h1"] });
    await cluster.write("update_host_addr", { host: "h1", addr: "10.0.0.1" });
    expect(await cluster.names()).toEqual([]);
  });

  test("on daemons that are not Ceph's updates their image", async () => {
    const cluster = await memoryCluster(hosts(1, 0, one));
    const params = { service_type: "prometheus", service_image: "prometheus", image: "prometheus:v3" };
    expect(await cluster.write("update_service", params)).toBe(
      "Scheduled update of 1 prometheus daemon(s) to image prometheus:v3",
    );
    expect(await cluster.daemons()).toMatchObject([{ container_image_name: "prometheus:v3" }]);
    await expect(cluster.write("update_service", { ...params, service_type: "loki" })).rejects.toThrow(
      "there is no loki daemon",
    );
  });
});
