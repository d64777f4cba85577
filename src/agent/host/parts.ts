/**
 * Parts of a device, each for one OSD and bearing its uuid: partitions of a disk, files beside a file device. It is how OSDs
 * share a device on a host without LVM.
 */
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { OrchestratorError, ValidationError } from "../../index.ts";
import { programPath } from "../daemon-types.ts";
import type { AgentSettings } from "../settings.ts";
import { type BlockDevice, blockDevices, deviceNumber, readOrEmpty, withChildren } from "./block-devices.ts";
import { eraseDevice } from "./erase.ts";
import { eraseUnused } from "./erase-unused.ts";
import { fileDevices, filePartPath, isFileDevice, makeFilePart } from "./file-devices.ts";
import { settleUdev } from "./holders.ts";
import { osdOwner } from "./osd-folder.ts";
import { type Ended, notInstalled, printed, run } from "./programs.ts";

const MIB = 1024 ** 2;
const SECTOR = 512;
const NODE_MS = 30_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A stretch of a device, from its first byte to the one after its last. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

interface Partition extends Extent {
  readonly number: number;
  readonly name: string;
}

/** A device's partition table, as `parted` reads it. */
export interface Table {
  readonly partitions: readonly Partition[];
  readonly free: readonly Extent[];
}

/** Why a block device cannot be divided by partitions; null where it can. */
export function indivisible({ name, type }: Pick<BlockDevice, "name" | "type">): string | null {
  if (type !== "disk" && type !== "loop") return `its type is ${type}, not disk or loop`;
  if (programPath("parted", undefined) === undefined) return notInstalled("parted");
  if (type === "loop" && readOrEmpty(`/sys/block/${name}/loop/partscan`).trim() !== "1")
    return "the loop device was made without --partscan";
  return null;
}

/** Where parts can still lie between those that are there, in whole MiB. A device without any offers all of it. */
export function gapsBetween(size: number, taken: readonly Extent[]): number[] {
  // The table has its place before the first MiB and a copy at the end.
  const last = Math.floor(size / MIB) * MIB - MIB;
  const sorted = [...taken].sort((one, other) => one.start - other.start);
  const bounds = [MIB, ...sorted.map(({ end }) => Math.ceil(end / MIB) * MIB)];
  const ends = [...sorted.map(({ start }) => start), last];
  return bounds.map((start, index) => Math.floor(((ends[index] ?? 0) - start) / MIB) * MIB).filter((gap) => gap >= MIB);
}

/** Where the kernel says that the partitions of a disk lie. */
export function partitionExtents(device: BlockDevice): Extent[] {
  return (device.children ?? []).map(({ name }) => kernelExtent(name));
}

function kernelExtent(name: string): Extent {
  const folder = `/sys/class/block/${name}`;
  const start = Number(readOrEmpty(`${folder}/start`)) * SECTOR;
  return { start, end: start + Number(readOrEmpty(`${folder}/size`)) * SECTOR };
}

/** What `parted --machine DEVICE unit B print free` printed. */
export function parseTable(output: string): Table {
  const rows = output
    .split("\n")
    .slice(2)
    .map((line) => line.replace(/;$/, "").split(":"))
    .filter((row) => row.length >= 5);
  const extent = (row: readonly string[]): Extent => ({ start: bytesIn(row[1]), end: bytesIn(row[2]) + 1 });
  const isFree = (row: readonly string[]): boolean => row[4] === "free";
  return {
    partitions: rows
      .filter((row) => !isFree(row))
      .map((row) => ({ ...extent(row), number: Number(row[0]), name: row[5] ?? "" })),
    free: rows.filter(isFree).map(extent),
  };
}

function bytesIn(text = ""): number {
  return Number(text.replace(/B$/, ""));
}

/** Undefined where the device has none of the kind that is made here. */
async function tableOf(path: string): Promise<Table | undefined> {
  if (programPath("parted", undefined) === undefined) return undefined;
  const ended = await parted(path, "--machine", ["unit", "B", "print", "free"]);
  if (/unrecognised disk label/.test(`${ended.stderr}${ended.stdout}`)) return undefined;
  const output = printed("parted", ended);
  return output.split("\n")[1]?.split(":")[5] === "gpt" ? parseTable(output) : undefined;
}

async function parted(path: string, mode: "--machine" | "--align=none", words: readonly string[]): Promise<Ended> {
  const ended = await run("parted", ["--script", mode, path, ...words]);
  if (mode === "--align=none") await settleUdev(); // it wrote
  return ended;
}

async function partitionOf(device: string, uuid: string): Promise<Partition | undefined> {
  return (await tableOf(device))?.partitions.find(({ name }) => name === uuid);
}

/** Whether an OSD has a part of a device, be it that the kernel does not know it yet. */
export async function hasPart(settings: AgentSettings, device: string, uuid: string): Promise<boolean> {
  if (isFileDevice(settings.stateDir, device)) return (await partOf(settings, device, uuid)) !== undefined;
  return (await partitionOf(device, uuid)) !== undefined;
}

/** The path of an OSD's part of a device; undefined where it has none. */
export async function partOf(settings: AgentSettings, device: string, uuid: string): Promise<string | undefined> {
  if (isFileDevice(settings.stateDir, device)) {
    const found = (await fileDevices(settings.stateDir)).find(({ path }) => path === device);
    return found?.parts.find((part) => part.uuid === uuid)?.path;
  }
  const partition = await partitionOf(device, uuid);
  return partition === undefined ? undefined : node(device, partition);
}

/** Makes a part of so many bytes. What is on the device has been looked at before. */
export async function makePart(settings: AgentSettings, device: string, uuid: string, size: number): Promise<string> {
  if (isFileDevice(settings.stateDir, device)) return makePartOfFile(settings, device, uuid, size);
  const table = await tableOf(device);
  if (table === undefined && (await partsBelow(settings, device)).length > 0)
    throw new ValidationError(`${device} has partitions for the kernel, and no table that can be read`);
  const length = Math.floor(size / MIB) * MIB;
  const start = table === undefined ? MIB : placeFor(table, length);
  if (start === undefined || length === 0)
    throw new ValidationError(`${device} has no room for a part of ${size} bytes any more`);
  const label = table === undefined ? ["mklabel", "gpt"] : [];
  const words = [...label, "unit", "B", "mkpart", uuid, `${start}B`, `${start + length - 1}B`];
  const ended = await parted(device, "--align=none", words);
  const partition = await partitionOf(device, uuid);
  if (partition !== undefined) return node(device, partition);
  printed("parted", { ...ended, code: ended.code || 1 });
  throw new OrchestratorError(`parted made no partition on ${device}`);
}

/** The first place of that length, at a whole MiB. */
function placeFor({ free }: Table, length: number): number | undefined {
  return free
    .map(({ start, end }) => ({ start: Math.ceil(start / MIB) * MIB, end }))
    .find(({ start, end }) => end - start >= length)?.start;
}

async function makePartOfFile(settings: AgentSettings, device: string, uuid: string, size: number): Promise<string> {
  const found = (await fileDevices(settings.stateDir)).find(({ path }) => path === device);
  const taken = found?.parts.reduce((sum, part) => sum + part.size, 0) ?? 0;
  if (found === undefined || found.size - taken < size)
    throw new ValidationError(`${device} has no room for a part of ${size} bytes any more`);
  return makeFilePart(device, uuid, size, osdOwner(settings));
}

/** Takes an OSD's part away, and the table with the last one. */
export async function dropPart(settings: AgentSettings, device: string, uuid: string): Promise<void> {
  if (isFileDevice(settings.stateDir, device)) {
    const file = await partOf(settings, device, uuid);
    if (file !== undefined) await eraseUnused(settings, file, uuid);
    return rm(filePartPath(device, uuid), { force: true });
  }
  const table = await tableOf(device);
  const part = table?.partitions.find(({ name }) => name === uuid);
  if (part !== undefined) {
    const path = nodePath(device, part.number);
    if ((await deviceNumber(path)) !== undefined) {
      if (!isSame(path, part)) throw new OrchestratorError(notSame(path, device));
      await eraseUnused(settings, path, uuid);
    }
    printed("parted", await parted(device, "--align=none", ["rm", String(part.number)]));
  }
  const others = table?.partitions.filter((other) => other !== part) ?? [];
  if (table !== undefined && others.length === 0) await eraseDevice(settings, device);
}

/**
 * Refuses a device that holds more than parts of OSDs. A table that is empty comes from an attempt that was interrupted.
 * Gives whether there is one.
 */
export async function checkDivided(device: BlockDevice): Promise<boolean> {
  const { path, children = [] } = device;
  const table = await tableOf(path);
  const stranger = table?.partitions.find(({ name }) => !UUID.test(name));
  if (stranger !== undefined) throw new ValidationError(`${path} has partitions that are none of an OSD: zap it first`);
  const other = children.find(({ type }) => type !== "part");
  if (other !== undefined) throw new ValidationError(`${path} is in use: ${other.path} (${other.type}) is on it`);
  return table !== undefined;
}

/** The node of a partition, which the kernel or udev makes a moment later. */
async function node(device: string, partition: Partition): Promise<string> {
  const path = nodePath(device, partition.number);
  const until = performance.now() + NODE_MS;
  for (;;) {
    const appeared = (await deviceNumber(path)) !== undefined;
    if (appeared && isSame(path, partition)) return path;
    if (performance.now() > until)
      throw new OrchestratorError(
        appeared
          ? notSame(path, device)
          : `${path} did not appear after ${device} was divided: does the kernel see its partitions?`,
      );
    await pause(50);
  }
}

function nodePath(device: string, number: number): string {
  return `${device}${/\d$/.test(device) ? "p" : ""}${number}`;
}

/** Whether the kernel's partition lies where the table has it: the kernel may have read another table. */
function isSame(path: string, { start, end }: Extent): boolean {
  const kernel = kernelExtent(basename(path));
  return kernel.start === start && kernel.end === end;
}

function notSame(path: string, device: string): string {
  return `${path} does not lie where the table of ${device} says: has the kernel read the table?`;
}

/** Everything on a device beside itself, by path. */
export async function partsBelow(settings: AgentSettings, path: string): Promise<string[]> {
  if (isFileDevice(settings.stateDir, path))
    return (
      (await fileDevices(settings.stateDir)).find((file) => file.path === path)?.parts.map((part) => part.path) ?? []
    );
  const found = (await blockDevices()).flatMap(withChildren).find((device) => device.path === path);
  return found === undefined
    ? []
    : withChildren(found)
        .slice(1)
        .map((device) => device.path);
}
