/** What two answers to one question may differ in, and what not. */

import { isObject } from "../../rpc/message.ts";

/** The fields that differ from run to run, by name; all else must be the same. docs/recordings.md lists them. */
const VOLATILE: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  { name: "time", pattern: /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?/g },
  { name: "log id", pattern: /(?<=\blog id )[0-9a-f]{8}\b/g },
  { name: "stack", pattern: /\n {4}at [^]*$/g },
];

/** Fields that are volatile as a whole: which events of a service are noted already, and in which order, is a matter of moments. */
const VOLATILE_FIELDS: readonly string[] = ["events"];

/** The value with each volatile part replaced by its name. */
export function steady(value: unknown): unknown {
  if (typeof value === "string")
    return VOLATILE.reduce((text, { name, pattern }) => text.replace(pattern, `[${name}]`), value);
  if (Array.isArray(value)) return value.map(steady);
  if (!isObject(value)) return value;
  const fields = Object.entries(value).filter(([key]) => !VOLATILE_FIELDS.includes(key));
  return Object.fromEntries(fields.map(([key, item]) => [key, steady(item)]));
}

/** Where a value differs from what was recorded: at most `most` places, each in one line. */
export function differences(recorded: unknown, now: unknown, most = 5): string[] {
  const found: string[] = [];
  compare(steady(recorded), steady(now), "", (line) => {
    if (found.length < most) found.push(line);
  });
  return found;
}

function compare(recorded: unknown, now: unknown, path: string, tell: (line: string) => void): void {
  if (Array.isArray(recorded) && Array.isArray(now)) {
    if (recorded.length !== now.length)
      tell(`${path || "the list"}: ${recorded.length} items recorded, ${now.length} now`);
    for (let at = 0; at < Math.min(recorded.length, now.length); at += 1)
      compare(recorded[at], now[at], `${path}[${at}]`, tell);
  } else if (isObject(recorded) && isObject(now)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(now)]))
      compare(recorded[key], now[key], path === "" ? key : `${path}.${key}`, tell);
  } else if (recorded !== now) {
    tell(`${path || "the answer"}: ${shown(recorded)} recorded, ${shown(now)} now`);
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
