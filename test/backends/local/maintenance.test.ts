import { setTimeout } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";

import { hostReads } from "../../../src/backends/local/hosts/methods.ts";
import { Maintenance } from "../../../src/backends/local/maintenance.ts";
import { effective, HOSTNAME, StandInHost } from "./stand-in-host.ts";

const enter = { hostname: HOSTNAME, force: false, yes_i_really_mean_it: false };
const forced = { ...enter, force: true };
const certain = { ...forced, yes_i_really_mean_it: true };
const exit = { hostname: HOSTNAME, force: false, offline: false };

/** A Node process with the maintenance of that host. */
async function maintenanceOf(host: StandInHost, upgrade: string | null = null, started = true) {
  const site = await host.site();
  const maintenance = new Maintenance(site, { changed: () => undefined, upgrade: () => Promise.resolve(upgrade) });
  if (started) maintenance.rounds.start();
  onTestFinished(() => maintenance.rounds.close());
  const status = async (): Promise<string | undefined> => (await hostReads(site).getHosts())[0]?.status;
  return { ...maintenance.writes(), rounds: maintenance.rounds, status };
}

function hostWithDaemons(): StandInHost {
  const host = new StandInHost();
  for (const name of ["mon.a", "mgr.x", "osd.0", "osd.1", "mds.a"] as const) host.add(name);
  let flags: Record<string, string[]> = {};
  host.commands["osd dump"] = () => ({ crush_node_flags: flags });
  host.commands["osd set-group"] = () => {
    flags = { h1: ["noout"] };
    return "";
  };
  host.commands["osd unset-group"] = () => {
    flags = {};
    return "";
  };
  return host;
}

const states = (host: StandInHost): string[] => [...host.daemons.values()].map(({ name, state }) => `${name} ${state}`);

describe("maintenance", () => {
  it("marks the OSDs noout, stops all but mon and mgr, clients first, and shows in the list of hosts", async () => {
    const host = hostWithDaemons();
    const { enterHostMaintenance, status } = await maintenanceOf(host);
    expect(await effective(enterHostMaintenance(forced, host.call()))).toMatch(/stopped on host .* maintenance mode$/);
    expect(host.done).toEqual(["osd set-group noout h1", "stop mds.a", "stop osd.0", "stop osd.1"]);
    expect(await status()).toBe("maintenance");
  });

  it("starts what it stopped and nothing else when it is left, OSDs first, and takes its flag back", async () => {
    const host = hostWithDaemons();
    host.add("rgw.s3.a", { desired: "stopped", state: "stopped" });
    const { enterHostMaintenance, exitHostMaintenance, status } = await maintenanceOf(host);
    await effective(enterHostMaintenance(forced, host.call()));
    host.done.length = 0;
    expect(await effective(exitHostMaintenance(exit, host.call()))).toMatch(/has exited maintenance mode$/);
    expect(host.done).toEqual(["start osd.0", "start osd.1", "start mds.a", "osd unset-group noout h1"]);
    expect(await status()).toBe("");
    expect(states(host)).toContain("rgw.s3.a stopped");
    await expect(exitHostMaintenance(exit, host.call())).rejects.toThrow("is not in maintenance mode");
  });

  it("leaves a noout that the operator had set", async () => {
    const host = hostWithDaemons();
    host.commands["osd dump"] = () => ({ crush_node_flags: { h1: ["noout"] } });
    const { enterHostMaintenance, exitHostMaintenance } = await maintenanceOf(host);
    await effective(enterHostMaintenance(forced, host.call()));
    await effective(exitHostMaintenance(exit, host.call()));
    expect(host.done.filter((line) => line.startsWith("osd "))).toEqual([]);
  });

  it("is refused with the reasons, which --force and --yes-i-really-mean-it overrule one after the other", async () => {
    const host = hostWithDaemons();
    host.commands["osd ok-to-stop"] = () => ({ retval: -16, stderr: "8 PGs would become offline" });
    const { enterHostMaintenance } = await maintenanceOf(host);
    await expect(enterHostMaintenance(enter, host.call())).rejects.toThrow(
      /8 PGs would become offline; service mds\.a would have no daemon left\nNote: --force --yes-i-really-mean-it/,
    );
    await expect(enterHostMaintenance(forced, host.call())).rejects.toThrow(/^(?!.*mds).*8 PGs would become offline/);
    expect(host.records).toEqual({});
    await effective(enterHostMaintenance(certain, host.call()));
    expect(states(host)).toContain("osd.0 stopped");
  });

  it("needs no second flag on Pacific, which has none", async () => {
    const host = hostWithDaemons();
    host.release = "pacific";
    host.commands["osd ok-to-stop"] = () => ({ retval: -16, stderr: "8 PGs would become offline" });
    const { enterHostMaintenance } = await maintenanceOf(host);
    await expect(enterHostMaintenance(enter, host.call())).rejects.toThrow(/Note: --force does it/);
    await effective(enterHostMaintenance(forced, host.call()));
    expect(states(host)).toContain("osd.0 stopped");
  });

  it("is refused during an upgrade", async () => {
    const host = hostWithDaemons();
    const { enterHostMaintenance } = await maintenanceOf(host, "an upgrade to 18.2.7 is in progress");
    await expect(enterHostMaintenance(forced, host.call())).rejects.toThrow("an upgrade to 18.2.7 is in progress");
  });

  it("goes on after the death of the process at any step, entering and leaving", async () => {
    await Promise.all(Array.from({ length: 12 }, (_, index) => dyingAt(index + 1)));
  });

  it("stops a daemon that is started while it lasts, and starts that one too in the end", async () => {
    const host = hostWithDaemons();
    host.add("rgw.s3.a", { desired: "stopped", state: "stopped" });
    const { enterHostMaintenance, exitHostMaintenance } = await maintenanceOf(host);
    await effective(enterHostMaintenance(forced, host.call()));
    host.act("rgw.s3.a", "start");
    await effective(enterHostMaintenance(forced, host.call()));
    expect(states(host)).toContain("rgw.s3.a stopped");
    await effective(exitHostMaintenance(exit, host.call()));
    expect(states(host)).toContain("rgw.s3.a running");
  });
});

async function dyingAt(steps: number): Promise<void> {
  const host = hostWithDaemons();
  await dieAfter(host, steps, (methods, call) => methods.enterHostMaintenance(forced, call));
  const resting = ["mon.a running", "mgr.x running", "osd.0 stopped", "osd.1 stopped", "mds.a stopped"];
  expect(states(host), `entering, ${steps} steps`).toEqual(resting);
  await dieAfter(host, steps, (methods, call) => methods.exitHostMaintenance(exit, call));
  expect(
    states(host).filter((line) => !line.endsWith("running")),
    `leaving, ${steps} steps`,
  ).toEqual([]);
  expect(host.done.at(-1), `leaving, ${steps} steps`).toBe("osd unset-group noout h1");
  expect(host.records["host"]).toMatchObject({ maintenance: false, resting: [], noout: null });
}

type Methods = Awaited<ReturnType<typeof maintenanceOf>>;

/**
 * Makes the write in a process whose host answers so many requests and commands and then no more, and takes it up again in
 * another process.
 */
async function dieAfter(
  host: StandInHost,
  steps: number,
  write: (methods: Methods, call: ReturnType<StandInHost["call"]>) => unknown,
): Promise<void> {
  const first = await maintenanceOf(host, null, false);
  const given = await write(first, host.call());
  host.lives = steps;
  first.rounds.start();
  let isOver = false;
  const cut = effective(given)
    .catch(() => undefined)
    .finally(() => (isOver = true));
  // It waits for its agent, if nobody ends it.
  while (!isOver && host.lives >= 0) await setTimeout(5);
  await first.rounds.close();
  await cut;
  host.lives = Number.POSITIVE_INFINITY;
  const second = await maintenanceOf(host);
  await effective(write(second, host.call(true)));
}
