/** `ceph orch daemon add osd HOST:FIELD=VALUE,…` hands its values on as text, which Ceph's own backends only print again. */

const NUMBER = /^\d+(?:\.\d+)?$/;
const NUMBERS = ["osds_per_device", "db_slots", "wal_slots", "data_allocate_fraction"];
const FLAGS = ["encrypted", "tpm2"];
/** What Ceph's usage text offers, in small letters. */
const WORDS: Readonly<Record<string, boolean>> = { true: true, false: false, "1": true, "0": false };

/** The params of `create_osds` with numbers and flags where text says them. Anything else is left for the schema to refuse. */
export function withoutText(params: unknown): unknown {
  const group = isObject(params) ? params["drive_group"] : undefined;
  if (!isObject(params) || !isObject(group) || !isObject(group["spec"])) return params;
  const fields = Object.entries(group["spec"]).map(([field, value]) => [field, meant(field, value)] as const);
  return { ...params, drive_group: { ...group, spec: Object.fromEntries(fields) } };
}

function meant(field: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (NUMBERS.includes(field) && NUMBER.test(value)) return Number(value);
  return FLAGS.includes(field) ? (WORDS[value.toLowerCase()] ?? value) : value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
