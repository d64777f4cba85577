/** Which processes have a file or a device open. */
import type { Stats } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";

import { ValidationError } from "../../index.ts";

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
  const [holder] = await holdersOf(real);
  if (holder !== undefined)
    throw new ValidationError(`${path} is in use: process ${holder.pid} (${await nameOf(holder.pid)}) has it open`);
}

/** What a process is called. */
async function nameOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim();
}
