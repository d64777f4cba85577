/** The agent's host tools with a real ceph-osd and a real ceph-volume: making OSDs' stores, interrupted and again. */

import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { AgentClient } from "../../src/agent/client.ts";
import type { AgentParams, AgentResult, HostDevice, HostOsd, Method } from "../../src/agent/protocol.ts";
import { type HostAgent, startAgent } from "../../testbed/agent.ts";
import { type Cluster, missing, until, upCluster } from "../../testbed/cluster.ts";
import { installModule } from "./installed-module.ts";

const GIB = 1024 ** 3;
const FILES = { count: 2, size: 2 * GIB };
const SECONDS_30 = 30_000;

describe.each(["pacific", "tentacle"] as const)("the host tools on %s", (release) => {
  const reason = missing(release);
  let cluster: Cluster;
  let agent: HostAgent;
  let client: AgentClient;
  let loop: string | undefined;

  beforeEach((context) => context.skip(reason !== null, reason ?? ""));
  beforeAll(async () => {
    if (reason !== null) return;
    const name = `host-tools-${process.pid}`;
    cluster = await upCluster({
      release,
      name,
      host: true,
      beforeStart: ({ moduleDir }) => void installModule(moduleDir),
    });
    agent = await startAgent(cluster, { devices: "machine" });
    connect();
    loop = loopDevice(join(cluster.dir, "loop.img"));
  });
  afterAll(async () => {
    if (reason !== null) return;
    client.close();
    if (loop !== undefined) spawnSync("losetup", ["--detach", loop]);
    await cluster.down();
  });

  function connect(): void {
    client = new AgentClient(agent.socketPath, () => undefined);
  }

  const ask = <Name extends Method>(method: Name, params: AgentParams<Name>): Promise<AgentResult<Name>> =>
    client.request(method, params);

  const devices = (): Promise<HostDevice[]> =>
    ask("host/devices", { loop_devices: true, file_devices: FILES, refresh: true });
  const device = async (path: string): Promise<HostDevice["device"] | undefined> =>
    (await devices()).find((one) => one.device["path"] === path)?.device;
  const file = (number: number): string => `/var/lib/orchbridge/devices/file${number}`;

  type Wish = AgentParams<"osd/prepare">;

  /** An OSD of which the monitors know number, uuid and key. */
  async function newOsd(method: "file" | "raw", block: string): Promise<Wish> {
    const uuid = randomUUID();
    const { ret, out, err } = await cluster.rados().mon({ prefix: "osd new", uuid, format: "json" });
    expect({ ret, err }).toMatchObject({ ret: 0 });
    const { osdid: id } = JSON.parse(out) as { osdid: number };
    const caps = ["mon", "allow profile osd", "mgr", "allow profile osd", "osd", "allow *"];
    const auth = await cluster.rados().mon({ prefix: "auth get-or-create", entity: `osd.${id}`, caps });
    expect(auth).toMatchObject({ ret: 0 });
    return { ...wish(method, block), osd_id: id, osd_uuid: uuid, keyring: auth.out };
  }

  function wish(method: "file" | "raw", block: string): Wish {
    const { fsid } = cluster.state;
    const unknown = { osd_id: null, osd_uuid: null, keyring: null, bootstrap_keyring: null };
    return { method, block, db: null, wal: null, fsid, encrypted: false, device_class: null, ...unknown };
  }

  async function byCephVolume(block: string): Promise<Wish> {
    const { code, stdout } = await cluster.ceph(["auth", "get", "client.bootstrap-osd"]);
    expect(code).toBe(0);
    return { ...wish("raw", block), bootstrap_keyring: stdout };
  }

  const osdUuids = async (): Promise<string[]> => {
    const { out } = await cluster.rados().mon({ prefix: "osd dump", format: "json" });
    return (JSON.parse(out) as { osds: { uuid: string }[] }).osds.map(({ uuid }) => uuid);
  };

  /** Kills a process of the cluster as soon as it is there. */
  async function killed(words: readonly string[]): Promise<void> {
    const pid = await until(`a process with ${words.join(" ")}`, SECONDS_30, () => pidOf(words), 5);
    process.kill(pid, "SIGKILL");
    await until(
      `the end of ${pid}`,
      SECONDS_30,
      () => !cluster.processes().some((one) => one.pid === pid) || undefined,
    );
  }

  function pidOf(words: readonly string[]): number | undefined {
    return cluster.processes().find(({ command }) => words.every((word) => command.includes(word)))?.pid;
  }

  async function expectGone({ osd_id: id }: HostOsd, path: string): Promise<void> {
    await cluster.rados().mon({ prefix: "osd purge-actual", id, yes_i_really_mean_it: true });
    rmSync(join(cluster.dir, "host/var-lib-ceph/osd", `ceph-${id}`), { recursive: true });
    expect(await ask("osd/zap", { path })).toEqual({ output: `zap successful for ${path}` });
    expect(await device(path)).toMatchObject({ available: true, rejected_reasons: [], lvs: [] });
  }

  it("an OSD is made on a file, is found, and is the same when it is asked for again", async () => {
    expect(await device(file(0))).toMatchObject({ available: true });
    const wanted = await newOsd("file", file(0));
    const made = await ask("osd/prepare", wanted);
    expect(made).toMatchObject({ osd_id: wanted.osd_id, osd_uuid: wanted.osd_uuid, devices: { block: file(0) } });
    expect(await ask("osd/prepare", wanted)).toEqual(made);
    expect(await ask("osd/list", {})).toEqual([made]);
    expect(await device(file(0))).toMatchObject({ available: false, lvs: [{ osd_id: String(made.osd_id) }] });
    await expectGone(made, file(0));
  });

  it("an OSD whose folder was lost gets it back, keyring and all, from what is on its device", async () => {
    const wanted = await newOsd("file", file(0));
    const made = await ask("osd/prepare", wanted);
    const folder = join(cluster.dir, "host/var-lib-ceph/osd", `ceph-${made.osd_id}`);
    rmSync(folder, { recursive: true });
    expect(await ask("osd/prepare", wanted)).toEqual(made);
    const listed = await cluster.inRoot([
      "find",
      `/var/lib/ceph/osd/ceph-${made.osd_id}`,
      "-type",
      "f",
      "-not",
      "-user",
      "ceph",
    ]);
    expect(listed.stdout).toBe("");
    const key = /key = (\S+)/.exec(wanted.keyring ?? "")?.[1] ?? "?";
    const { stdout } = await cluster.inRoot(["cat", `/var/lib/ceph/osd/ceph-${made.osd_id}/keyring`]);
    expect(stdout).toContain(key);
    await expectGone(made, file(0));
  });

  it("an OSD whose ceph-osd was killed while it made the store is an error, and is made when it is asked for again", async () => {
    const wanted = await newOsd("file", file(0));
    const [first] = await Promise.allSettled([ask("osd/prepare", wanted), killed(["ceph-osd", "--mkfs"])]);
    expect(first).toMatchObject({
      status: "rejected",
      reason: { message: expect.stringContaining(`osd.${wanted.osd_id}`) },
    });
    const made = await ask("osd/prepare", wanted);
    expect(made.osd_uuid).toBe(wanted.osd_uuid);
    await expectGone(made, file(0));
  });

  it("an OSD is made when the agent was killed meanwhile and is asked again", async () => {
    const wanted = await newOsd("file", file(0));
    const first = ask("osd/prepare", wanted).then(
      () => "answered",
      () => "failed",
    );
    await until("ceph-osd to make the store", SECONDS_30, () => pidOf(["ceph-osd", "--mkfs"]), 5);
    await agent.kill();
    expect(await first).toBe("failed");
    await agent.start();
    connect();
    const made = await ask("osd/prepare", wanted);
    expect(made.osd_uuid).toBe(wanted.osd_uuid);
    expect(await ask("osd/list", {})).toEqual([made]);
    await expectGone(made, file(0));
  });

  it("an OSD is made on a loop device, taken back, and made again", async (context) => {
    if (loop === undefined) return context.skip("this machine gives no loop device");
    for (const _ of ["first", "second"]) {
      expect(await device(loop)).toMatchObject({ available: true, sys_api: { size: 6 * GIB } });
      const wanted = await newOsd("raw", loop);
      const made = await ask("osd/prepare", wanted);
      expect(made).toMatchObject({ osd_id: wanted.osd_id, method: "raw", devices: { block: loop } });
      await expect(ask("osd/prepare", { ...wanted, osd_uuid: randomUUID() })).rejects.toThrow(
        `${loop} holds osd.${wanted.osd_id}`,
      );
      await expectGone(made, loop);
    }
  });

  it("a device with something else on it is refused by what that is", async (context) => {
    if (loop === undefined) return context.skip("this machine gives no loop device");
    expect(spawnSync("mkswap", [loop]).status).toBe(0);
    expect(await device(loop)).toMatchObject({ available: false });
    await expect(ask("osd/prepare", await newOsd("raw", loop))).rejects.toThrow(
      `${loop} is not empty (swap): zap it first`,
    );
    await ask("osd/zap", { path: loop });
    expect(await device(loop)).toMatchObject({ available: true });
  });

  it("ceph-volume makes an OSD; interrupted, it leaves a uuid that is told, and the next attempt succeeds", async (context) => {
    if (loop === undefined) return context.skip("this machine gives no loop device");
    standInForUdev(cluster, agent);
    const wanted = await byCephVolume(loop);
    const [first] = await Promise.allSettled([ask("osd/prepare", wanted), killed(["ceph-volume", "raw", "prepare"])]);
    expect(first).toMatchObject({
      status: "rejected",
      reason: { message: expect.stringContaining("was ended by SIGKILL") },
    });
    const made = await ask("osd/prepare", wanted);
    expect(made).toMatchObject({ method: "raw", devices: { block: loop } });
    const left = await ask("osd/leftovers", { forget: [] });
    expect(left).not.toContain(made.osd_uuid);
    expect(await osdUuids()).toContain(made.osd_uuid);
    expect(await ask("osd/leftovers", { forget: left })).toEqual([]);
    await expectGone(made, loop);
  });

  it("an OSD that ceph-volume was making when the agent was killed is waited for", async (context) => {
    if (loop === undefined) return context.skip("this machine gives no loop device");
    standInForUdev(cluster, agent);
    const wanted = await byCephVolume(loop);
    const first = ask("osd/prepare", wanted).catch(() => "failed");
    const making = ["ceph-volume", "raw", "prepare"];
    await until("ceph-volume", SECONDS_30, () => pidOf(["ceph-osd", "--mkfs"]), 5);
    await agent.kill();
    expect(await first).toBe("failed");
    expect(pidOf(making)).toBeDefined();
    await agent.start();
    connect();
    const made = await ask("osd/prepare", wanted);
    expect(made).toMatchObject({ method: "raw", devices: { block: loop } });
    expect(await ask("osd/leftovers", { forget: [] })).toEqual([]);
    await expectGone(made, loop);
  });

  it("ceph-volume whose rollback erases strangers' OSDs is not run beside one", async (context) => {
    if (release !== "tentacle") return context.skip("only Tentacle's does");
    if (loop === undefined) return context.skip("this machine gives no loop device");
    standInForUdev(cluster, agent);
    const other = loopDevice(join(cluster.dir, "other.img"));
    expect(other).toBeDefined();
    try {
      const made = await ask("osd/prepare", await newOsd("raw", loop));
      rmSync(join(cluster.dir, "host/var-lib-ceph/osd", `ceph-${made.osd_id}`), { recursive: true });
      await expect(ask("osd/prepare", await byCephVolume(other ?? ""))).rejects.toThrow(
        `ceph-volume of this release may erase ${loop} (osd.${made.osd_id} of ${cluster.state.fsid}) if it fails`,
      );
      await ask("osd/zap", { path: loop });
    } finally {
      spawnSync("losetup", ["--detach", other ?? ""]);
    }
  });

  it("tells each daemon's version, and of what the host cannot do why", async () => {
    const { binaries, abilities, hostname } = await ask("agent/describe", {});
    expect(hostname).toBe("h1");
    expect(binaries.osd).toMatchObject({ path: "/usr/bin/ceph-osd", problem: null });
    expect(binaries.osd.version).toMatch(release === "pacific" ? /^16\.2\./ : /^20\.2\./);
    expect(binaries.nfs.version).toMatch(/^\d+\.\d+/);
    expect(abilities.raw).toBeNull();
    expect(abilities.nvmeof).toMatch(/package/);
  });
});

/** A loop device on a new sparse file; undefined where there is none to be had. */
function loopDevice(path: string): string | undefined {
  writeFileSync(path, "");
  truncateSync(path, 6 * GIB);
  const { status, stdout } = spawnSync("losetup", ["--find", "--show", path], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Stands in for udev, without which ceph-volume does nothing: a udevadm that knows nothing, and files that say nothing of each
 * device. Only the agent's own mount namespace has them.
 */
function standInForUdev(cluster: Cluster, agent: HostAgent): void {
  const script = `
set -e
mount -t tmpfs -o mode=755 stand-in "$1/usr/local/sbin"
printf '#!/bin/sh\\nexit 0\\n' > "$1/usr/local/sbin/udevadm"
chmod 755 "$1/usr/local/sbin/udevadm"
mkdir -p "$1/run/udev"
mount -t tmpfs -o mode=755 stand-in "$1/run/udev"
mkdir "$1/run/udev/data"
for device in /sys/block/*; do echo I:1 > "$1/run/udev/data/b$(cat "$device/dev")"; done
`;
  const enter = ["--target", String(agent.pid), "--mount", "--", "/bin/sh", "-c", script, "sh", cluster.place.root];
  const { status, stderr } = spawnSync("nsenter", enter, { encoding: "utf8" });
  expect(status, stderr).toBe(0);
}
