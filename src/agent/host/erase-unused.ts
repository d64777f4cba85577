/** Erasing what an OSD had, after a look at who needs it now. */
import { ValidationError } from "../../index.ts";
import type { AgentSettings } from "../settings.ts";
import { blockDevices, deviceNumber, devicesInUse, useOf, withChildren } from "./block-devices.ts";
import { eraseDevice } from "./erase.ts";
import { isFileDevice } from "./file-devices.ts";
import { checkNotOpen } from "./holders.ts";
import { readLabel } from "./labels.ts";

/** Erases a device, or a part of one, of the OSD. Refuses where it is in use, or has the label of another OSD. */
export async function eraseUnused(settings: AgentSettings, path: string, uuid: string): Promise<void> {
  if (!isFileDevice(settings.stateDir, path)) await checkNotMounted(path);
  await checkNotOpen(path, path);
  const label = await readLabel(path);
  if (label !== undefined && label.osdUuid !== uuid)
    throw new ValidationError(`${path} holds the ${label.use} of another OSD (${label.osdUuid})`);
  await eraseDevice(settings, path);
}

/** A file system that is mounted is nobody's descriptor. */
async function checkNotMounted(path: string): Promise<void> {
  const number = await deviceNumber(path);
  const uses = await devicesInUse();
  const device = (await blockDevices()).flatMap(withChildren).find((one) => one["maj:min"] === number);
  const use = device === undefined ? uses.get(number ?? path) : useOf(device, uses);
  if (use !== undefined) throw new ValidationError(`${path} is in use: ${use}`);
}
