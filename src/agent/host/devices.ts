/** `host/devices`: everything an OSD could be made on, and why not. */
import { stat } from "node:fs/promises";

import { fsidIn } from "../ceph-conf.ts";
import type { CheckedParams, HostDevice } from "../protocol.ts";
import type { AgentSettings } from "../settings.ts";
import { type BlockDevice, backingFile, blockDevices, devicesInUse, readOrEmpty, useOf } from "./block-devices.ts";
import type { DeviceLooks } from "./device-looks.ts";
import { blockDevice, type Findings, fileDevice } from "./device-shape.ts";
import { type FileDevice, fileDevices, freeBytes, makeFileDevices, unheldFiles } from "./file-devices.ts";
import { osdOwner } from "./osd-folder.ts";
import { labelsOnHost, osdsOnHost } from "./osds.ts";

type Wanted = Omit<CheckedParams<"host/devices">, "refresh">;

/** The host's disks, and if wanted its loop devices and the agent's file devices, which are made on the way. */
export async function hostDevices(
  settings: AgentSettings,
  wanted: Wanted,
  looks: DeviceLooks,
  refresh = false,
): Promise<HostDevice[]> {
  if (wanted.file_devices !== null) await makeFileDevices(settings.stateDir, wanted.file_devices, osdOwner(settings));
  const present = await blockDevices();
  const candidates = present.filter((device) => isCandidate(device, wanted.loop_devices));
  const files = await fileDevices(settings.stateDir);
  const uses = await devicesInUse();
  const labels = await labelsOnHost(settings, present);
  // Those with an OSD are left alone, on a part of it too: one that starts just then would find its device taken.
  const free = candidates.filter(
    (device) =>
      useOf(device, uses) === undefined &&
      !labels.some((label) => label.path === device.path || label.device === device.path),
  );
  const pathsOf = (devices: readonly BlockDevice[]): string[] => devices.map(({ path }) => path);
  const backing = candidates.map(({ name, type }) => (type === "loop" ? (backingFile(name) ?? "") : ""));
  const look = await looks.at(
    {
      paths: pathsOf(candidates),
      free: pathsOf(free),
      // As text, since a label may leave fields out.
      state: JSON.stringify([candidates, backing, [...uses], labels]),
    },
    refresh,
  );
  const findings: Findings = { uses, ...look, osds: await osdsOnHost(settings), labels, fsid: fsidIn(settings.conf) };
  const disks = candidates.map((device) => blockDevice(device, findings));
  return [
    ...disks,
    ...(files.length === 0 ? [] : await shapedFiles(settings, shown(files, wanted, findings), findings)),
  ];
}

/** No memory in disguise, and nothing without a medium. */
export function isCandidate({ name, type, size }: BlockDevice, loopDevices: boolean): boolean {
  if (type === "loop") return loopDevices && backingFile(name) !== undefined;
  return /^(?:disk|mpath)$/.test(type) && size > 0 && !/^(?:zram|ram|nbd|fd)\d/.test(name);
}

/** Those that are asked for, and those with an OSD on them whether asked for or not. */
function shown(files: readonly FileDevice[], wanted: Wanted, { osds }: Findings): FileDevice[] {
  const count = wanted.file_devices?.count ?? 0;
  return files.filter(
    ({ path, labelled }, index) =>
      index < count || (labelled && osds.some(({ devices }) => Object.values(devices).includes(path))),
  );
}

async function shapedFiles(
  settings: AgentSettings,
  files: readonly FileDevice[],
  findings: Findings,
): Promise<HostDevice[]> {
  if (files.length === 0) return [];
  const unheld = unheldFiles(files, await freeBytes(settings.stateDir));
  const rotational = await isRotational(files[0]?.path ?? settings.stateDir);
  return files.map((file) => fileDevice(file, rotational, unheld.get(file.path), findings));
}

/** Whether the disk below a file turns; taken as such where the kernel does not say. */
async function isRotational(path: string): Promise<boolean> {
  const { dev } = await stat(path);
  const folder = `/sys/dev/block/${Math.floor(dev / 256) & 0xfff}:${dev % 256}`;
  const says = readOrEmpty(`${folder}/queue/rotational`) || readOrEmpty(`${folder}/../queue/rotational`);
  return says.trim() !== "0";
}
