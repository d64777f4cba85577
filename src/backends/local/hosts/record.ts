/** What is kept about the host itself: its address, its labels, and whether it rests. */
import { z } from "zod";

import { NO_SCHEDULE } from "../../../index.ts";
import type { Site } from "../site.ts";

/** The key of the record. */
const HOST = "host";

const hostRecord = z.strictObject({
  addr: z.string().nullable().default(null),
  labels: z.array(z.string()).default([]),
  location: z.record(z.string(), z.string()).default({}),
  /** True from the command that enters maintenance to the one that leaves it. */
  maintenance: z.boolean().default(false),
  /** The daemons that maintenance stopped; those are started again after it. */
  resting: z.array(z.string()).default([]),
  /** The CRUSH node whose OSDs maintenance marked noout; null when it marked none. */
  noout: z.string().nullable().default(null),
});
export type HostRecord = z.output<typeof hostRecord>;

/** The record, with its defaults where nothing was ever written. */
export async function readHost(site: Site): Promise<HostRecord> {
  return orDefaults(await site.records.get(HOST, hostRecord));
}

/** Replaces the record by what `change` makes of it; undefined leaves it alone. */
export async function changeHost(
  site: Site,
  change: (record: HostRecord) => HostRecord | undefined,
): Promise<HostRecord> {
  return orDefaults(await site.records.change(HOST, hostRecord, (record) => change(orDefaults(record))));
}

/** Whether daemons may be placed on the host: it does not drain. (In maintenance they may be placed, but not started.) */
export function takesDaemons({ labels }: HostRecord): boolean {
  return !labels.includes(NO_SCHEDULE);
}

function orDefaults(record: HostRecord | undefined): HostRecord {
  return record ?? hostRecord.parse({});
}
