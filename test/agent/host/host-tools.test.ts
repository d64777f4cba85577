/** The host tools in a folder of their own: what needs neither a device nor a cluster. */
import { spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { versionIn } from "../../../src/agent/host/describe.ts";
import { DeviceLooks, type Looked } from "../../../src/agent/host/device-looks.ts";
import { cpuFacts, memoryFacts, operatingSystem } from "../../../src/agent/host/facts.ts";
import { type FileDevice, fileDevices, unheldFiles } from "../../../src/agent/host/file-devices.ts";
import { describeHost, hostHandlers } from "../../../src/agent/host/handlers.ts";
import { holdersOf } from "../../../src/agent/host/holders.ts";
import { lightCommand } from "../../../src/agent/host/light.ts";
import { listVolumes } from "../../../src/agent/host/osds.ts";
import { runAny } from "../../../src/agent/host/programs.ts";
import type { CheckedParams, DaemonName } from "../../../src/agent/protocol.ts";
import type { AgentSettings } from "../../../src/agent/settings.ts";
import { settingsIn } from "../settings-in.ts";
import { bytes } from "./fixture.ts";

const FSID = "a5c3c935-30b6-412b-adb0-479a8a2861a1";
const GIB = 1024 ** 3;
const signal = new AbortController().signal;

let folder: string;
let settings: AgentSettings;
let manifest: DaemonName[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orchbridge-host-"));
  settings = settingsIn(folder);
  manifest = [];
  mkdirSync(settings.stateDir, { mode: 0o700 });
  writeFileSync(settings.conf, `[global]\nfsid = ${FSID}\n`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function handlers(): ReturnType<typeof hostHandlers> {
  return hostHandlers(settings, { names: () => manifest, has: (name) => manifest.includes(name) });
}

async function files(count: number, size = 2 * GIB): Promise<Record<string, unknown>[]> {
  const params = { loop_devices: false, file_devices: { count, size }, refresh: true };
  const devices = await handlers()["host/devices"](params, signal);
  return devices.filter(({ kind }) => kind === "file").map(({ device }) => device);
}

function file(number: number): string {
  return join(settings.stateDir, "devices", `file${number}`);
}

/** As a finished OSD of pacific leaves it. */
function writeLabel(path: string): void {
  const descriptor = openSync(path, "a");
  closeSync(descriptor);
  const size = Math.max(statSync(path).size, GIB);
  writeFileSync(path, bytes("pacific", "label.bin"));
  truncateSync(path, size);
}

describe("file devices", () => {
  it("are made when they are first asked for, sparse, in a folder that the daemons' user can go through", async () => {
    expect(await files(2)).toMatchObject([
      { path: file(0), available: true, sys_api: { size: 2 * GIB } },
      { path: file(1), available: true },
    ]);
    expect(statSync(file(0))).toMatchObject({ size: 2 * GIB, blocks: 0 });
    expect(statSync(join(settings.stateDir, "devices")).mode & 0o001).toBe(0o001);
    expect(statSync(settings.stateDir).mode & 0o001).toBe(0o001);
  });

  it("get another size while they are empty, and keep theirs when an OSD is on them", async () => {
    await files(2);
    writeLabel(file(0));
    const [first, second] = await files(2, 3 * GIB);
    expect(first).toMatchObject({ available: false, sys_api: { size: 2 * GIB } });
    expect(second).toMatchObject({ available: true, sys_api: { size: 3 * GIB } });
  });

  it("are listed beyond the wanted number when an OSD is on them", async () => {
    await files(3);
    writeLabel(file(2));
    expect((await files(1)).map(({ path }) => path)).toEqual([file(0), file(2)]);
  });

  it("are refused in turn once the file system could not hold them all", () => {
    const one = (name: string, allocated = 0, labelled = false): FileDevice => ({
      path: name,
      size: 4 * GIB,
      allocated,
      labelled,
      parts: [],
    });
    const reasons = unheldFiles([one("a", GIB, true), one("b"), one("c")], 8 * GIB);
    expect([...reasons]).toEqual([
      ["c", "Insufficient space: it may grow by 4.0 GB, and its file system has 1.0 GB left for it"],
    ]);
    expect(unheldFiles([one("a"), one("b")], 8 * GIB).size).toBe(0);
  });

  it("show at once what came onto them", async () => {
    const { "host/devices": devices, "osd/zap": zap } = handlers();
    const params = { loop_devices: false, file_devices: { count: 1, size: 2 * GIB }, refresh: false };
    const free = async (): Promise<unknown> =>
      (await devices(params, signal)).find(({ kind }) => kind === "file")?.device["available"];
    expect(await free()).toBe(true);
    writeLabel(file(0));
    expect(await free()).toBe(false);
    await zap({ path: file(0) }, signal);
    expect(await free()).toBe(true);
  });

  it("that OSDs share are no place for one that wants all, and are empty again after a zap", async () => {
    await files(1);
    const part = `${file(0)}.05475045-8f3d-468d-b8e5-45a3655ce44e`;
    writeLabel(part);
    const [shared] = await fileDevices(settings.stateDir);
    expect(shared).toMatchObject({ labelled: true, parts: [{ path: part }] });
    const [listed] = await handlers()["osd/list"]({}, signal);
    expect(listed).toMatchObject({ devices: { block: file(0) }, parts: { block: part } });
    await handlers()["osd/zap"]({ path: file(0) }, signal);
    expect(await fileDevices(settings.stateDir)).toMatchObject([{ labelled: false, parts: [] }]);
  });
});

describe("the look at devices", () => {
  const look = { inventory: { devices: new Map(), problem: undefined }, probed: new Map() };
  const looked = (state: string): Looked => ({ paths: ["/dev/sdb"], free: ["/dev/sdb"], state });

  it("is taken again when the kernel tells of a change, when it is asked for, and when the agent changed something", async () => {
    let taken = 0;
    const looks = new DeviceLooks(settings, () => (taken++, Promise.resolve(look)));
    for (let round = 0; round < 3; round += 1) await looks.at(looked("one disk"), false);
    expect(taken).toBe(1);
    await looks.at(looked("two disks"), false);
    expect(taken).toBe(2);
    await looks.at(looked("two disks"), true);
    expect(taken).toBe(3);
    looks.forget();
    await looks.at(looked("two disks"), false);
    expect(taken).toBe(4);
  });
});

describe("osd/discard", () => {
  const uuid = "05475045-8f3d-468d-b8e5-45a3655ce44e";

  it("takes what the OSD has away and leaves the others'", async () => {
    await files(2);
    writeLabel(`${file(0)}.${uuid}`);
    writeFileSync(`${file(0)}.11111111-1111-4111-8111-111111111111`, "another OSD's");
    const discard = (): unknown =>
      handlers()["osd/discard"]({ osd_uuid: uuid, paths: [file(0), file(1)], keep_parts: false }, signal);
    await discard();
    await discard();
    const names = readdirSync(join(settings.stateDir, "devices")).toSorted();
    expect(names).toEqual(["file0", "file0.11111111-1111-4111-8111-111111111111", "file1"]);
  });

  it("leaves an empty part where that was asked for", async () => {
    await files(1);
    const part = `${file(0)}.${uuid}`;
    writeLabel(part);
    await handlers()["osd/discard"]({ osd_uuid: uuid, paths: [file(0)], keep_parts: true }, signal);
    expect(await handlers()["osd/list"]({}, signal)).toEqual([]);
    expect(await fileDevices(settings.stateDir)).toMatchObject([{ parts: [{ path: part }] }]);
  });

  it("erases a device that the OSD has for itself, and no other's", async () => {
    await files(2);
    writeLabel(file(0));
    await handlers()["osd/discard"](
      { osd_uuid: "11111111-1111-4111-8111-111111111111", paths: [file(0), file(1)], keep_parts: false },
      signal,
    );
    expect(await handlers()["osd/list"]({}, signal)).toHaveLength(1);
    await handlers()["osd/discard"]({ osd_uuid: uuid, paths: [file(0), file(1)], keep_parts: false }, signal);
    expect(await handlers()["osd/list"]({}, signal)).toEqual([]);
  });

  it("refuses the store of an OSD that is to run", async () => {
    await files(1);
    writeLabel(file(0));
    manifest = ["osd.1"];
    const folder = join(settings.dataDir, "osd/ceph-1");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "fsid"), `${uuid}\n`);
    const discarded = handlers()["osd/discard"]({ osd_uuid: uuid, paths: [file(0)], keep_parts: false }, signal);
    await expect(discarded).rejects.toThrow(`osd.1 (${uuid}) is to run on this host`);
    expect(await handlers()["osd/list"]({}, signal)).toHaveLength(1);
  });
});

describe("osd/list", () => {
  it("knows the OSDs of the host's own cluster, and no other's", async () => {
    await files(1);
    writeLabel(file(0));
    const own = { osd_id: 1, osd_uuid: "05475045-8f3d-468d-b8e5-45a3655ce44e", fsid: FSID, method: "file" };
    expect(await handlers()["osd/list"]({}, signal)).toMatchObject([{ ...own, devices: { block: file(0) } }]);
    writeFileSync(settings.conf, "[global]\nfsid = 11111111-1111-4111-8111-111111111111\n");
    expect(await handlers()["osd/list"]({}, signal)).toEqual([]);
  });

  it("tells that ceph-volume fails, which says nothing of OSDs on volumes", async () => {
    const root = join(folder, "root");
    mkdirSync(join(root, "usr/sbin"), { recursive: true });
    writeFileSync(join(root, "usr/sbin/ceph-volume"), "no program");
    await expect(listVolumes({ ...settings, roots: new Map([["osd", root]]) })).rejects.toThrow(/^ceph-volume: /);
  });
});

describe("osd/zap", () => {
  it("empties a file device and gives its space back", async () => {
    await files(1);
    writeLabel(file(0));
    expect(await handlers()["osd/zap"]({ path: file(0) }, signal)).toEqual({ output: `zap successful for ${file(0)}` });
    expect(statSync(file(0))).toMatchObject({ size: 2 * GIB, blocks: 0 });
    expect(await fileDevices(settings.stateDir)).toMatchObject([{ labelled: false }]);
  });

  it("refuses what a daemon of the manifest uses, by its folder's link or, without a folder, by the label", async () => {
    await files(2);
    writeLabel(file(0));
    manifest = ["osd.1", "mds.a"];
    const inUse = `${file(0)} is in use: osd.1 has its data on it`;
    await expect(handlers()["osd/zap"]({ path: file(0) }, signal)).rejects.toThrow(inUse);
    const osd = join(settings.dataDir, "osd/ceph-1");
    mkdirSync(osd, { recursive: true });
    writeFileSync(join(osd, "ready"), "ready\n");
    symlinkSync(file(1), join(osd, "block"));
    await expect(handlers()["osd/zap"]({ path: file(1) }, signal)).rejects.toThrow("osd.1 has its data on it");
    // The number went on to the OSD on the other file; this one holds what it left behind.
    await handlers()["osd/zap"]({ path: file(0) }, signal);
  });

  it("refuses what a process has open, be it in the manifest or not", async () => {
    await files(1);
    const held = openSync(file(0), "r");
    const sleeper = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", held] });
    try {
      await expect.poll(() => holdersOf(file(0))).toHaveLength(1);
      const zapped = handlers()["osd/zap"]({ path: file(0) }, signal);
      await expect(zapped).rejects.toThrow(`${file(0)} is in use: process ${sleeper.pid} (sleep) has it open`);
    } finally {
      sleeper.kill("SIGKILL");
      closeSync(held);
    }
  });

  it.each([
    ["a file of somebody else", () => settings.conf, "is neither a block device nor one of the agent's file devices"],
    ["a folder", () => settings.stateDir, "is neither a block device nor one of the agent's file devices"],
    ["no block device", () => "/dev/null", "is neither a block device nor one of the agent's file devices"],
    ["what is not there", () => "/dev/nothing-here", "/dev/nothing-here is not on this host"],
  ])("refuses %s", async (_, path, message) => {
    await expect(handlers()["osd/zap"]({ path: path() }, signal)).rejects.toThrow(message);
    expect(readFileSync(settings.conf, "utf8")).toContain(FSID);
  });

  it("refuses a link among the file devices that leads out of their folder", async () => {
    await files(1);
    rmSync(file(0));
    symlinkSync(settings.conf, file(0));
    await expect(handlers()["osd/zap"]({ path: file(0) }, signal)).rejects.toThrow("is neither a block device");
    expect(readFileSync(settings.conf, "utf8")).toContain(FSID);
  });
});

describe("osd/prepare", () => {
  const uuid = "05475045-8f3d-468d-b8e5-45a3655ce44e";
  const wish = (change: Partial<CheckedParams<"osd/prepare">> = {}): CheckedParams<"osd/prepare"> => ({
    method: "file",
    block: file(0),
    db: null,
    wal: null,
    block_size: null,
    db_size: null,
    wal_size: null,
    osd_id: 1,
    osd_uuid: uuid,
    fsid: FSID,
    encrypted: false,
    device_class: null,
    keyring: "[osd.1]\n\tkey = AQ==\n",
    bootstrap_keyring: null,
    ...change,
  });

  it.each([
    ["another cluster's OSD", { fsid: "11111111-1111-4111-8111-111111111111" }, `is of ${FSID}`],
    [
      "a path outside the agent's folder",
      { block: "/etc/passwd" },
      "/etc/passwd is not one of the agent's file devices",
    ],
    ["a file that is not there", { block: "/nothing/here" }, "/nothing/here is not on this host"],
    ["a disk that is no block device", { method: "raw", block: "/dev/null" }, "/dev/null is not a block device"],
    ["encryption of a file", { encrypted: true }, "an OSD on a file is not encrypted"],
    ["a part for an OSD without uuid", { block_size: GIB, osd_uuid: null }, "has a part of a device needs osd_uuid"],
    ["a part that is larger than the device", { block_size: 8 * GIB }, "has no room for a part of"],
    ["a file without number, uuid and key", { keyring: null }, "needs osd_id, osd_uuid and keyring"],
    ["a keyring without a key", { keyring: "[osd.1]\n" }, 'the keyring holds no line "key = …"'],
  ] as const)("refuses %s", async (_, change, message) => {
    await files(2);
    await expect(handlers()["osd/prepare"](wish(change), signal)).rejects.toThrow(message);
    expect(statSync(file(0)).blocks).toBe(0);
  });

  it("refuses a device twice in one OSD", async () => {
    await files(1);
    const twice = handlers()["osd/prepare"](wish({ db: file(0) }), signal);
    await expect(twice).rejects.toThrow("an OSD's data, db and wal are to be on different devices");
  });

  it("refuses a host without ceph.conf, and says which one", async () => {
    await files(1);
    rmSync(settings.conf);
    await expect(handlers()["osd/prepare"](wish(), signal)).rejects.toThrow(`an OSD needs ${settings.conf}`);
  });

  it("refuses a file with another OSD of this cluster", async () => {
    await files(1);
    writeLabel(file(0));
    const other = "22222222-2222-4222-8222-222222222222";
    const prepared = handlers()["osd/prepare"](wish({ osd_uuid: other }), signal);
    await expect(prepared).rejects.toThrow(`${file(0)} holds osd.1 (${uuid}) already`);
  });

  it("refuses a file with another cluster's OSD, by its name", async () => {
    await files(1);
    writeLabel(file(0));
    const fsid = "11111111-1111-4111-8111-111111111111";
    writeFileSync(settings.conf, `[global]\nfsid = ${fsid}\n`);
    const prepared = handlers()["osd/prepare"](wish({ fsid }), signal);
    await expect(prepared).rejects.toThrow(`${file(0)} holds osd.1 of another cluster (${FSID})`);
  });

  it("refuses an unfinished OSD that it did not begin", async () => {
    await files(1);
    writeFileSync(file(0), bytes("pacific", "label.bin").subarray(0, 90));
    const other = "22222222-2222-4222-8222-222222222222";
    const prepared = handlers()["osd/prepare"](wish({ osd_uuid: other }), signal);
    await expect(prepared).rejects.toThrow(`holds an OSD (${uuid}) that this agent did not begin`);
  });
});

describe("osd/leftovers", () => {
  const lost = "33333333-3333-4333-8333-333333333333";
  const begun = (): string => {
    const log = join(settings.stateDir, "ceph-volume.log");
    writeFileSync(log, `Running command: /usr/bin/ceph --name client.bootstrap-osd -i - osd new ${lost}\n`);
    const attempt = { block: join(settings.stateDir, "none"), log, until: new Date(Date.now() + 60_000).toISOString() };
    writeFileSync(join(settings.stateDir, "osd-leftovers.json"), JSON.stringify({ uuids: [], attempt }));
    return log;
  };

  it("tells the uuid of an attempt that was interrupted, until it is forgotten", async () => {
    begun();
    const { "osd/leftovers": leftovers } = handlers();
    expect(await leftovers({ forget: [] }, signal)).toEqual([lost]);
    expect(await leftovers({ forget: [] }, signal)).toEqual([lost]);
    expect(await leftovers({ forget: [lost] }, signal)).toEqual([]);
  });

  it("tells nothing of one that still runs, though the agent that began it is gone", async () => {
    const log = begun();
    const output = openSync(log, "a");
    const standIn = spawn("sleep", ["60"], { stdio: ["ignore", output, "ignore"], detached: true });
    try {
      await expect.poll(() => holdersOf(log)).not.toEqual([]);
      closeSync(output);
      expect(await handlers()["osd/leftovers"]({ forget: [] }, signal)).toEqual([]);
      standIn.kill("SIGKILL");
      await expect.poll(() => handlers()["osd/leftovers"]({ forget: [] }, signal)).toEqual([lost]);
    } finally {
      standIn.kill("SIGKILL");
    }
  });

  it("tells nothing where there was no attempt", async () => {
    expect(await handlers()["osd/leftovers"]({ forget: [lost] }, signal)).toEqual([]);
  });
});

describe("host/light", () => {
  it.each([
    [undefined, "ident", true, ["ledctl", "locate=/dev/sdb"]],
    [undefined, "ident", false, ["ledctl", "locate_off=/dev/sdb"]],
    [undefined, "fault", true, ["ledctl", "failure=/dev/sdb"]],
    [undefined, "fault", false, ["ledctl", "off=/dev/sdb"]],
    [
      "lsmcli local-disk-{light}-led-{switch} --path {path}",
      "fault",
      true,
      ["lsmcli", "local-disk-fault-led-on", "--path", "/dev/sdb"],
    ],
  ] as const)("makes the command of the template %s: %s %s", (template, light, on, command) => {
    expect(lightCommand(template, { path: "/dev/sdb", light, on })).toEqual(command);
  });

  it("leaves a path one word whatever is in it", () => {
    const command = lightCommand(undefined, { path: "/dev/disk/a b;{light}", light: "ident", on: true });
    expect(command).toEqual(["ledctl", "locate=/dev/disk/a b;{light}"]);
  });

  it("refuses a template with a placeholder that is not known", () => {
    expect(() => lightCommand("led {device}", { path: "/dev/sdb", light: "ident", on: true })).toThrow(
      "{device} is not known",
    );
  });

  it("answers what the command said, and its failure as an error", async () => {
    const program = join(folder, "lamp");
    writeFileSync(program, '#!/bin/sh\n[ "$1" = on ] && echo lit || { echo "no such lamp" >&2; exit 3; }\n', {
      mode: 0o755,
    });
    settings = { ...settings, light: `${program} {switch} {path}` };
    const { "host/light": light } = handlers();
    expect(await light({ path: settings.conf, light: "ident", on: true }, signal)).toEqual({ output: "lit" });
    await expect(light({ path: settings.conf, light: "ident", on: false }, signal)).rejects.toThrow(
      `${program}: no such lamp`,
    );
    await expect(light({ path: "/dev/none-such", light: "ident", on: true }, signal)).rejects.toThrow(
      "is not on this host",
    );
  });
});

describe("running a program", () => {
  const running = (marker: string): string[] =>
    readdirSync("/proc").filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8") === `sleep\0${marker}\0`;
      } catch {
        return false; // no process, or gone
      }
    });

  it("that takes too long ends it and all that it started", async () => {
    const marker = `41${process.pid}`;
    const late = runAny("/bin/sh", ["-c", `sleep ${marker} & sleep ${marker}`], { timeoutMs: 1000 });
    await expect.poll(() => running(marker)).toHaveLength(2);
    await expect(late).rejects.toThrow("/bin/sh did not end within 1 s and was stopped");
    await expect.poll(() => running(marker)).toEqual([]);
  });

  it("gives it nothing of the agent's environment and the folder /", async () => {
    process.env["ORCHBRIDGE_TEST_SECRET"] = "x";
    const { stdout } = await runAny("/bin/sh", ["-c", "pwd; env"]);
    expect(stdout.split("\n")[0]).toBe("/");
    expect(stdout).not.toContain("ORCHBRIDGE_TEST_SECRET");
    delete process.env["ORCHBRIDGE_TEST_SECRET"];
  });

  it("that is not installed says in which package it is", async () => {
    await expect(runAny("ceph-volume", [], { root: folder })).rejects.toThrow(
      `ceph-volume is not installed in ${folder} (package ceph-volume)`,
    );
  });
});

describe("what the host is", () => {
  it("facts have cephadm's words", async () => {
    const facts = await handlers()["host/facts"]({}, signal);
    expect(facts).toMatchObject({
      hostname: hostname(),
      subscribed: "Unknown",
      interfaces: { lo: { iftype: "loopback" } },
    });
    for (const word of [
      "cpu_count",
      "cpu_cores",
      "cpu_threads",
      "memory_total_kb",
      "nic_count",
      "hdd_count",
      "flash_count",
    ])
      expect(facts[word], word).toEqual(expect.any(Number));
    expect(facts["hdd_capacity"]).toMatch(/^\d+\.\d[KMGTP]?B$/);
  });

  it("sockets, cores and threads are told apart", () => {
    const processor = (number: number, socket: number): string =>
      `processor\t: ${number}\nmodel name\t: Fast One\nphysical id\t: ${socket}\nsiblings\t: 4\ncpu cores\t: 2\n`;
    const info = [0, 1, 2, 3, 4, 5, 6, 7].map((number) => processor(number, number >> 2)).join("\n");
    expect(cpuFacts(info)).toEqual({ cpu_model: "Fast One", cpu_count: 2, cpu_cores: 2, cpu_threads: 4 });
    const arm = "processor\t: 0\nBogoMIPS\t: 48.00\n\nprocessor\t: 1\nBogoMIPS\t: 48.00\n";
    expect(cpuFacts(arm)).toMatchObject({ cpu_count: 1, cpu_cores: 2, cpu_threads: 2 });
  });

  it("memory and system are read from the kernel's and the distribution's files", () => {
    const meminfo = "MemTotal:  2048 kB\nMemFree:  1024 kB\nMemAvailable:  1500 kB\n";
    expect(memoryFacts(meminfo)).toEqual({ memory_total_kb: 2048, memory_free_kb: 1024, memory_available_kb: 1500 });
    expect(operatingSystem('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')).toBe(
      "Debian GNU/Linux 13 (trixie)",
    );
  });

  it("versions are found in what Ceph's daemons and NFS-Ganesha print", () => {
    expect(versionIn("ceph version 18.2.7 (6b0e988052ec84cf2d4a54ff9bbbc5e720b621ad) reef (stable)")).toBe("18.2.7");
    expect(versionIn("NFS-Ganesha Release = V6.5\n")).toBe("6.5");
    expect(versionIn("usage: ceph-crash")).toBeNull();
  });

  it("every daemon's binary that is missing is named with its package, and each ability that is missing with its reason", async () => {
    settings = { ...settings, roots: new Map([["", folder]]), light: "/no/such/lamp {path}" };
    const { binaries, abilities } = await describeHost(settings);
    for (const [type, { problem }] of Object.entries(binaries))
      expect(problem, type).toMatch(/ is not installed in .* \(package /);
    expect(abilities).toMatchObject({
      raw: `ceph-osd is not installed in ${folder} (package ceph-osd)`,
      lvm: `ceph-volume is not installed in ${folder} (package ceph-volume)`,
      light: "/no/such/lamp of the light's template cannot be run",
      nvmeof: expect.stringContaining("no package"),
    });
  });
});
