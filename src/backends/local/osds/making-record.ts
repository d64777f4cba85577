/** What is kept of an OSD from the decision to make it until its daemon is deployed, so that nothing is made twice or left half. */
import { z } from "zod";

/** The key prefix. */
export const MAKING = "making/";

export const making = z.strictObject({
  data: z.string(),
  block_db: z.string().nullable(),
  block_wal: z.string().nullable(),
  /** Bytes of the part that it gets of a device; null for all of it. */
  data_size: z.int().nullable().default(null),
  db_size: z.int().nullable().default(null),
  wal_size: z.int().nullable().default(null),
  method: z.enum(["lvm", "raw", "file"]),
  encrypted: z.boolean(),
  device_class: z.string().nullable(),
  /** Ceph options of the new daemon. */
  config: z.record(z.string(), z.string()),
  /** Such as `osd.default`, and the id in it. */
  service: z.string(),
  spec_id: z.string(),
  /** Chosen before the monitors are asked for an id, so that asking again gives the same one. */
  osd_uuid: z.guid(),
  /** Null until the monitors gave one. */
  osd_id: z.int().min(0).nullable(),
  /** The id is one that a destroyed OSD left; its place in the CRUSH map is kept. */
  claimed: z.boolean(),
  /** Asked for once: when it fails it is undone. Else its spec asks for it again. */
  once: z.boolean(),
});
export type Making = z.output<typeof making>;
