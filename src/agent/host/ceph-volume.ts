/** Making an OSD by ceph-volume, which takes number, uuid and key from the monitors itself. */
import { chown, mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { messageOf, OrchestratorError, ValidationError } from "../../index.ts";
import { writeDurably } from "../durable-file.ts";
import type { CheckedParams, HostOsd } from "../protocol.ts";
import { type AgentSettings, rootOf } from "../settings.ts";
import { blockDevices, readOrEmpty } from "./block-devices.ts";
import { eraseDevice } from "./erase.ts";
import { isFileDevice } from "./file-devices.ts";
import { firstProblem } from "./first-problem.ts";
import { type BluestoreLabel, readLabel } from "./labels.ts";
import { ATTEMPT_MS, beginAttempt, isLeftover, settleAttempt } from "./leftovers.ts";
import { activate, osdFolder, osdOwner, uuidIn } from "./osd-folder.ts";
import { devicesOf, forgetVolumes, labelsOnHost, osdsOnHost } from "./osds.ts";
import { run } from "./programs.ts";

type Wish = CheckedParams<"osd/prepare">;

/** Makes the OSD on empty devices. */
export async function makeByCephVolume(
  settings: AgentSettings,
  wish: Wish,
  devices: HostOsd["devices"],
): Promise<HostOsd> {
  const args = prepareArguments(wish, devices);
  await checkNumber(settings, wish);
  await writeBootstrapKeyring(settings, wish);
  const log = await beginAttempt(settings, devices.block);
  const failure = await attempted(settings, args, log);
  await settleAttempt(settings);
  forgetVolumes();
  const made = (await osdsOnHost(settings)).find((osd) =>
    wish.block_size === null ? osd.devices.block === devices.block : osd.osd_uuid === wish.osd_uuid,
  );
  if (failure === undefined && made !== undefined) {
    await activate(settings, made);
    return made;
  }
  for (const { path } of devicesOf({ devices })) await eraseOwn(settings, path);
  const why = failure ?? "it said that it did, and there is none";
  throw new OrchestratorError(`ceph-volume ${wish.method} could not make an OSD on ${devices.block}: ${why}`);
}

/** The words of `ceph-volume … prepare`. */
export function prepareArguments(wish: Wish, { block, db, wal }: HostOsd["devices"]): string[] {
  const { method, device_class: deviceClass, osd_id: id, encrypted } = wish;
  const sizes = { "--data-size": wish.block_size, "--block.db-size": wish.db_size, "--block.wal-size": wish.wal_size };
  const sized = Object.entries(sizes).filter(([, size]) => size !== null);
  return [
    method,
    "prepare",
    "--bluestore",
    "--data",
    block,
    ...(db === undefined ? [] : ["--block.db", db]),
    ...(wal === undefined ? [] : ["--block.wal", wal]),
    ...sized.flatMap(([option, size]) => [option, String(size)]),
    // By its uuid it is found among those that share its device.
    ...(sized.length === 0 || wish.osd_uuid === null ? [] : ["--osd-fsid", wish.osd_uuid]),
    ...(deviceClass === null ? [] : ["--crush-device-class", deviceClass]),
    ...(id === null ? [] : ["--osd-id", String(id)]),
    ...(encrypted ? ["--dmcrypt"] : []),
    // A tmpfs would be mounted for the agent alone where it has mounts of its own.
    ...(method === "raw" ? ["--no-tmpfs"] : []),
  ];
}

/**
 * When Tentacle's `raw prepare` fails, it erases every raw device whose OSD has the number that the new one was to have, be
 * it of another cluster (tried: 20.2.4 wiped a healthy OSD). Only where there is no OSD but our daemons' own it is harmless.
 */
export async function rollbackDanger(settings: AgentSettings): Promise<string | null> {
  const source = `${rootOf(settings, "osd") ?? ""}/usr/lib/python3/dist-packages/ceph_volume/devices/lvm/zap.py`;
  if (!readOrEmpty(source).includes("RAW-based")) return null;
  const labels = await labelsOnHost(settings, await blockDevices());
  const stranger = labels.find(
    ({ path, label }) =>
      label.osdId !== undefined && !isFileDevice(settings.stateDir, path) && !hasFolder(settings, label),
  );
  if (stranger === undefined) return null;
  return `ceph-volume of this release may erase ${stranger.path} (osd.${stranger.label.osdId} of ${stranger.label.clusterFsid}) if it fails`;
}

function hasFolder(settings: AgentSettings, { osdId, osdUuid }: BluestoreLabel): boolean {
  return osdId !== undefined && uuidIn(osdFolder(settings, osdId)) === osdUuid;
}

/** Nautilus' raw takes the lowest free number and no other. */
async function checkNumber(settings: AgentSettings, { method, osd_id: id }: Wish): Promise<void> {
  if (method !== "raw" || id === null) return;
  const { stdout } = await run("ceph-volume", ["raw", "prepare", "--help"], { root: rootOf(settings, "osd") });
  if (!stdout.includes("--osd-id"))
    throw new ValidationError(`ceph-volume raw of this release cannot make osd.${id} by its number`);
}

async function writeBootstrapKeyring(settings: AgentSettings, { bootstrap_keyring: text }: Wish): Promise<void> {
  if (text === null)
    throw new ValidationError("ceph-volume needs bootstrap_keyring, the keyring of client.bootstrap-osd");
  const path = join(settings.dataDir, "bootstrap-osd", "ceph.keyring");
  const owner = osdOwner(settings);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeDurably(path, text, 0o600, process.getuid?.() === 0 ? owner : undefined);
  // OSD folders are made in there by the daemons' user too.
  const folder = join(settings.dataDir, "osd");
  await mkdir(folder, { recursive: true, mode: 0o755 });
  if (process.getuid?.() === 0) await chown(folder, owner.uid, owner.gid);
}

async function attempted(settings: AgentSettings, args: readonly string[], log: string): Promise<string | undefined> {
  try {
    const { code } = await run("ceph-volume", args, {
      root: rootOf(settings, "osd"),
      timeoutMs: ATTEMPT_MS,
      output: log,
      environment: { CEPH_VOLUME_ALLOW_LOOP_DEVICES: "1" },
    });
    return code === 0 ? undefined : firstProblem(await readFile(log, "utf8"), code);
  } catch (error) {
    return messageOf(error);
  }
}

/** Erases what the failed attempt wrote, if that is what is on the device now. */
async function eraseOwn(settings: AgentSettings, path: string): Promise<void> {
  const label = await readLabel(path).catch(() => undefined);
  if (label !== undefined && !label.complete && (await isLeftover(settings, label.osdUuid)))
    await eraseDevice(settings, path);
}
