/** Who has a file or a device: which processes have it open, and whether the kernel needs a device itself. */
import { constants, existsSync, type Stats } from "node:fs";
import { open, readdir, readFile, stat } from "node:fs/promises";

import { messageOf, OrchestratorError, ValidationError } from "../../index.ts";
import { programPath } from "../daemon-types.ts";
import { codeOf } from "../durable-file.ts";
import { run } from "./programs.ts";

/** A process and its descriptor. */
export interface Holder {
  readonly pid: number;
  readonly descriptor: string;
}

/**
 * Everybody who has it open, as far as the agent may look. Files are compared, not paths: a process in another mount namespace has
 * other paths.
 */
export async function holdersOf(path: string): Promise<Holder[]> {
  const wanted = await found(path);
  if (wanted === undefined) return [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const holders = await Promise.all(pids.map((pid) => descriptorsOf(pid, wanted)));
  return holders.flat();
}

async function descriptorsOf(pid: string, wanted: Stats): Promise<Holder[]> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const files = await Promise.all(names.map((name) => found(`${folder}/${name}`)));
  return names.filter((_, index) => same(files[index], wanted)).map((descriptor) => ({ pid: Number(pid), descriptor }));
}

function same(file: Stats | undefined, wanted: Stats): boolean {
  if (file === undefined) return false;
  if (wanted.isBlockDevice()) return file.isBlockDevice() && file.rdev === wanted.rdev;
  return file.dev === wanted.dev && file.ino === wanted.ino;
}

async function found(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined);
}

/** Throws where a process has it open. `path` is how it is told. */
export async function checkNotOpen(path: string, real: string): Promise<void> {
  if ((await holdersOf(real)).length === 0) return;
  await settleUdev();
  const [holder] = await holdersOf(real);
  if (holder !== undefined)
    throw new ValidationError(`${path} is in use: process ${holder.pid} (${await nameOf(holder.pid)}) has it open`);
}

/** Udev opens a device after somebody wrote to it or could have, and makes and takes nodes. Not tried on a host with udev yet. */
export async function settleUdev(): Promise<void> {
  if (existsSync("/run/udev/control") && programPath("udevadm", undefined) !== undefined)
    await run("udevadm", ["settle", "--timeout=30"]);
}

/** Opens a device for itself alone, and lets go of it. EBUSY where somebody has taken it so, as the kernel takes what it needs. */
export async function openAlone(path: string): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_EXCL);
  await file.close();
}

/** Throws where a block device is taken: that of an ext4's journal or a member of a pool is mounted nowhere, and open to nobody. */
export async function checkNotTaken(path: string): Promise<void> {
  try {
    await openAlone(path);
  } catch (cause) {
    if (codeOf(cause) !== "EBUSY")
      throw new OrchestratorError(`${path} cannot be opened: ${messageOf(cause)}`, { cause });
    throw new ValidationError(
      `${path} is in use: the kernel has taken it, as a file system's journal or a member of a pool, an array or a volume group`,
      { cause },
    );
  }
}

/** What a process is called. */
async function nameOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim();
}
