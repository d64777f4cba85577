/** What is asked for single daemons and whole services: the cluster lives through it, whatever is asked for at once. */
import { setTimeout } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";

import type { DaemonName } from "../../../src/agent/client.ts";
import { daemonWrites } from "../../../src/backends/local/services/actions.ts";
import { Services } from "../../../src/backends/local/services/services.ts";
import type { ServiceSpec } from "../../../src/index.ts";
import { StandInCeph } from "./stand-in-ceph.ts";
import { effective, HOSTNAME } from "./stand-in-host.ts";

/** A cluster of these daemons, all of them the agent's. */
function cephOf(...names: readonly DaemonName[]): StandInCeph {
  const ceph = new StandInCeph();
  for (const name of names) ceph.add(name);
  return ceph;
}

/** The backend's part for daemons in a process of its own; its rounds begin with `start`. */
async function processOn(ceph: StandInCeph) {
  const site = await ceph.site();
  const services = new Services(site);
  onTestFinished(() => services.rounds.close());
  const until = async (what: string, wanted: () => boolean): Promise<void> => {
    for (const end = Date.now() + 60_000; !wanted(); await setTimeout(5)) {
      services.rounds.kick();
      if (Date.now() > end) throw new Error(`${what}: ${JSON.stringify([ceph.done, ceph.records, ceph.said])}`);
    }
  };
  return { ...daemonWrites(site, services), services, until, start: () => services.rounds.start() };
}

const ask = (action: string, name: string, force = false) => ({ action, daemon_name: name, image: null, force });

describe("the last of them", () => {
  it("stays where one manager after the other is to be stopped, though the map shows the former one still", async () => {
    const ceph = cephOf("mon.a", "mgr.x", "mgr.y");
    ceph.maps["mgr_map"] = () => ({ active_name: "x", standbys: [{ name: "y" }] });
    const { daemonAction, start, until } = await processOn(ceph);
    start();
    await daemonAction(ask("stop", "mgr.y"), ceph.call());
    await until("mgr.y to be stopped", () => ceph.daemons.get("mgr.y")!.desired === "stopped");
    await expect(daemonAction(ask("stop", "mgr.x"), ceph.call())).rejects.toThrow(
      "mgr.x is not stopped: mgr.x is the only manager that runs",
    );
  });

  it.each([
    ["manager", ["mgr.x", "mgr.y"], "mgr.x is the only manager that runs"],
    ["monitor of the majority", ["mon.c", "mon.b"], "only 1 of the other 2 monitors are in quorum"],
  ] as const)(
    "%s stays where both stops were accepted before the first one was done",
    async (_which, [one, other], reason) => {
      const ceph = cephOf("mon.a", "mon.b", "mon.c", "mgr.x", "mgr.y");
      // For some seconds the monitors count one that was stopped.
      ceph.maps["mgr_map"] = () => ({ active_name: "x", standbys: [{ name: "y" }] });
      ceph.commands["mon dump"] = () => ({
        fsid: "f",
        quorum: [0, 1, 2],
        mons: ["a", "b", "c"].map((name, rank) => ({ name, rank, public_addrs: { addrvec: [] } })),
      });
      ceph.records["services/mon"] = record("mon");
      ceph.records["services/mgr"] = record("mgr");
      const { daemonAction, start } = await processOn(ceph);
      const first = await daemonAction(ask("stop", other), ceph.call());
      const second = await daemonAction(ask("stop", one), ceph.call());
      start();
      await effective(first);
      await expect(effective(second)).rejects.toThrow(`${one} is not stopped: ${reason}`);
      expect(ceph.daemons.get(one)!.desired).toBe("running");
      expect(ceph.done.filter((step) => step.startsWith("stop"))).toEqual([`stop ${other}`]);
      expect(Object.keys(ceph.records).filter((key) => key.startsWith("daemon-actions/"))).toEqual([]);
      expect(JSON.stringify(ceph.records[`services/${one.split(".", 1)[0]}`])).toContain(`${one} is not stopped`);
    },
  );

  it("monitor but one may be stopped by force, and then is", async () => {
    const ceph = cephOf("mon.a", "mon.b", "mgr.x");
    const { daemonAction, start } = await processOn(ceph);
    start();
    await expect(daemonAction(ask("stop", "mon.b"), ceph.call())).rejects.toThrow("only 1 of the other 1 monitors");
    await effective(daemonAction(ask("stop", "mon.b", true), ceph.call()));
    expect(ceph.daemons.get("mon.b")!.desired).toBe("stopped");
  });
});

/** A service without daemons of its own to make. */
function record(type: string): StandInCeph["records"][string] {
  return { spec: { service_type: type, unmanaged: true }, created: "2026-01-01T00:00:00Z" };
}

describe("the restart of a whole service", () => {
  it.each([
    ["mon", ["mon.a", "mon.b", "mon.c"], "not enough monitors"],
    ["osd", ["osd.0", "osd.1", "osd.2"], "3 PGs would become offline"],
  ] as const)("of %s waits while Ceph says no, and until it has the one before again", async (type, names, reason) => {
    const ceph = cephOf(...names, "mgr.x");
    let ok = false;
    ceph.commands[`${type} ok-to-stop`] = () => (ok ? "" : { retval: -16, stderr: reason });
    ceph.onAct = ({ name }) => void ceph.missing.add(name);
    const { serviceAction, daemonAction, services, start, until } = await processOn(ceph);
    start();
    const given = await serviceAction({ action: "restart", service_name: type }, ceph.call());
    await until("it to say why it waits", () => services.waitsFor(names[0])?.includes(reason) === true);
    expect(services.waitsFor(names[0])).toContain(`; 'ceph orch daemon restart ${names[0]}' does it all the same`);
    expect(ceph.done).toEqual([]);
    ok = true;
    for (const [index, name] of names.entries()) {
      await until(`${name} to be waited for`, () => services.waitsFor(name)?.includes("anew") === true);
      expect(ceph.done).toEqual(names.slice(0, index + 1).map((one) => `restart ${one}`));
      ceph.missing.delete(name);
    }
    await effective(given);
    expect(ceph.done).toEqual(names.map((name) => `restart ${name}`));
    // What is named is done, whatever Ceph says.
    ok = false;
    ceph.onAct = () => undefined;
    await effective(daemonAction(ask("restart", names[1]), ceph.call()));
    expect(ceph.done.at(-1)).toBe(`restart ${names[1]}`);
  });

  it("waits with the next OSD until the placement groups have settled", async () => {
    const ceph = cephOf("osd.0", "osd.1", "mgr.x");
    ceph.pgs = [{ pgid: "1.7", state: "active+clean", reported_epoch: 5, acting: [0, 1] }];
    const { serviceAction, services, start, until } = await processOn(ceph);
    start();
    const given = await serviceAction({ action: "restart", service_name: "osd" }, ceph.call());
    await until("it to say so", () => services.waitsFor("osd.0")?.includes("1.7 has not reported") === true);
    expect(ceph.done).toEqual(["restart osd.0"]);
    ceph.pgs = [];
    await effective(given);
    expect(ceph.done).toEqual(["restart osd.0", "restart osd.1"]);
  });

  it("ends at the first daemon that does not come back, and can be helped by its name", async () => {
    const ceph = cephOf("mds.home.a", "mds.home.b", "mgr.x");
    ceph.onAct = (daemon) =>
      void Object.assign(daemon, { state: "backoff", pid: null, crashes: 3, last_exit: "SIGABRT" });
    const { serviceAction, daemonAction, start } = await processOn(ceph);
    start();
    const given = serviceAction({ action: "restart", service_name: "mds.home" }, ceph.call());
    await expect(effective(given)).rejects.toThrow("mds.home.a does not stay up: it SIGABRT (3 times)");
    expect(ceph.done).toEqual(["restart mds.home.a"]);
    ceph.onAct = (daemon) => void Object.assign(daemon, { crashes: 0 });
    await effective(daemonAction(ask("restart", "mds.home.b"), ceph.call()));
    await effective(daemonAction(ask("restart", "mds.home.a"), ceph.call()));
    expect(ceph.done.slice(1)).toEqual(["restart mds.home.b", "restart mds.home.a"]);
  });

  it("is carried on by the next process, which restarts no daemon twice", async () => {
    const ceph = cephOf("mds.home.a", "mds.home.b", "mgr.x");
    ceph.onAct = ({ name }) => void ceph.missing.add(name);
    const first = await processOn(ceph);
    first.start();
    await first.serviceAction({ action: "restart", service_name: "mds.home" }, ceph.call());
    await first.until("mds.home.a to be restarted", () => ceph.done.length > 0);
    await first.services.rounds.close();
    const second = await processOn(ceph);
    second.start();
    const given = second.serviceAction({ action: "restart", service_name: "mds.home" }, ceph.call(true));
    await second.until("it to be waited for", () => second.services.waitsFor("mds.home.a")?.includes("anew") === true);
    ceph.onAct = () => undefined;
    ceph.missing.clear();
    await effective(given);
    expect(ceph.done).toEqual(["restart mds.home.a", "restart mds.home.b"]);
  });
});

describe("a new key", () => {
  it("is taken beside the former one until the daemon has it", async () => {
    const ceph = cephOf("mon.a");
    ceph.add("mgr.x", { labels: { index: "0" } });
    ceph.records["services/mgr"] = record("mgr");
    ceph.commands["auth get-or-create-pending"] = () => [{ entity: "mgr.x", key: "OLD==", pending_key: "NEW==" }];
    const keyrings: unknown[] = [];
    ceph.agent["daemon/deploy"] = ({ daemon }) => {
      keyrings.push((daemon as { keyring: string }).keyring);
      return ceph.act("mgr.x", "restart");
    };
    const { daemonAction, start } = await processOn(ceph);
    start();
    await effective(daemonAction(ask("rotate-key", "mgr.x"), ceph.call()));
    expect(keyrings).toEqual(["[mgr.x]\n\tkey = NEW==\n"]);
    expect(ceph.done.join("\n")).not.toContain("auth rm");
  });
});

describe("what is asked for again", () => {
  it("by daemon add is told to be there, and makes no other one", async () => {
    const ceph = cephOf("mon.a", "mgr.x");
    ceph.installed["mds"] = "18.2.7";
    ceph.commands["auth get-or-create"] = ({ entity = "" }) => `[${entity}]\n\tkey = K==\n`;
    ceph.agent["daemon/deploy"] = ({ daemon }) => {
      const { name, service, labels } = daemon as { name: DaemonName; service: string; labels: Record<string, string> };
      ceph.done.push(`deploy ${name}`);
      return ceph.add(name, { service, labels });
    };
    const { addDaemon, start } = await processOn(ceph);
    start();
    const placement = { hosts: [HOSTNAME] };
    const spec: ServiceSpec = { service_type: "mds", service_id: "home", placement };
    const made = (await effective(addDaemon({ spec }, ceph.call()))) as unknown as string[];
    expect(made).toEqual([expect.stringMatching(/^Deployed mds\.home\.h1\.[a-z]{6} on host 'h1\.example\.org'$/)]);
    const again = (await effective(addDaemon({ spec }, ceph.call()))) as unknown as string[];
    expect(again).toEqual([
      expect.stringMatching(/^mds\.home\.h1\.[a-z]{6} is on host 'h1\.example\.org' already; a larger/),
    ]);
    expect(ceph.done.filter((step) => step.startsWith("deploy"))).toHaveLength(1);
  });

  it("by a removal that is taken up again is not wished for anew", async () => {
    const ceph = cephOf("mon.a", "mgr.x", "mds.home.a");
    const { removeDaemons } = await processOn(ceph);
    await removeDaemons({ names: ["mds.home.a"] }, ceph.call(true));
    expect(ceph.records).toEqual({});
  });
});
