/** The host's block devices as the kernel has them: `lsblk`, and what /proc says of mounts and swap. */
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { z } from "zod";

import { codeOf } from "../durable-file.ts";
import { printed, run } from "./programs.ts";

/** What is asked of lsblk. */
const COLUMNS = "NAME,PATH,TYPE,SIZE,ROTA,RO,RM,MODEL,VENDOR,SERIAL,REV,TRAN,FSTYPE,MOUNTPOINT,MAJ:MIN";

const text = z
  .string()
  .nullish()
  .transform((value) => value?.trim() ?? "");
/** Older releases print 0 and 1 as text. */
const flag = z.union([z.boolean(), z.string(), z.number(), z.null()]).transform((value) => Number(value) === 1);
const bytes = z.union([z.number(), z.string(), z.null()]).transform((value) => Number(value ?? 0));

const node = z.object({
  name: z.string(),
  path: z.string(),
  type: z.string(),
  size: bytes,
  rota: flag,
  ro: flag,
  rm: flag,
  model: text,
  vendor: text,
  serial: text,
  rev: text,
  tran: text,
  fstype: text,
  mountpoint: text,
  "maj:min": text,
  get children(): z.ZodOptional<z.ZodArray<typeof node>> {
    return z.array(node).optional();
  },
});

/** A block device, with those that lie on it. */
export type BlockDevice = z.output<typeof node>;

/** What `lsblk -J` printed. */
export function parseLsblk(output: string): BlockDevice[] {
  return z.object({ blockdevices: z.array(node) }).parse(JSON.parse(output)).blockdevices;
}

/** All block devices; on the top level those that lie on no other. */
export async function blockDevices(): Promise<BlockDevice[]> {
  return parseLsblk(printed("lsblk", await run("lsblk", ["--json", "--bytes", "--output", COLUMNS])));
}

/** A device and all that lie on it. */
export function withChildren(device: BlockDevice): BlockDevice[] {
  return [device, ...(device.children ?? []).flatMap(withChildren)];
}

/** Where devices are in use, by MAJOR:MINOR and by path. */
export type Uses = ReadonlyMap<string, string>;

/**
 * What is mounted or swapped to, in the agent's mount namespace and in the one of the host's first process: in a container
 * lsblk sees only the agent's own.
 */
export async function devicesInUse(): Promise<Uses> {
  const uses = new Map<string, string>();
  for (const file of ["/proc/1/mountinfo", "/proc/self/mountinfo"]) {
    for (const [key, point] of parseMountinfo(readOrEmpty(file)))
      if (!uses.has(key)) uses.set(key, `mounted at ${point}`);
  }
  for (const path of parseSwaps(readOrEmpty("/proc/swaps"))) {
    uses.set(path, "used as swap");
    const number = await deviceNumber(path);
    if (number !== undefined) uses.set(number, "used as swap");
  }
  return uses;
}

/** MAJOR:MINOR and the source's path, each with the first place it is mounted at. */
export function parseMountinfo(content: string): Map<string, string> {
  const points = new Map<string, string>();
  for (const line of content.split("\n")) {
    const [head = "", tail = ""] = line.split(" - ");
    const [, , number, , point] = head.split(" ");
    const [, source] = tail.split(" ");
    if (number === undefined || point === undefined || source === undefined) continue;
    for (const key of [number, source])
      if (!key.startsWith("0:") && key !== "none" && !points.has(key)) points.set(key, unescaped(point));
  }
  return points;
}

/** The kernel writes a space as \040. */
function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

export function parseSwaps(content: string): string[] {
  return content
    .split("\n")
    .slice(1)
    .map((line) => line.split(/\s+/)[0] ?? "")
    .filter((path) => path.startsWith("/dev/"));
}

/** How a device or one that lies on it is in use; undefined when it is free. */
export function useOf(device: BlockDevice, uses: Uses): string | undefined {
  for (const { path, mountpoint, "maj:min": number } of withChildren(device)) {
    const use = uses.get(number) ?? uses.get(path) ?? (mountpoint === "" ? undefined : mountUse(mountpoint));
    if (use !== undefined) return path === device.path ? use : `${path} on it is ${use}`;
  }
  return undefined;
}

function mountUse(mountpoint: string): string {
  return mountpoint === "[SWAP]" ? "used as swap" : `mounted at ${mountpoint}`;
}

/** MAJOR:MINOR of a block device; undefined for anything else. */
export async function deviceNumber(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    if (!found.isBlockDevice()) return undefined;
    // As glibc splits a dev_t: 12 bits of major above 8 of minor, the rest of both above those.
    const number = BigInt(found.rdev);
    const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
    const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
    return `${major}:${minor}`;
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ENXIO"].includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}

/** The file behind a loop device; undefined when it has none. */
export function backingFile(name: string): string | undefined {
  const path = readOrEmpty(`/sys/block/${name}/loop/backing_file`).trim();
  return path === "" ? undefined : path;
}

export function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
