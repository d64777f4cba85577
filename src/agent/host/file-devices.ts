/** Files of the agent's that stand in for disks, in labs and tests: STATE/devices/file0, file1, … They are sparse. */
import { chmod, mkdir, open, readdir, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { OrchestratorError } from "../../index.ts";
import { codeOf, type FileOwner } from "../durable-file.ts";
import { readLabel } from "./labels.ts";

/** A file device, and how much of it is really on the disk. */
export interface FileDevice {
  readonly path: string;
  readonly size: number;
  readonly allocated: number;
  /** Whether something was written to it, or it is divided. */
  readonly labelled: boolean;
  /** Files of their own, each of which stands in for a partition. */
  readonly parts: readonly FilePart[];
}

/** A part of a file device, which bears its OSD's uuid. */
export interface FilePart {
  readonly path: string;
  readonly uuid: string;
  readonly size: number;
}

/** How many files of which size there shall be. */
export interface WantedFiles {
  readonly count: number;
  readonly size: number;
}

const NAME = /^file(\d+)$/;
const PART_NAME = /^file\d+\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const BLOCK = 512;

/** The folder of the file devices. */
export function deviceFolder(stateDir: string): string {
  return join(stateDir, "devices");
}

/** Whether a path is one of the agent's own file devices or a part of one, there or not. */
export function isFileDevice(stateDir: string, path: string): boolean {
  const name = basename(path);
  return dirname(path) === deviceFolder(stateDir) && (NAME.test(name) || PART_NAME.test(name));
}

/** The path of an OSD's part of a file device. */
export function filePartPath(path: string, uuid: string): string {
  return `${path}.${uuid}`;
}

/** Makes a part, as sparse as the file device. */
export async function makeFilePart(path: string, uuid: string, size: number, owner: FileOwner): Promise<string> {
  const part = filePartPath(path, uuid);
  await makeOne(part, size, owner);
  return part;
}

/** Makes those that are missing; one that nothing was written to gets the size that is asked for. */
export async function makeFileDevices(stateDir: string, wanted: WantedFiles, owner: FileOwner): Promise<void> {
  const folder = deviceFolder(stateDir);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  await letThrough(stateDir);
  await letThrough(folder);
  for (let index = 0; index < wanted.count; index += 1) await makeOne(join(folder, `file${index}`), wanted.size, owner);
}

/** Daemons run as another user and have to reach their files. */
async function letThrough(folder: string): Promise<void> {
  const { mode } = await stat(folder);
  if ((mode & 0o001) === 0) await chmod(folder, (mode & 0o7777) | 0o011);
}

async function makeOne(path: string, size: number, owner: FileOwner): Promise<void> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.truncate(size);
      await file.chown(owner.uid, owner.gid);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw sizeError(path, size, error);
    const found = await stat(path);
    if (found.size === size || found.blocks > 0) return;
    const file = await open(path, "r+");
    try {
      await file.truncate(size);
    } catch (cause) {
      throw sizeError(path, size, cause);
    } finally {
      await file.close();
    }
  }
}

function sizeError(path: string, size: number, cause: unknown): OrchestratorError {
  const why = codeOf(cause) === "EFBIG" ? "its file system cannot hold a file of that size" : String(cause);
  return new OrchestratorError(`${path} could not be made with ${size} bytes: ${why}`, { cause });
}

/** All that are there, in the order of their numbers. */
export async function fileDevices(stateDir: string): Promise<FileDevice[]> {
  const folder = deviceFolder(stateDir);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
  const numbers = names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
  const partNames = names.filter((name) => PART_NAME.test(name));
  const parts = (await Promise.all(partNames.map((name) => filePart(folder, name)))).flat();
  return Promise.all(
    numbers
      .toSorted((one, other) => one - other)
      .map(async (number) => {
        const path = join(folder, `file${number}`);
        const { size, blocks } = await stat(path);
        const own = parts.filter((part) => part.path.startsWith(`${path}.`));
        return {
          path,
          size,
          allocated: own.reduce((sum, part) => sum + part.allocated, blocks * BLOCK),
          labelled: own.length > 0 || (await readLabel(path)) !== undefined,
          parts: own,
        };
      }),
  );
}

/** None where it went meanwhile: its OSD was removed. */
async function filePart(folder: string, name: string): Promise<(FilePart & { allocated: number })[]> {
  const path = join(folder, name);
  try {
    const { size, blocks } = await stat(path);
    return [{ path, uuid: PART_NAME.exec(name)?.[1] ?? "", size, allocated: blocks * BLOCK }];
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/**
 * Those that the file system could not hold if they were filled, each with the reason. What the files with OSDs may still grow
 * by is taken first.
 */
export function unheldFiles(files: readonly FileDevice[], freeBytes: number): Map<string, string> {
  let left = files.filter(({ labelled }) => labelled).reduce((rest, file) => rest - growth(file), freeBytes);
  const reasons = new Map<string, string>();
  for (const file of files.filter(({ labelled }) => !labelled)) {
    if (growth(file) <= left) left -= growth(file);
    else
      reasons.set(
        file.path,
        `Insufficient space: it may grow by ${gigabytes(growth(file))}, and its file system has ${gigabytes(Math.max(0, left))} left for it`,
      );
  }
  return reasons;
}

function growth({ size, allocated }: FileDevice): number {
  return Math.max(0, size - allocated);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GB`;
}

/** What is free for others than root below the folder. */
export async function freeBytes(stateDir: string): Promise<number> {
  const { bavail, bsize } = await statfs(deviceFolder(stateDir));
  return bavail * bsize;
}

/** Makes a file device as new: its content is given back to the file system. */
export async function emptyFile(path: string): Promise<void> {
  const { size } = await stat(path);
  const file = await open(path, "r+");
  try {
    await file.truncate(0);
    await file.truncate(size);
    await file.sync();
  } finally {
    await file.close();
  }
}
