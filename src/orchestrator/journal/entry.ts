/** A journal entry and how it stands in the monitors' key-value store: one head key, and parts of what is too long for it. */
import { createHash } from "node:crypto";
import type * as Zlib from "node:zlib";
import { messageOf, OrchestratorError } from "../errors.ts";
import { withoutSecrets } from "../secrets.ts";

/** All keys of the journal begin so (below `mgr/orchbridge/`). */
export const PREFIX = "op/";

const VERSION = 1;
/** Monitors keep no more bytes of one value; the rest of a head is small. */
const VALUE_BYTES = 65_536;
const PART_BYTES = 60_000;
const MOST_PARTS = 64;
const MOST_INFLATED = 64 * 1024 * 1024;
const TITLE_CHARACTERS = 300;
const ERROR_CHARACTERS = 1_000;

/** A write from persistent to effective, as it stands in the journal. */
export interface Entry {
  /** The wire call id. */
  readonly id: string;
  /** The order in which writes became persistent. */
  readonly n: number;
  /** When it became persistent. */
  readonly at: string;
  /** The load of the mgr module that wrote it. */
  readonly owner: string;
  readonly backend: string;
  /** The backend's method and its params: what is called again after a restart. */
  readonly method: string;
  readonly params: object;
  /** What the caller was answered. */
  readonly result: unknown;
  readonly title: string;
  /** Why its second stage failed; null while it is unfinished. */
  readonly error: string | null;
}

/** What the store holds of an entry that cannot be used. */
export interface UnreadableEntry {
  readonly id: string;
  readonly problem: string;
}

/** An entry as keys and values, in the order in which they are written: the head comes last. */
export function encodeEntry(entry: Entry): [key: string, value: string][] {
  const { params, result, ...open } = entry;
  // Packed, so that a listing of the store shows no password of a spec in clear; that is no encryption.
  const packed = zlib().deflateRawSync(JSON.stringify({ params, result })).toString("base64");
  const head = {
    v: VERSION,
    ...open,
    title: withoutSecrets(entry.title).slice(0, TITLE_CHARACTERS),
    error: entry.error === null ? null : withoutSecrets(entry.error).slice(0, ERROR_CHARACTERS),
    sum: sumOf(packed),
  };
  const whole = JSON.stringify({ ...head, data: packed });
  if (Buffer.byteLength(whole) <= VALUE_BYTES) return [[headKey(entry.id), whole]];
  const parts = Math.ceil(packed.length / PART_BYTES);
  if (parts > MOST_PARTS) {
    throw new OrchestratorError(
      `${entry.method}: its parameters take ${packed.length} bytes in the journal, where ${MOST_PARTS * PART_BYTES} have room; split it`,
    );
  }
  const values = Array.from({ length: parts }, (_, index): [string, string] => [
    `${headKey(entry.id)}/${index + 1}`,
    packed.slice(index * PART_BYTES, (index + 1) * PART_BYTES),
  ]);
  return [...values, [headKey(entry.id), JSON.stringify({ ...head, parts })]];
}

/** The id of the entry that a key belongs to. */
export function idOfKey(key: string): string {
  const [name = ""] = key.slice(PREFIX.length).split("/", 1);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** What the store holds, in the order in which it was written. `orphans` are parts whose head never came to be. */
export function decodeEntries(stored: Readonly<Record<string, string>>): {
  entries: Entry[];
  unreadable: UnreadableEntry[];
  orphans: string[];
} {
  const entries: Entry[] = [];
  const unreadable: UnreadableEntry[] = [];
  const orphans: string[] = [];
  for (const [key, value] of Object.entries(stored)) {
    const [name = "", part] = key.slice(PREFIX.length).split("/", 2);
    if (part !== undefined) {
      if (stored[`${PREFIX}${name}`] === undefined) orphans.push(key);
      continue;
    }
    try {
      entries.push(decodeEntry(key, value, stored));
    } catch (error) {
      unreadable.push({ id: idOfKey(key), problem: messageOf(error) });
    }
  }
  return { entries: entries.toSorted((a, b) => a.n - b.n || (a.at < b.at ? -1 : 1)), unreadable, orphans };
}

function decodeEntry(key: string, value: string, stored: Readonly<Record<string, string>>): Entry {
  const head = readObject(value, "the entry");
  if (head["v"] !== VERSION)
    throw new Error(`it is of version ${String(head["v"])}, and this orchbridge reads ${VERSION}`);
  const packed = typeof head["data"] === "string" ? head["data"] : joinParts(key, head["parts"], stored);
  if (sumOf(packed) !== head["sum"]) throw new Error("its parameters are damaged: the checksum differs");
  const inflated = zlib()
    .inflateRawSync(Buffer.from(packed, "base64"), { maxOutputLength: MOST_INFLATED })
    .toString("utf8");
  const { params, result } = readObject(inflated, "its data");
  if (typeof params !== "object" || params === null) throw new Error("its parameters are no object");
  const { n, error } = head;
  if (typeof n !== "number") throw new Error("n: expected a number");
  return {
    id: text(head, "id"),
    n,
    at: text(head, "at"),
    owner: text(head, "owner"),
    backend: text(head, "backend"),
    method: text(head, "method"),
    title: text(head, "title"),
    error: error === null ? null : text(head, "error"),
    params,
    result,
  };
}

function joinParts(key: string, parts: unknown, stored: Readonly<Record<string, string>>): string {
  if (typeof parts !== "number" || !(parts >= 1 && parts <= MOST_PARTS))
    throw new Error(`parts: expected 1 to ${MOST_PARTS}`);
  return Array.from({ length: parts }, (_, index) => {
    const part = stored[`${key}/${index + 1}`];
    if (part === undefined) throw new Error(`its part ${index + 1} of ${parts} is missing`);
    return part;
  }).join("");
}

function readObject(json: string, what: string): Record<string, unknown> {
  const value: unknown = JSON.parse(json);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${what} is no JSON object`);
  return value as Record<string, unknown>;
}

function text(head: Record<string, unknown>, name: string): string {
  const value = head[name];
  if (typeof value !== "string") throw new Error(`${name}: expected a string`);
  return value;
}

function headKey(id: string): string {
  return PREFIX + encodeURIComponent(id);
}

function sumOf(packed: string): string {
  return createHash("sha256").update(packed).digest("hex").slice(0, 16);
}

/** Loaded when an operation is kept for the first time: an idle process should be small. */
function zlib(): typeof Zlib {
  return process.getBuiltinModule("node:zlib");
}
