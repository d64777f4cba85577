/** What an OSD needs before each start: a boot takes back who may use its devices, and may give them other names. */
import { statSync } from "node:fs";

import { OrchestratorError } from "../index.ts";
import { fsidIn } from "./ceph-conf.ts";
import { blockDevices } from "./host/block-devices.ts";
import { activate, devicesIn, isReady, osdFolder, osdOwner, uuidIn } from "./host/osd-folder.ts";
import { labelledOsds, osdsOnHost, storesOf } from "./host/osds.ts";
import { typeAndId } from "./launch-plan.ts";
import type { DaemonName, HostOsd } from "./protocol.ts";
import type { AgentSettings } from "./settings.ts";

/** Looks through the host's devices only if the OSD's folder does not say all that is needed. */
export async function beforeStart(settings: AgentSettings, name: DaemonName): Promise<void> {
  const { type, id } = typeAndId(name);
  if (type !== "osd") return;
  const folder = osdFolder(settings, Number(id));
  if (isReady(folder) && (await mayUse(settings, folder))) return;
  const uuid = uuidIn(folder);
  const fsid = fsidIn(settings.conf);
  const isIts = (osd: HostOsd): boolean => osd.osd_id === Number(id) && (osd.fsid === null || osd.fsid === fsid);
  const isOwn = (osd: HostOsd): boolean => isIts(osd) && osd.osd_uuid === uuid;
  // Found without ceph-volume, so that what hinders that one keeps no OSD from its start that is none of its own.
  const own = (await labelledOsds(settings, await blockDevices())).find(isOwn);
  if (own !== undefined) return activate(settings, own);
  const stores = (await osdsOnHost(settings)).filter(isIts);
  const found =
    stores.find(isOwn) ?? (isReady(folder) && uuid !== undefined ? undefined : onlyOne(name, folder, stores));
  if (found !== undefined) await activate(settings, found);
  else if (stores.length > 0 || !isReady(folder))
    throw new OrchestratorError(
      `none of the host's devices has the store of ${name}${uuid === undefined ? "" : ` (${uuid})`}`,
    );
}

/** The store of that number. One that was replaced may still be in the host, and only the folder says which one it is. */
function onlyOne(name: DaemonName, folder: string, stores: readonly HostOsd[]): HostOsd | undefined {
  const [one] = stores;
  const other = stores.find(({ osd_uuid: uuid }) => uuid !== one?.osd_uuid);
  if (one === undefined || other === undefined) return one;
  const told = (osd: HostOsd): string => `${osd.osd_uuid} on ${storesOf(osd).block}`;
  throw new OrchestratorError(
    `${name} has two stores on this host, ${told(one)} and ${told(other)}: write the uuid that 'ceph osd dump' has for it to ${folder}/fsid`,
  );
}

/** Whether the OSD's user has the devices that the folder links. */
async function mayUse(settings: AgentSettings, folder: string): Promise<boolean> {
  const { uid } = osdOwner(settings);
  const devices = await devicesIn(folder);
  return devices.length > 0 && devices.every((path) => statSync(path).uid === uid);
}
