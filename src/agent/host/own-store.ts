/** Making an OSD's store with nothing but ceph-osd, on a file or a device: the number, uuid and key are given. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { OrchestratorError, ValidationError } from "../../index.ts";
import { allPids, commandLine } from "../process-table.ts";
import type { HostOsd } from "../protocol.ts";
import { type AgentSettings, rootOf } from "../settings.ts";
import { firstProblem } from "./first-problem.ts";
import { readLabel } from "./labels.ts";
import { freshFolder, giveTo, linkDevices, osdFolder, osdOwner } from "./osd-folder.ts";
import { storesOf } from "./osds.ts";
import { run } from "./programs.ts";

const MKFS_MS = 300_000;

/** An OSD to be made, all of it known beforehand. */
export interface NewOsd {
  readonly osd_id: number;
  readonly osd_uuid: string;
  readonly fsid: string;
  readonly method: HostOsd["method"];
  readonly devices: HostOsd["devices"];
  readonly parts: NonNullable<HostOsd["parts"]>;
  /** The text of its keyring. */
  readonly keyring: string;
}

/** Waits for ceph-osd where it outlived the agent that began the OSD of this uuid. */
export async function settleStore(uuid: string): Promise<void> {
  const until = performance.now() + MKFS_MS;
  while (isBeingMade(uuid) && performance.now() < until) await pause(100);
}

function isBeingMade(uuid: string): boolean {
  return allPids().some((pid) => {
    const words = commandLine(pid);
    return words.includes("--mkfs") && words[words.indexOf("--osd-uuid") + 1] === uuid;
  });
}

/** Makes the store. What an interrupted attempt left has to be erased before. */
export async function makeStore(settings: AgentSettings, osd: NewOsd): Promise<HostOsd> {
  const { osd_id: id, osd_uuid: uuid, fsid, method, devices, parts, keyring } = osd;
  const stores = storesOf(osd);
  const folder = osdFolder(settings, id);
  const owner = osdOwner(settings);
  const key = keyIn(keyring, id);
  await freshFolder(folder, uuid, owner);
  await writeFile(join(folder, "keyring"), `[osd.${id}]\n\tkey = ${key}\n`, { mode: 0o600 });
  await linkDevices(folder, { block: stores.block });
  await giveTo(owner, folder, stores);
  const { code, stdout, stderr } = await run("ceph-osd", mkfsArguments(settings, osd), {
    root: rootOf(settings, "osd"),
    // On stdin, so that mkfs writes it into the label too: from there a lost folder is made again.
    input: key,
    timeoutMs: MKFS_MS,
  });
  if (code !== 0)
    throw new OrchestratorError(
      `osd.${id} could not be made on ${devices.block}: ${firstProblem(`${stderr}\n${stdout}`, code)}`,
    );
  const label = await readLabel(stores.block);
  if (label?.complete !== true || label.osdUuid !== uuid || label.clusterFsid !== fsid)
    throw new OrchestratorError(`ceph-osd made a store on ${stores.block} that is not osd.${id} of ${fsid}`);
  await linkDevices(folder, stores);
  await giveTo(owner, folder, stores);
  return { osd_id: id, osd_uuid: uuid, fsid, method, devices, ...(Object.keys(parts).length === 0 ? {} : { parts }) };
}

function mkfsArguments(settings: AgentSettings, osd: NewOsd): string[] {
  const { osd_id: id, osd_uuid: uuid } = osd;
  const stores = storesOf(osd);
  const options = {
    cluster: "ceph",
    conf: settings.conf,
    id: String(id),
    "osd-objectstore": "bluestore",
    "osd-uuid": uuid,
    "osd-data": osdFolder(settings, id),
    keyfile: "-",
    ...(stores.db === undefined ? {} : { "bluestore-block-db-path": stores.db }),
    ...(stores.wal === undefined ? {} : { "bluestore-block-wal-path": stores.wal }),
    ...(process.getuid?.() === 0 ? { setuser: settings.user, setgroup: String(osdOwner(settings).gid) } : {}),
  };
  return ["--mkfs", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
}

/** The key in a keyring's text. */
function keyIn(keyring: string, id: number): string {
  const key = /^\s*key\s*=\s*([A-Za-z0-9+/]+={0,2})\s*$/m.exec(keyring)?.[1];
  if (key === undefined) throw new ValidationError(`osd.${id}: the keyring holds no line "key = …"`);
  return key;
}
