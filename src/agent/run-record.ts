/** What is known of a daemon beside the manifest: its process, and what happened to it. Lost, it is found out again. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

import { writeDurably } from "./durable-file.ts";
import type { DaemonName } from "./protocol.ts";

const event = z.strictObject({ time: z.iso.datetime(), level: z.enum(["INFO", "ERROR"]), message: z.string() });

const record = z.strictObject({
  process: z
    .strictObject({
      pid: z.int(),
      /** Field 22 of /proc/PID/stat. */
      start: z.int(),
      boot_id: z.string(),
      argv: z.array(z.string()),
      started: z.iso.datetime(),
      /** Where in the file of its output this run began. */
      output_from: z.int(),
    })
    .nullable(),
  crashes: z.int(),
  last_exit: z.string().nullable(),
  events: z.array(event),
});

export type DaemonEvent = z.output<typeof event>;
export type RunRecord = z.output<typeof record>;

/** Of a daemon that never ran. */
export const NEVER_RAN: RunRecord = { process: null, crashes: 0, last_exit: null, events: [] };

function pathOf(stateDir: string, name: DaemonName): string {
  return join(stateDir, "run", `${name}.json`);
}

/** One that cannot be read counts as none: the process is then found by its mark. */
export function readRunRecord(stateDir: string, name: DaemonName): RunRecord {
  try {
    return record.parse(JSON.parse(readFileSync(pathOf(stateDir, name), "utf8")));
  } catch {
    return NEVER_RAN;
  }
}

export async function writeRunRecord(stateDir: string, name: DaemonName, value: RunRecord): Promise<void> {
  mkdirSync(join(stateDir, "run"), { recursive: true, mode: 0o750 });
  await writeDurably(pathOf(stateDir, name), `${JSON.stringify(value)}\n`, 0o600);
}

export function deleteRunRecord(stateDir: string, name: DaemonName): void {
  rmSync(pathOf(stateDir, name), { force: true });
}
