/** Daemons that somebody else started: what is refused, and how `redeploy` makes them the agent's. */
import { describe, expect, it, onTestFinished } from "vitest";

import { daemonWrites } from "../../../src/backends/local/services/actions.ts";
import { Services } from "../../../src/backends/local/services/services.ts";
import { StandInCeph } from "./stand-in-ceph.ts";
import { AgentError, effective } from "./stand-in-host.ts";

/** One mon and two mgrs, all of them somebody else's. */
function foreignCeph(): StandInCeph {
  const ceph = new StandInCeph();
  for (const name of ["mon.a", "mgr.x", "mgr.y"] as const) ceph.add(name, { state: "foreign" });
  const standbys = (): { name: string }[] =>
    ["x", "y"].filter((name) => name !== ceph.activeMgr).map((name) => ({ name }));
  ceph.maps["mgr_map"] = () => ({ active_name: ceph.activeMgr, standbys: standbys() });
  ceph.maps["fs_map"] = () => ({ filesystems: [] });
  // Foreign daemons are in Ceph's maps like all others.
  ceph.commands["mgr fail"] = ({ who }) => {
    if (who === ceph.activeMgr) ceph.activeMgr = who === "x" ? "y" : "x";
    return "";
  };
  ceph.agent["daemon/adopt"] = ({ name, service, check_only: check }) => {
    const daemon = ceph.daemons.get(String(name))!;
    ceph.done.push(`${check === true ? "look at" : "adopt"} ${daemon.name} of ${String(service)}`);
    if (check !== true) daemon.state = "running";
    return daemon;
  };
  ceph.onAct = (daemon) => (daemon.started = new Date().toISOString());
  return ceph;
}

async function processOn(ceph: StandInCeph): Promise<ReturnType<typeof daemonWrites>> {
  const site = await ceph.site();
  const services = new Services(site);
  onTestFinished(() => services.rounds.close());
  services.rounds.start();
  return daemonWrites(site, services);
}

const redeploy = { action: "redeploy", image: null, force: false };

describe("a daemon that somebody else started", () => {
  it("is left alone by every action but redeploy, which is named", async () => {
    const ceph = foreignCeph();
    const { daemonAction, serviceAction, removeDaemons } = await processOn(ceph);
    const cure = "let 'ceph orch daemon redeploy mon.a' take it over first";
    for (const action of ["start", "stop", "restart", "reconfig", "rotate-key"]) {
      const asked = { ...redeploy, action, daemon_name: "mon.a" };
      await expect(daemonAction(asked, ceph.call()), action).rejects.toThrow(cure);
    }
    await expect(serviceAction({ action: "restart", service_name: "mon" }, ceph.call())).rejects.toThrow(cure);
    await expect(removeDaemons({ names: ["mon.a"] }, ceph.call())).rejects.toThrow(cure);
    expect([ceph.done, ceph.records]).toEqual([[], {}]);
  });

  it("is not begun with while one of the service cannot be had", async () => {
    const ceph = foreignCeph();
    const adopt = ceph.agent["daemon/adopt"]!;
    ceph.agent["daemon/adopt"] = (params) => {
      if (params["name"] === "mgr.y") throw new AgentError("ValidationError", "mgr.y runs in a unit");
      return adopt(params);
    };
    const { serviceAction } = await processOn(ceph);
    const asked = serviceAction({ action: "redeploy", service_name: "mgr" }, ceph.call());
    await expect(asked).rejects.toThrow("mgr.y runs in a unit");
    expect([ceph.done, ceph.records]).toEqual([["look at mgr.x of mgr"], {}]);
  });

  it("is taken over and restarted by redeploy", async () => {
    const ceph = foreignCeph();
    const { daemonAction } = await processOn(ceph);
    const given = daemonAction({ ...redeploy, daemon_name: "mon.a" }, ceph.call());
    expect(await effective(given)).toBe("Scheduled to redeploy mon.a on host 'h1.example.org'");
    expect(ceph.done).toEqual(["look at mon.a of mon", "adopt mon.a of mon", "restart mon.a"]);
    expect(ceph.records).toEqual({});
  });

  it("hands over before its restart where it is the active manager, and waits for the one that was just restarted", async () => {
    const ceph = foreignCeph();
    const standbys = ceph.maps["mgr_map"]!;
    let looks = 0;
    // For some looks after its restart mgr.x is in no map.
    ceph.maps["mgr_map"] = () => {
      if (!ceph.done.includes("restart mgr.x") || (looks += 1) > 6) return standbys();
      expect(ceph.done).not.toContain("restart mgr.y");
      return { active_name: ceph.activeMgr, standbys: [] };
    };
    const { serviceAction } = await processOn(ceph);
    await serviceAction({ action: "redeploy", service_name: "mgr" }, ceph.call()).then(effective);
    expect(looks).toBeGreaterThan(6);
    expect(ceph.done.slice(2)).toEqual([
      "adopt mgr.x of mgr",
      "mgr fail x",
      "restart mgr.x",
      "mgr fail x", // the former one, which the monitors still have as a standby
      "adopt mgr.y of mgr",
      "mgr fail y",
      "restart mgr.y",
      "mgr fail y",
    ]);
  });
});
