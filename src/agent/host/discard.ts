/** `osd/discard`: erases what one OSD has on devices that others may share. */
import { realpath } from "node:fs/promises";

import { ValidationError } from "../../index.ts";
import type { ManifestView } from "../handlers.ts";
import type { CheckedParams, HostOsd } from "../protocol.ts";
import { type AgentSettings, rootOf } from "../settings.ts";
import { eraseUnused } from "./erase-unused.ts";
import { readLabel } from "./labels.ts";
import { settleAttempt } from "./leftovers.ts";
import { osdFolder, uuidIn } from "./osd-folder.ts";
import { devicesOf, forgetVolumes, osdsOnHost, storesOf } from "./osds.ts";
import { dropPart, hasPart, partOf } from "./parts.ts";
import { printed, run } from "./programs.ts";

/**
 * Erases the OSD's stores on these devices, and nothing else on them. Done again, nothing happens. To be run when nothing else
 * works on devices.
 */
export async function discard(
  settings: AgentSettings,
  manifest: ManifestView,
  { osd_uuid: uuid, paths, keep_parts: keep }: CheckedParams<"osd/discard">,
): Promise<Record<string, never>> {
  await settleAttempt(settings);
  const osd = (await osdsOnHost(settings)).find(({ osd_uuid: other }) => other === uuid);
  if (osd !== undefined) checkUnused(settings, manifest, osd);
  if (osd?.method === "lvm") await discardVolumes(settings, uuid, keep);
  else for (const path of paths) await discardFrom(settings, path, { uuid, osd, keep });
  return {};
}

function checkUnused(settings: AgentSettings, manifest: ManifestView, { osd_id: id, osd_uuid: uuid }: HostOsd): void {
  if (manifest.has(`osd.${id}`) && (uuidIn(osdFolder(settings, id)) ?? uuid) === uuid)
    throw new ValidationError(`osd.${id} (${uuid}) is to run on this host: remove that daemon first`);
}

interface Discarded {
  readonly uuid: string;
  /** Undefined where it was never finished. */
  readonly osd: HostOsd | undefined;
  readonly keep: boolean;
}

async function discardFrom(settings: AgentSettings, path: string, { uuid, osd, keep }: Discarded): Promise<void> {
  const device = await realpath(path).catch(() => undefined);
  if (device === undefined) return; // pulled out
  const label = await readLabel(device);
  if (label?.osdUuid === uuid) return eraseUnused(settings, device, uuid);
  if (label !== undefined) return; // another OSD's by now
  // The path was noted when the removal was queued: a table without a part of the OSD is somebody else's by now.
  if (await hasPart(settings, device, uuid)) {
    const part = keep ? await partOf(settings, device, uuid) : undefined;
    return part === undefined ? dropPart(settings, device, uuid) : eraseUnused(settings, part, uuid);
  }
  for (const store of osd === undefined ? [] : devicesOf({ devices: storesOf(osd) })) {
    // On a partition that somebody else had made for it.
    if (osd?.parts?.[store.use] === store.path && osd.devices[store.use] === device)
      await eraseUnused(settings, store.path, uuid);
  }
}

/** Takes its volumes away, and the group with the last one. Not tried on a host with a device mapper yet. */
async function discardVolumes(settings: AgentSettings, uuid: string, keep: boolean): Promise<void> {
  const words = ["lvm", "zap", ...(keep ? [] : ["--destroy"]), "--osd-fsid", uuid];
  printed("ceph-volume", await run("ceph-volume", words, { root: rootOf(settings, "osd"), timeoutMs: 300_000 }));
  forgetVolumes();
}
