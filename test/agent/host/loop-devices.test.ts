/** What the host tools do to a block device: a loop device of the test's own, where this machine gives one. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { constants, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished, type TestContext } from "vitest";
import { eraseUnused } from "../../../src/agent/host/erase-unused.ts";
import { hostHandlers } from "../../../src/agent/host/handlers.ts";
import { parseLabel } from "../../../src/agent/host/labels.ts";
import type { AgentSettings } from "../../../src/agent/settings.ts";
import { settingsIn } from "../settings-in.ts";
import { bytes } from "./fixture.ts";

const LABEL = bytes("reef", "label.bin");
const UUID = parseLabel(LABEL)!.osdUuid;
const SIZE = 16 * 1024 ** 2;

let folder: string;
let settings: AgentSettings;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orchbridge-loop-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  settings = settingsIn(folder);
  mkdirSync(settings.stateDir);
});

/** A loop device with a label on it, and what it holds now. */
function loopDevice(context: TestContext): { path: string; content: () => Buffer } {
  const image = join(folder, "image");
  writeFileSync(image, LABEL);
  truncateSync(image, SIZE);
  const { status, stdout } = spawnSync("losetup", ["--find", "--show", image], { encoding: "utf8" });
  if (status !== 0) context.skip("this machine gives no loop device");
  const path = stdout.trim();
  onTestFinished(() => void spawnSync("losetup", ["--detach", path]));
  return { path, content: () => readFileSync(path).subarray(0, LABEL.length) };
}

/**
 * Stands in for the kernel, which takes a file system's journal or a member of a pool for itself in the same way, and is in no
 * list of mounts: the descriptors of the agent's own process are not looked at.
 */
async function claim(path: string): Promise<() => Promise<void>> {
  const file = await open(path, constants.O_RDWR | constants.O_EXCL);
  return () => file.close();
}

describe("a device that the kernel has taken for itself", () => {
  it("is not zapped, until it is free", async (context) => {
    const { path, content } = loopDevice(context);
    const zap = (): unknown =>
      hostHandlers(settings, { names: () => [], has: () => false })["osd/zap"]({ path }, new AbortController().signal);
    const release = await claim(path);
    await expect(zap()).rejects.toThrow(`${path} is in use: the kernel has taken it`);
    expect(content()).toEqual(LABEL);
    await release();
    expect(await zap()).toEqual({ output: `zap successful for ${path}` });
    expect(content().every((byte) => byte === 0)).toBe(true);
  });

  it("is not erased as what an OSD had, until it is free", async (context) => {
    const { path, content } = loopDevice(context);
    const release = await claim(path);
    await expect(eraseUnused(settings, path, UUID)).rejects.toThrow(`${path} is in use: the kernel has taken it`);
    expect(content()).toEqual(LABEL);
    await release();
    await eraseUnused(settings, path, UUID);
    expect(content().every((byte) => byte === 0)).toBe(true);
  });
});
