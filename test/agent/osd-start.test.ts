/** What is done for an OSD before its start, where the device of one that had its number is still in the host. */
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { beforeStart } from "../../src/agent/osd-start.ts";
import type { AgentSettings } from "../../src/agent/settings.ts";
import { bytes } from "./host/fixture.ts";
import { settingsIn } from "./settings-in.ts";

const FSID = "a5c3c935-30b6-412b-adb0-479a8a2861a1";
const FORMER = "05475045-8f3d-468d-b8e5-45a3655ce44e";
const PRESENT = "11111111-1111-4111-8111-111111111111";
const BEHIND_MAGIC = "bluestore block device\n".length;

let settings: AgentSettings;
let osdFolder: string;
let devices: string[];

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "orchbridge-osd-start-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  settings = { ...settingsIn(folder), stateDir: folder };
  writeFileSync(settings.conf, `[global]\nfsid = ${FSID}\n`);
  osdFolder = join(settings.dataDir, "osd/ceph-1");
  mkdirSync(osdFolder, { recursive: true });
  mkdirSync(join(folder, "devices"));
  devices = [FORMER, PRESENT].map((uuid, index) => {
    const path = join(folder, `devices/file${index}`);
    const label = bytes("pacific", "label.bin");
    label.write(uuid, BEHIND_MAGIC, "latin1");
    writeFileSync(path, label);
    truncateSync(path, 1024 ** 3);
    return path;
  });
});

it.each([
  ["the present", PRESENT, 1],
  ["the other", FORMER, 0],
])("the store whose uuid its folder has is taken: %s one", async (_, uuid, index) => {
  writeFileSync(join(osdFolder, "fsid"), `${uuid}\n`);
  writeFileSync(join(osdFolder, "ready"), "ready\n");
  await beforeStart(settings, "osd.1");
  expect(readlinkSync(join(osdFolder, "block"))).toBe(devices[index]);
});

it("a folder that says nothing is told with both stores", async () => {
  await expect(beforeStart(settings, "osd.1")).rejects.toThrow(
    `osd.1 has two stores on this host, ${FORMER} on ${devices[0]} and ${PRESENT} on ${devices[1]}: write the uuid that 'ceph osd dump' has for it to ${osdFolder}/fsid`,
  );
});

it("a store of another uuid than the folder's is not taken for its own", async () => {
  rmSync(devices[1]!);
  writeFileSync(join(osdFolder, "fsid"), `${PRESENT}\n`);
  writeFileSync(join(osdFolder, "ready"), "ready\n");
  await expect(beforeStart(settings, "osd.1")).rejects.toThrow(
    `none of the host's devices has the store of osd.1 (${PRESENT})`,
  );
});
