/** The queue of removals: what is kept of an OSD from the wish to remove it until nothing of it is left. */
import { z } from "zod";

import type { OsdRemovalStatus } from "../../../index.ts";

/** The key prefix; the OSD's id follows. */
export const REMOVALS = "removals/";

const time = z.iso.datetime().nullable();

export const removal = z.strictObject({
  osd_id: z.int().min(0),
  /** Tells it from one that takes over its id; null for one that is in no map. */
  osd_uuid: z.guid().nullable(),
  hostname: z.string(),
  replace: z.boolean(),
  force: z.boolean(),
  zap: z.boolean(),
  no_destroy: z.boolean(),
  /** The paths of its devices: they are not known any more once it is gone. */
  devices: z.array(z.string()),
  /**
   * - `queued`: nothing was changed yet.
   * - `draining`: it gets no data any more, and what it has moves away.
   * - `stopping`: nothing depends on it; its daemon is being stopped, after which that is looked at again.
   * - `destroying`: decided; from here on there is no way back.
   * - `restoring`: the removal was stopped; its former weight is being put back.
   */
  step: z.enum(["queued", "draining", "stopping", "destroying", "restoring"]),
  /** Its CRUSH weight, and what `osd in` or `osd reweight` had set, before the drain. */
  former: z.object({ crush: z.number(), weight: z.number() }).nullable(),
  /** The start (`up_from` of the OSD map) since which it was seen to hold nothing; while it is the same, it got nothing. */
  emptied: z.int().nullable(),
  /** How many placement groups it had at first. */
  first_pgs: z.int().nullable(),
  drain_started_at: time,
  drain_stopped_at: time,
  drain_done_at: time,
  process_started_at: z.iso.datetime(),
  /** Since when a forced removal was seen to make nothing unavailable; null while it would. */
  harmless_since: time,
  /** Its daemon was stopped for the removal, so a removal that is stopped starts it again. */
  halted: z.boolean(),
  /** Since when its daemon is seen as down by the monitors, for the last look. */
  down_at: time,
  /** Since when its devices could not be erased. From then on its id is free. */
  erase_failed_at: time.default(null),
  /** Why it does not go on, in the words of the last round. */
  waits_for: z.string().nullable(),
});
export type Removal = z.output<typeof removal>;

export interface RemovalFlags {
  readonly replace: boolean;
  readonly force: boolean;
  readonly zap: boolean;
  readonly no_destroy: boolean;
}

/** For one that goes on from before its daemon was stopped: all is looked at anew. */
export const NOTHING_SEEN = { emptied: null, harmless_since: null, drain_done_at: null, down_at: null } as const;

/** A new entry of the queue. */
export function newRemoval(
  osd: Pick<Removal, "osd_id" | "osd_uuid" | "hostname" | "devices">,
  flags: RemovalFlags,
): Removal {
  return {
    ...osd,
    ...flags,
    step: "queued",
    ...NOTHING_SEEN,
    former: null,
    first_pgs: null,
    drain_started_at: null,
    drain_stopped_at: null,
    process_started_at: new Date().toISOString(),
    halted: false,
    erase_failed_at: null,
    waits_for: null,
  };
}

/** As `ceph orch osd rm status` shows it. `pgs` is -1 where it is not known. */
export function statusRow(record: Removal, pgs: number): OsdRemovalStatus {
  const { osd_id, hostname, replace, force, zap, drain_started_at, drain_stopped_at, drain_done_at } = record;
  return {
    osd_id,
    hostname,
    drain_status: drainStatus(record),
    pg_count: pgs,
    replace,
    force,
    zap,
    started: true,
    draining: record.step === "draining" && record.drain_done_at === null,
    stopped: record.step === "destroying",
    drain_started_at,
    drain_stopped_at,
    drain_done_at,
    process_started_at: record.process_started_at,
  };
}

function drainStatus({ step, waits_for: reason }: Removal): string {
  if (step === "draining") return "draining";
  const text = step === "queued" ? "started" : "done, waiting for purge";
  return reason === null ? text : `${text}, ${reason}`;
}

/** How far it is, from 0 to 1, with what is being done; a share of it is the drain, by placement groups. */
export function progressOf(record: Removal, pgs: number): readonly [fraction: number, text: string] {
  const name = `osd.${record.osd_id}`;
  if (record.step === "queued")
    return [0, record.waits_for === null ? `${name} waits to be drained` : `${name}: ${record.waits_for}`];
  if (record.step !== "draining")
    return [0.9, `${name} is being removed${record.waits_for === null ? "" : `: ${record.waits_for}`}`];
  const first = Math.max(1, record.first_pgs ?? pgs);
  const moved = pgs < 0 ? 0 : Math.min(1, Math.max(0, 1 - pgs / first));
  const what =
    pgs > 0 ? `${pgs} placement groups are still on ${name}` : (record.waits_for ?? "the data on it is still needed");
  return [0.8 * moved, `draining ${name}: ${what}`];
}
