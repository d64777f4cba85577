/** What is kept about an upgrade: where it goes, which daemon it is at, and what has to be put back after it. */
import { z } from "zod";

import type { Site } from "../site.ts";

/** The key of the upgrade that is in progress. */
const UPGRADE = "upgrade";
/** The key of what upgrades changed in the cluster and have to put back; it outlives the upgrade. */
const UNDO = "upgrade/undo";

/** The health checks of an upgrade that paused by itself, under the names that operators know. */
export const CHECKS = ["UPGRADE_REDEPLOY_DAEMON", "UPGRADE_NO_STANDBY_MGR"] as const;

const texts = z.array(z.string());

const upgradeRecord = z.strictObject({
  /** Of the write that started it. */
  id: z.string(),
  version: z.string(),
  /** Null: all. */
  types: texts.nullable(),
  services: texts.nullable(),
  hosts: texts.nullable(),
  /** How many daemons there are to restart, at most. */
  total: z.int().min(0),
  /** The daemons that it restarted. */
  done: texts,
  /** Daemons that tell no version: those that are restarted all the same. */
  unversioned: texts,
  paused: z.boolean(),
  /** Why it paused by itself. */
  error: z.strictObject({ check: z.enum(CHECKS), summary: z.string(), detail: z.string() }).nullable(),
  /** The daemon that is being restarted, and what it was before. Only one is at a time. */
  current: z
    .strictObject({
      name: z.string(),
      pid: z.int().nullable(),
      crashes: z.int(),
      since: z.iso.datetime(),
    })
    .nullable(),
  /** How often the active mgr was failed over to one of the new version. */
  failovers: z.int().min(0),
});
export type UpgradeRecord = z.output<typeof upgradeRecord>;
export type UpgradeError = NonNullable<UpgradeRecord["error"]>;

const undoRecord = z.strictObject({
  /** True when an upgrade set the noout flag. */
  noout: z.boolean().default(false),
  /** What file systems had before, by name. */
  filesystems: z
    .record(z.string(), z.strictObject({ max_mds: z.int().nullable(), standby_replay: z.boolean() }))
    .default({}),
});
type UndoRecord = z.output<typeof undoRecord>;

/** The upgrade in progress, paused or not. */
export function readUpgrade(site: Site): Promise<UpgradeRecord | undefined> {
  return site.records.get(UPGRADE, upgradeRecord);
}

/** Changes the upgrade as `Records.change` does, if it is still the one with that id. */
export function changeUpgrade(
  site: Site,
  id: string,
  change: (record: UpgradeRecord) => UpgradeRecord | null | undefined,
): Promise<UpgradeRecord | undefined> {
  return site.records.change(UPGRADE, upgradeRecord, (record) =>
    record === undefined || record.id !== id ? undefined : change(record),
  );
}

/** Begins an upgrade unless there is one; gives the one that is there then. */
export function beginUpgrade(site: Site, begun: UpgradeRecord): Promise<UpgradeRecord | undefined> {
  return site.records.change(UPGRADE, upgradeRecord, (record) => (record === undefined ? begun : undefined));
}

/** Ends whatever upgrade is in progress. */
export function endUpgrade(site: Site): Promise<void> {
  return site.records.delete(UPGRADE, upgradeRecord);
}

export async function readUndo(site: Site): Promise<UndoRecord> {
  return (await site.records.get(UNDO, undoRecord)) ?? undoRecord.parse({});
}

/** Replaces what is to be put back; nothing left deletes the record. */
export async function changeUndo(site: Site, change: (undo: UndoRecord) => UndoRecord): Promise<void> {
  await site.records.change(UNDO, undoRecord, (record) => {
    const after = change(record ?? undoRecord.parse({}));
    if (after.noout || Object.keys(after.filesystems).length > 0) return after;
    return record === undefined ? undefined : null;
  });
}
