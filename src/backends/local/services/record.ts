/** What is kept of each service: what was asked for, and what happened to it. */
import { z } from "zod";

import type { ServiceSpec } from "../../../index.ts";
import type { Site } from "../site.ts";

/** Services' records begin with it. */
export const SERVICES = "services/";

/** A spec was checked by the bridge before it was written. */
const spec = z.custom<ServiceSpec>(
  (value) => typeof value === "object" && value !== null && "service_type" in value,
  "expected a service spec",
);

const event = z.strictObject({ time: z.iso.datetime(), level: z.enum(["INFO", "ERROR"]), message: z.string() });
export type ServiceEvent = z.output<typeof event>;

export const serviceRecord = z.strictObject({
  spec,
  created: z.iso.datetime(),
  /** Its daemons go, and then the record. */
  deleted: z.boolean().default(false),
  /** Digest of the spec for which the settings of the whole service were made. */
  prepared: z.string().nullable().default(null),
  /** The realm that is being made, or was, for an rgw service. */
  realm: z.string().nullable().default(null),
  /** The options that were set for the whole service, to be taken back. */
  settings: z.array(z.strictObject({ who: z.string(), name: z.string() })).default([]),
  events: z.array(event).default([]),
});
export type ServiceRecord = z.output<typeof serviceRecord>;

const EVENTS_KEPT = 5;

/** The records of all services, by service name. */
export function readServices(site: Site): Promise<Map<string, ServiceRecord>> {
  return site.records.list(SERVICES, serviceRecord);
}

/** The record of one service. */
export function readService(site: Site, name: string): Promise<ServiceRecord | undefined> {
  return site.records.get(`${SERVICES}${name}`, serviceRecord);
}

/** Replaces a service's record by what `change` makes of it; null deletes it, undefined leaves it alone. */
export function changeService(
  site: Site,
  name: string,
  change: (record: ServiceRecord | undefined) => z.input<typeof serviceRecord> | null | undefined,
): Promise<ServiceRecord | undefined> {
  return site.records.change(`${SERVICES}${name}`, serviceRecord, change);
}

/** Adds to what happened to a service; said twice in a row it is noted once. */
export function withEvent<Entry extends { events: ServiceEvent[] }>(
  record: Entry,
  level: ServiceEvent["level"],
  message: string,
): Entry {
  const last = record.events.at(-1);
  if (last?.message === message && last.level === level) return record;
  const noted = { time: new Date().toISOString(), level, message };
  return { ...record, events: [...record.events, noted].slice(-EVENTS_KEPT) };
}
