/** Making an OSD's store with nothing but ceph-osd, on a file or a device: the number, uuid and key are given. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { OrchestratorError, ValidationError } from "../../index.ts";
import type { HostOsd } from "../protocol.ts";
import { type AgentSettings, rootOf } from "../settings.ts";
import { firstProblem } from "./first-problem.ts";
import { readLabel } from "./labels.ts";
import { freshFolder, giveTo, linkDevices, osdFolder, osdOwner } from "./osd-folder.ts";
import { run } from "./programs.ts";

const MKFS_MS = 300_000;

/** An OSD to be made, all of it known beforehand. */
export interface NewOsd {
  readonly osd_id: number;
  readonly osd_uuid: string;
  readonly fsid: string;
  readonly method: HostOsd["method"];
  readonly devices: HostOsd["devices"];
  /** The text of its keyring. */
  readonly keyring: string;
}

/** Makes the store. What an interrupted attempt left has to be erased before. */
export async function makeStore(settings: AgentSettings, osd: NewOsd): Promise<HostOsd> {
  const { osd_id: id, osd_uuid: uuid, fsid, method, devices, keyring } = osd;
  const folder = osdFolder(settings, id);
  const owner = osdOwner(settings);
  const key = keyIn(keyring, id);
  await freshFolder(folder, uuid, owner);
  await writeFile(join(folder, "keyring"), `[osd.${id}]\n\tkey = ${key}\n`, { mode: 0o600 });
  await linkDevices(folder, { block: devices.block });
  await giveTo(owner, folder, devices);
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
  const label = await readLabel(devices.block);
  if (label?.complete !== true || label.osdUuid !== uuid || label.clusterFsid !== fsid)
    throw new OrchestratorError(`ceph-osd made a store on ${devices.block} that is not osd.${id} of ${fsid}`);
  await linkDevices(folder, devices);
  await giveTo(owner, folder, devices);
  return { osd_id: id, osd_uuid: uuid, fsid, method, devices };
}

function mkfsArguments(settings: AgentSettings, { osd_id: id, osd_uuid: uuid, devices }: NewOsd): string[] {
  const options = {
    cluster: "ceph",
    conf: settings.conf,
    id: String(id),
    "osd-objectstore": "bluestore",
    "osd-uuid": uuid,
    "osd-data": osdFolder(settings, id),
    keyfile: "-",
    ...(devices.db === undefined ? {} : { "bluestore-block-db-path": devices.db }),
    ...(devices.wal === undefined ? {} : { "bluestore-block-wal-path": devices.wal }),
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
