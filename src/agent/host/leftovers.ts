/** What interrupted attempts of ceph-volume leave: uuids that the monitors gave numbers to, and half made folders. */
import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";

import { OrchestratorError } from "../../index.ts";
import { codeOf, writeDurably } from "../durable-file.ts";
import type { AgentSettings } from "../settings.ts";
import { holdersOf } from "./holders.ts";
import { readLabel } from "./labels.ts";
import { osdFolder, removeUnfinished } from "./osd-folder.ts";
import { killSession } from "./programs.ts";

const attempt = z.strictObject({
  block: z.string(),
  /** What ceph-volume prints. While it runs, this file is its stdout. */
  log: z.string(),
  until: z.iso.datetime(),
});

const content = z.strictObject({ uuids: z.array(z.string()), attempt: attempt.nullable() });
type Content = z.output<typeof content>;

/** How long one OSD may take to be made. */
export const ATTEMPT_MS = 600_000;

function fileOf(settings: AgentSettings): string {
  return join(settings.stateDir, "osd-leftovers.json");
}

async function read(settings: AgentSettings): Promise<Content> {
  let text: string;
  try {
    text = await readFile(fileOf(settings), "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { uuids: [], attempt: null };
    throw error;
  }
  try {
    return content.parse(JSON.parse(text));
  } catch (cause) {
    throw new OrchestratorError(`${fileOf(settings)} cannot be used: ${String(cause)}`, { cause });
  }
}

async function write(settings: AgentSettings, next: Content): Promise<void> {
  await writeDurably(fileOf(settings), `${JSON.stringify(next)}\n`, 0o600);
}

/** Notes an attempt before ceph-volume starts; gives the file for what it prints. */
export async function beginAttempt(settings: AgentSettings, block: string): Promise<string> {
  const folder = join(settings.stateDir, "log");
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const log = join(folder, `ceph-volume.${basename(block)}.log`);
  const until = new Date(Date.now() + ATTEMPT_MS).toISOString();
  await write(settings, { ...(await read(settings)), attempt: { block, log, until } });
  return log;
}

/**
 * Brings the last attempt to an end: waits for ceph-volume if it outlived the agent, and keeps the uuid it gave to the
 * monitors unless there is a finished OSD of that uuid now.
 */
export async function settleAttempt(settings: AgentSettings): Promise<void> {
  const { attempt: last } = await read(settings);
  if (last === null) return;
  await ended(last.log, new Date(last.until));
  await settle(settings);
}

async function settle(settings: AgentSettings): Promise<void> {
  const { uuids, attempt: last } = await read(settings);
  if (last === null) return;
  const text = await readFile(last.log, "utf8").catch(() => "");
  const { uuid, osdId } = parseAttempt(text);
  const label = await readLabel(last.block).catch(() => undefined);
  const finished = label?.complete === true && label.osdUuid === uuid;
  if (!finished && osdId !== undefined) await removeUnfinished(osdFolder(settings, osdId));
  const kept = uuid === undefined || finished ? uuids : [...new Set([...uuids, uuid])];
  await write(settings, { uuids: kept, attempt: null });
}

/** The uuid that ceph-volume was about to give to the monitors, and the number it got. */
export function parseAttempt(text: string): { uuid: string | undefined; osdId: number | undefined } {
  const id = /\/osd\/ceph-(\d+)\//.exec(text)?.[1];
  return {
    uuid: /^Running command: .* osd new ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/m.exec(text)?.[1],
    osdId: id === undefined ? undefined : Number(id),
  };
}

/** The uuids that no OSD has; those named in `forget` are dropped. An attempt that still runs is not one yet. */
export async function leftovers(settings: AgentSettings, forgotten: readonly string[]): Promise<string[]> {
  const { attempt: last } = await read(settings);
  if (last !== null && (await writersOf(last.log)).length === 0) await settle(settings);
  await forget(settings, forgotten);
  return (await read(settings)).uuids;
}

/** Drops uuids. */
export async function forget(settings: AgentSettings, forgotten: readonly string[]): Promise<void> {
  const present = await read(settings);
  const uuids = present.uuids.filter((uuid) => !forgotten.includes(uuid));
  if (uuids.length < present.uuids.length) await write(settings, { ...present, uuids });
}

/** Whether an attempt of ours gave this uuid to the monitors and came to nothing. */
export async function isLeftover(settings: AgentSettings, uuid: string): Promise<boolean> {
  return (await read(settings)).uuids.includes(uuid);
}

async function ended(log: string, until: Date): Promise<void> {
  for (;;) {
    const writers = await writersOf(log);
    if (writers.length === 0) return;
    if (Date.now() > until.getTime()) for (const pid of writers) killSession(pid);
    await pause(100);
  }
}

/** The processes whose stdout is that file: a pid noted beforehand would be lost if the agent died before noting it. */
async function writersOf(log: string): Promise<number[]> {
  const holders = await holdersOf(log);
  return holders.filter(({ descriptor }) => descriptor === "1").map(({ pid }) => pid);
}
