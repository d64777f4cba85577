/** Values that a definition of the schemas allows, and texts of them in which something was changed. */

import fc from "fast-check";
import { bundle, tagged } from "../../src/orchestrator/generated/bundle.ts";
import { anyUnicode, asKey, type JsonText, jsonTexts, reservedNames } from "./json-text.ts";

type Schema = Readonly<Record<string, unknown>>;

const made = new Map<string, fc.Arbitrary<unknown>>();

/** What is valid for a class, `params:METHOD` or `result:METHOD`. */
export function valuesOf(definition: string): fc.Arbitrary<unknown> {
  const known = made.get(definition);
  if (known !== undefined) return known;
  const union = tagged[definition];
  const values =
    union === undefined
      ? valuesFor(bundle.$defs[definition] ?? {})
      : fc.oneof(...Object.entries(union.members).map(([tag, member]) => withTag(valuesOf(member), union.tag, tag)));
  made.set(definition, values);
  return values;
}

function withTag(values: fc.Arbitrary<unknown>, name: string, tag: string): fc.Arbitrary<unknown> {
  return values.map((value) => ({ ...(value as object), [name]: tag }));
}

/** Half of them names that a cluster may well have, so that calls find something. */
const texts = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("h1", "h2", "h3", "osd.0", "mds.a", "nfs.b", "*", "/dev/sdb", "fs1", "0") },
  { weight: 3, arbitrary: fc.string({ maxLength: 10 }) },
  { weight: 1, arbitrary: anyUnicode(4) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("\0", "\ud800", "\u2028", "__proto__", "constructor", "toString", "a".repeat(3000)),
  },
);

const times = fc.constantFrom("2026-01-02T03:04:05.000678Z", "2026-01-02T03:04:05Z", "1970-01-01T00:00:00.000Z");
const fractions = fc.double({ min: -1e6, max: 1e6, noNaN: true }).filter((value) => !Number.isInteger(value));

/** JSON that keeps its digits. */
const anything: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fractions,
    texts,
    fc.array(tie("any"), { maxLength: 3 }),
    fc.dictionary(names(), tie("any"), { maxKeys: 3 }),
  ),
}))["any"];

function names(): fc.Arbitrary<string> {
  return fc
    .oneof(texts, reservedNames)
    .filter((name) => name !== "__proto__")
    .map(asKey);
}

function valuesFor(schema: Schema): fc.Arbitrary<unknown> {
  const { $ref, anyOf, type } = schema;
  if (typeof $ref === "string") return fc.constant(null).chain(() => valuesOf($ref.slice("#/$defs/".length)));
  if (Array.isArray(anyOf)) return fc.oneof(...anyOf.map((each) => valuesFor(each as Schema)));
  if ("const" in schema) return fc.constant(schema["const"]);
  if (Array.isArray(schema["enum"])) return fc.constantFrom(...(schema["enum"] as unknown[]));
  if (Array.isArray(type)) return fc.oneof(...type.map((each) => valuesOfType(each, schema)));
  return type === undefined ? anything : valuesOfType(type, schema);
}

function valuesOfType(type: unknown, schema: Schema): fc.Arbitrary<unknown> {
  const min = Number(schema["minimum"] ?? -1e6);
  const max = Number(schema["maximum"] ?? Math.max(min, 1e6));
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.oneof(fc.integer({ min, max: Math.min(max, min + 5) }), fc.integer({ min, max }));
    case "number":
      return fc
        .double({ min, max, noNaN: true })
        .map((value) => (Number.isInteger(value) ? Math.trunc(value) + 0 : value));
    case "array":
      return fc.array(valuesFor((schema["items"] ?? {}) as Schema), { maxLength: 3 });
    case "object":
      return objectsFor(schema);
    default:
      return textsFor(schema);
  }
}

function textsFor({ format, pattern }: Schema): fc.Arbitrary<string> {
  if (format === "date-time") return times;
  return typeof pattern === "string" ? fc.stringMatching(new RegExp(pattern)) : texts;
}

function objectsFor(schema: Schema): fc.Arbitrary<object> {
  const properties = Object.entries((schema["properties"] ?? {}) as Record<string, Schema>);
  const fields = Object.fromEntries(properties.map(([name, field]) => [name, valuesFor(field)]));
  const requiredKeys = (schema["required"] ?? []) as string[];
  const known = fc.record(fields, { requiredKeys });
  const more = schema["additionalProperties"];
  if (typeof more !== "object" || more === null) return known;
  const others = fc.dictionary(names(), valuesFor(more as Schema), { maxKeys: 3 });
  return fc.tuple(others, known).map(([extra, own]) => ({ ...extra, ...own }));
}

/** Something to do to a value: where, counted through it, what, and with what. */
export interface Change {
  readonly place: number;
  readonly how: "replace" | "add" | "drop";
  readonly key: string;
  readonly value: JsonText;
}

export const changes: fc.Arbitrary<Change> = fc.record({
  place: fc.nat(200),
  how: fc.constantFrom("replace", "replace", "add", "drop"),
  key: fc.oneof(reservedNames, fc.constantFrom("__proto__", "spec", "k".repeat(5000)), fc.string()).map(asKey),
  value: jsonTexts,
});

/** The value as JSON text, changed. */
export function changed(value: unknown, change: Change): string {
  let left = change.place % (placesIn(value) || 1);
  const write = (inner: unknown): string | undefined => {
    if (left-- === 0) return writeChanged(inner, change);
    if (typeof inner !== "object" || inner === null) return JSON.stringify(inner);
    if (Array.isArray(inner)) return `[${inner.map((item: unknown) => write(item) ?? "null").join(",")}]`;
    return braced(Object.entries(inner).map(([key, field]) => [key, write(field)]));
  };
  return write(value) ?? "{}";
}

function writeChanged(inner: unknown, { how, key, value }: Change): string | undefined {
  if (how === "drop") return undefined;
  if (how === "replace" || typeof inner !== "object" || inner === null || Array.isArray(inner)) return value.text;
  return braced([
    ...Object.entries(inner).map(([name, field]) => [name, JSON.stringify(field)] as const),
    [key, value.text],
  ]);
}

function braced(entries: readonly (readonly [string, string | undefined])[]): string {
  const there = entries.filter(([, text]) => text !== undefined);
  return `{${there.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`;
}

function placesIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return 1 + Object.values(value).reduce((sum: number, inner) => sum + placesIn(inner), 0);
}
