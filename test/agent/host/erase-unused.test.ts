import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { ManifestView } from "../../../src/agent/handlers.ts";
import { discard } from "../../../src/agent/host/discard.ts";
import { eraseUnused } from "../../../src/agent/host/erase-unused.ts";
import { parseLabel } from "../../../src/agent/host/labels.ts";
import { dropPart, indivisible } from "../../../src/agent/host/parts.ts";
import { prepareOsd } from "../../../src/agent/host/prepare.ts";
import type { CheckedParams } from "../../../src/agent/protocol.ts";
import type { AgentSettings } from "../../../src/agent/settings.ts";
import { settingsIn } from "../settings-in.ts";
import { bytes } from "./fixture.ts";

const LABEL = bytes("reef", "label.bin");
const OWN = parseLabel(LABEL)!;
const OTHER = "11111111-1111-4111-8111-111111111111";
const NONE: ManifestView = { names: () => [], has: () => false };
const RUNNING: ManifestView = { names: () => ["osd.0"], has: (name) => name === "osd.0" };

/** A host with one file device, and a part of it for an OSD with a label on it. */
function host(uuid: string, label = LABEL): { settings: AgentSettings; device: string; part: string } {
  const folder = mkdtempSync(join(tmpdir(), "orchbridge-erase-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "devices"));
  const device = join(folder, "devices/file0");
  writeFileSync(device, Buffer.alloc(8192));
  const part = `${device}.${uuid}`;
  writeFileSync(part, label);
  const settings = { ...settingsIn(folder), stateDir: folder };
  writeFileSync(settings.conf, `[global]\nfsid = ${OWN.clusterFsid}\n`);
  return { settings, device, part };
}

/** Another process that has it open. */
async function openElsewhere(path: string): Promise<void> {
  const file = openSync(path, "r");
  const child = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", file] });
  closeSync(file);
  await once(child, "spawn");
  onTestFinished(() => void child.kill());
}

it("erases what has the OSD's own label", async () => {
  const { settings, part } = host(OWN.osdUuid);
  await eraseUnused(settings, part, OWN.osdUuid);
  expect(readFileSync(part).every((byte) => byte === 0)).toBe(true);
});

it("does not erase what a process has open", async () => {
  const { settings, part } = host(OWN.osdUuid);
  await openElsewhere(part);
  await expect(eraseUnused(settings, part, OWN.osdUuid)).rejects.toThrow(/is in use: process \d+ \(sleep\)/);
  expect(readFileSync(part)).toEqual(LABEL);
});

it("does not drop a part that has another OSD's label", async () => {
  const { settings, device, part } = host(OTHER);
  await expect(dropPart(settings, device, OTHER)).rejects.toThrow(`another OSD (${OWN.osdUuid})`);
  expect(readFileSync(part)).toEqual(LABEL);
});

it("does not discard an OSD that is to run and whose folder is lost", async () => {
  const { settings, device, part } = host(OWN.osdUuid);
  const wish = { osd_uuid: OWN.osdUuid, paths: [device], keep_parts: false };
  await expect(discard(settings, RUNNING, wish)).rejects.toThrow("is to run on this host");
  expect(existsSync(part)).toBe(true);
  await discard(settings, NONE, wish);
  expect(existsSync(part)).toBe(false);
  await discard(settings, NONE, wish);
});

function wish(block: string, change: object = {}): CheckedParams<"osd/prepare"> {
  return {
    method: "file",
    block,
    db: null,
    wal: null,
    block_size: null,
    db_size: null,
    wal_size: null,
    osd_id: 7,
    osd_uuid: OTHER,
    fsid: OWN.clusterFsid!,
    encrypted: false,
    device_class: null,
    keyring: "key = AAAA",
    bootstrap_keyring: null,
    ...change,
  };
}

it("keeps a part that is found again with another OSD's label, when an OSD is prepared", async () => {
  const { settings, device, part } = host(OTHER);
  await expect(prepareOsd(settings, wish(device, { block_size: 4096 }))).rejects.toThrow(
    `of an OSD (${OWN.osdUuid}): zap ${device} first`,
  );
  expect(readFileSync(part)).toEqual(LABEL);
});

it("keeps what an attempt to make the same OSD still writes, and a blank device that somebody has open", async () => {
  const { settings, device, part } = host(OTHER);
  rmSync(part);
  // So much of a label is there while ceph-osd makes the store.
  const begun = Buffer.concat([LABEL.subarray(0, 90), Buffer.alloc(8192)]);
  for (const content of [begun, Buffer.alloc(8192)]) {
    writeFileSync(device, content);
    await openElsewhere(device);
    await expect(prepareOsd(settings, wish(device, { osd_uuid: OWN.osdUuid }))).rejects.toThrow(
      /is in use: process \d+ \(sleep\) has it open/,
    );
    expect(readFileSync(device)).toEqual(content);
  }
});

it("waits for ceph-osd that outlived the agent which began the OSD, and takes what it made", async () => {
  const { settings, device, part } = host(OTHER);
  rmSync(part);
  writeFileSync(device, Buffer.concat([LABEL.subarray(0, 90), Buffer.alloc(8192)]));
  const folder = join(settings.dataDir, `osd/ceph-${OWN.osdId}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "fsid"), OWN.osdUuid);
  writeFileSync(join(folder, "ready"), "ready");
  const finished = join(settings.stateDir, "finished");
  writeFileSync(finished, LABEL);
  // Its words are those of ceph-osd, to whoever reads them in /proc; it takes a moment, as the making of a store does.
  const script = `setTimeout(() => fs.copyFileSync(${JSON.stringify(finished)}, ${JSON.stringify(device)}), 1000)`;
  const words = ["-e", script, "--", "--mkfs", "--osd-uuid", OWN.osdUuid];
  const child = spawn(process.execPath, words, { argv0: "ceph-osd", stdio: "ignore" });
  await once(child, "spawn");
  onTestFinished(() => void child.kill());
  const made = await prepareOsd(settings, wish(device, { osd_uuid: OWN.osdUuid, osd_id: OWN.osdId }));
  expect(made).toMatchObject({ osd_uuid: OWN.osdUuid, devices: { block: device } });
  expect(readFileSync(device)).toEqual(LABEL);
});

it.each(["mpath", "crypt", "raid1"])("does not divide a device of the type %s", (type) => {
  expect(indivisible({ name: "dm-0", type })).toBe(`its type is ${type}, not disk or loop`);
});
