/** Makes values fit for a log: no secrets, bounded in size. */

import { HIDDEN, isSecretName } from "../orchestrator/secrets.ts";

const longestText = 4096;
const longestList = 50;
const deepest = 6;

/** A copy of the values in which secrets are replaced by name, and long texts and lists are cut. */
export function printable(values: object | undefined): Record<string, unknown> {
  if (values === undefined) return {};
  const copy = copyOf(values, deepest);
  return typeof copy === "object" && copy !== null && !Array.isArray(copy) ? { ...copy } : { values: copy };
}

function copyOf(value: unknown, depth: number): unknown {
  if (typeof value === "string")
    return value.length > longestText ? `${value.slice(0, longestText)}… (${value.length} characters)` : value;
  if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function")
    return String(value).slice(0, 100);
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return "…";
  if (value instanceof Error) return copyOfError(value, depth);
  if (Array.isArray(value)) {
    const items = value.slice(0, longestList).map((item) => copyOf(item, depth - 1));
    return value.length > longestList ? [...items, `… (${value.length} items)`] : items;
  }
  const entries = Object.entries(value).slice(0, longestList);
  return Object.fromEntries(
    entries.map(([key, item]) => [key, isSecretName(key) && item !== null ? HIDDEN : copyOf(item, depth - 1)]),
  );
}

function copyOfError(error: Error, depth: number): object {
  return {
    type: error.name,
    message: copyOf(error.message, depth - 1),
    stack: copyOf(error.stack, depth - 1),
    ...(error.cause === undefined ? {} : { cause: copyOf(error.cause, depth - 1) }),
  };
}
