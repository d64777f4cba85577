/** What an OSD needs before each start: a boot takes back who may use its devices, and may give them other names. */
import { statSync } from "node:fs";

import { OrchestratorError } from "../index.ts";
import { fsidIn } from "./ceph-conf.ts";
import { activate, devicesIn, isReady, osdFolder, osdOwner } from "./host/osd-folder.ts";
import { osdsOnHost } from "./host/osds.ts";
import { typeAndId } from "./launch-plan.ts";
import type { DaemonName } from "./protocol.ts";
import type { AgentSettings } from "./settings.ts";

/** Looks through the host's devices only if the OSD's folder does not say all that is needed. */
export async function beforeStart(settings: AgentSettings, name: DaemonName): Promise<void> {
  const { type, id } = typeAndId(name);
  if (type !== "osd") return;
  const folder = osdFolder(settings, Number(id));
  if (isReady(folder) && (await mayUse(settings, folder))) return;
  const fsid = fsidIn(settings.conf);
  const found = await osdsOnHost(settings);
  const osd = found.find((one) => one.osd_id === Number(id) && (one.fsid === null || one.fsid === fsid));
  if (osd !== undefined) await activate(settings, osd);
  else if (!isReady(folder)) throw new OrchestratorError(`none of the host's devices has the store of ${name}`);
}

/** Whether the OSD's user has the devices that the folder links. */
async function mayUse(settings: AgentSettings, folder: string): Promise<boolean> {
  const { uid } = osdOwner(settings);
  const devices = await devicesIn(folder);
  return devices.length > 0 && devices.every((path) => statSync(path).uid === uid);
}
