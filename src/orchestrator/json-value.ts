/** Looks for what JSON cannot carry, where a schema allows anything. */

import { describeValue, type Issue, type Path } from "./issues.ts";

/** A value nested deeper than this is a mistake, or refers to itself. */
const DEEPEST = 100;

/** Adds an issue for each number that is not exact on the other side, and for each value that is no JSON. */
export function checkJson(value: unknown, path: Path, issues: Issue[], depth = 0): void {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return;
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value))) return;
    // Whole numbers beyond 2^53 that come as floats (1e300) lose nothing as floats, but Python reads them as integers.
    issues.push({
      code: "custom",
      path,
      message: `expected an integer between -(2^53-1) and 2^53-1 or a fraction, got ${describeValue(value)}`,
    });
    return;
  }
  if (typeof value !== "object") {
    issues.push({ code: "custom", path, message: `expected JSON, got ${describeValue(value)}` });
  } else if (depth > DEEPEST) {
    issues.push({ code: "custom", path, message: `expected JSON, got something nested more than ${DEEPEST} deep` });
  } else if (Array.isArray(value)) {
    checkItems(value, path, issues, depth);
  } else if (!isPlain(value)) {
    issues.push({ code: "custom", path, message: `expected JSON, got ${describeValue(value)}` });
  } else {
    checkFields(value, path, issues, depth);
  }
}

function checkItems(items: readonly unknown[], path: Path, issues: Issue[], depth: number): void {
  for (const [index, item] of items.entries()) {
    if (needsLook(item)) checkJson(item, [...path, index], issues, depth + 1);
  }
}

function checkFields(fields: object, path: Path, issues: Issue[], depth: number): void {
  for (const key in fields) {
    const field = (fields as Record<string, unknown>)[key];
    // A field that is undefined is not written at all.
    if (field !== undefined && needsLook(field)) checkJson(field, [...path, key], issues, depth + 1);
  }
}

/** Spares the path of the common cases: 100,000 devices have a million fields. */
function needsLook(value: unknown): boolean {
  return typeof value !== "string" && typeof value !== "boolean" && value !== null && !Number.isSafeInteger(value);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
