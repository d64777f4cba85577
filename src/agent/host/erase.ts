/** Making a device empty: of labels, of file systems' and partition tables' marks, and of what ceph-volume made on it. */
import { open } from "node:fs/promises";
import { z } from "zod";

import type { AgentSettings } from "../settings.ts";
import { emptyFile, isFileDevice } from "./file-devices.ts";
import { checkNotTaken, settleUdev } from "./holders.ts";
import { printed, run } from "./programs.ts";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** At the beginning, the end and wherever Squid and later keep copies of BlueStore's label. */
const LABEL_PLACES = [0, GIB, 10 * GIB, 100 * GIB, 1000 * GIB];
const HEAD = 10 * MIB;

const signature = z.object({ offset: z.string(), type: z.string() });
const wipefs = z.object({ signatures: z.array(signature) });

/** What is on a device by its marks: `ext4`, `LVM2_member`, `gpt`. */
export async function signatures(path: string): Promise<string[]> {
  return parseSignatures(printed("wipefs", await run("wipefs", ["--json", path])));
}

/** What `wipefs --json` printed: nothing for an empty device. */
export function parseSignatures(output: string): string[] {
  if (output.trim() === "") return [];
  return [...new Set(wipefs.parse(JSON.parse(output)).signatures.map(({ type }) => type))];
}

/** Takes away everything by which anybody would know what was on it. Its other content stays where it is. Refuses what is taken. */
export async function eraseDevice(settings: AgentSettings, path: string): Promise<void> {
  if (isFileDevice(settings.stateDir, path)) return emptyFile(path);
  await checkNotTaken(path);
  printed("wipefs", await run("wipefs", ["--all", "--force", path]));
  await settleUdev();
  await zeroLabels(path);
}

async function zeroLabels(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { size } = await sizeOf(path);
    const zeros = Buffer.alloc(MIB);
    const write = async (from: number, to: number): Promise<void> => {
      for (let at = from; at < Math.min(to, size); at += MIB) {
        const length = Math.min(MIB, size - at);
        await file.write(zeros, 0, length, at);
      }
    };
    for (const place of LABEL_PLACES) await write(place, place + (place === 0 ? HEAD : MIB));
    await write(Math.max(0, size - HEAD), size);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A block device has no size for stat: it is where its end is. */
async function sizeOf(path: string): Promise<{ size: number }> {
  const text = printed("lsblk", await run("lsblk", ["--bytes", "--nodeps", "--noheadings", "--output", "SIZE", path]));
  return { size: Number(text.trim()) };
}
