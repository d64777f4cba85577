/** JSON texts together with what they mean, built side by side: what a decoder must make of a text does not come from a decoder. */

import fc from "fast-check";

export interface JsonText {
  readonly text: string;
  /** What the text says; of no use with `refused`. */
  readonly value: unknown;
  /** It holds what must not cross: an unsafe integer, a number beyond all bounds, a key `__proto__`. */
  readonly refused: boolean;
  /** Levels of objects and lists. */
  readonly height: number;
}

function scalar(text: string, value: unknown, refused = false): JsonText {
  return { text, value, refused, height: 0 };
}

const words = fc.constantFrom(scalar("null", null), scalar("true", true), scalar("false", false));

const hostileNumbers = fc.constantFrom(
  scalar("-0", -0),
  scalar("9007199254740991", 9007199254740991),
  scalar("-9007199254740991", -9007199254740991),
  scalar("1e300", 1e300),
  scalar("1E+2", 100),
  scalar("5e-324", 5e-324),
  scalar("1e-400", 0),
  scalar("9007199254740993.0", 9007199254740992),
  scalar("12345678901234567.5", 12345678901234568),
  scalar("9007199254740992", 0, true),
  scalar("-9007199254740993", 0, true),
  scalar("1e400", 0, true),
  scalar("-1e400", 0, true),
  scalar("9".repeat(400), 0, true),
);

const numbers = fc.oneof(
  { weight: 4, arbitrary: fc.integer().map((value) => scalar(String(value), value)) },
  {
    weight: 2,
    arbitrary: fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((value) => !Number.isInteger(value))
      .map((value) => scalar(String(value), value)),
  },
  { weight: 1, arbitrary: hostileNumbers },
);

/** Texts of any code points, halves of surrogate pairs too. Not `fc.string({ unit: "binary" })`, whose table takes a second and 80 MB. */
export function anyUnicode(maxLength: number): fc.Arbitrary<string> {
  return fc.array(fc.nat(0x10ffff), { maxLength }).map((points) => String.fromCodePoint(...points));
}

const units = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 2, arbitrary: anyUnicode(6) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("\0", "\ud800", "\udc00\ud800", "\u2028", "\ufeff", "\u007f", "a\0b", "é\r\n\r\n"),
  },
  { weight: 1, arbitrary: fc.nat(3000).map((length) => "long".repeat(length)) },
);

/** A text in one of JSON's two ways to write it. */
function quoted(text: string, escaped: boolean): string {
  if (!escaped || text.length > 100) return JSON.stringify(text);
  return `"${Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")}"`;
}

const strings = fc.tuple(units, fc.boolean()).map(([text, escaped]) => scalar(quoted(text, escaped), text));

/** Names that mean something to JavaScript objects, to JSON-RPC or to this protocol. */
export const reservedNames = fc.constantFrom(
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "valueOf",
  "toJSON",
  "then",
  "length",
  "name",
  "jsonrpc",
  "id",
  "method",
  "_call",
  "__class__",
  "",
);

/**
 * No backslashes: an object with the key `\` makes V8 read later escaped keys in its place as `\` too (nodejs/node#63785, Node 24 and 26):
 * after `{"m":1,"\\":2}` it makes `{"m":1,"\":2}` of `{"m":1,"\u0020":2}`.
 */
export function asKey(text: string): string {
  return text.replaceAll("\\", "/");
}

const keys = fc.tuple(
  fc
    .oneof(
      { weight: 12, arbitrary: fc.string({ maxLength: 6 }) },
      { weight: 4, arbitrary: reservedNames },
      { weight: 1, arbitrary: fc.constant("__proto__") },
      { weight: 1, arbitrary: units },
    )
    .map(asKey),
  fc.boolean(),
);

const blanks = fc.constantFrom("", "", "", " ", "\r\n\t ");

function list(items: readonly JsonText[], blank: string): JsonText {
  return {
    text: `[${blank}${items.map(({ text }) => text).join(`,${blank}`)}]`,
    value: items.map(({ value }) => value),
    refused: items.some(({ refused }) => refused),
    height: 1 + Math.max(0, ...items.map(({ height }) => height)),
  };
}

/** Of a key written twice, the last counts. */
export function object(entries: readonly (readonly [string, JsonText, boolean?])[], blank = ""): JsonText {
  const last = new Map(entries.map(([key, field]) => [key, field]));
  const fields = [...last.values()];
  return {
    text: `{${entries.map(([key, { text }, escaped]) => `${blank}${quoted(key, escaped === true)}:${text}`).join(",")}}`,
    value: Object.fromEntries([...last].map(([key, { value }]) => [key, value])),
    refused: last.has("__proto__") || fields.some(({ refused }) => refused),
    height: 1 + Math.max(0, ...fields.map(({ height }) => height)),
  };
}

/** Levels around nothing: up to a few hundred often, as many as a stack cannot bear now and then. */
const nested = fc
  .tuple(
    fc.boolean(),
    fc.oneof(
      { weight: 30, arbitrary: fc.integer({ min: 1, max: 300 }) },
      { weight: 1, arbitrary: fc.constant(30_000) },
    ),
  )
  .map(([lists, height]): JsonText => {
    const text = lists
      ? "[".repeat(height) + "]".repeat(height)
      : `${'{"a":'.repeat(height - 1)}{}${"}".repeat(height - 1)}`;
    let value: unknown = lists ? [] : {};
    for (let level = 1; level < height; level++) value = lists ? [value] : { a: value };
    return { text, value, refused: false, height };
  });

const leaf = fc.oneof(
  { weight: 3, arbitrary: words },
  { weight: 6, arbitrary: numbers },
  { weight: 6, arbitrary: strings },
);

function inner(depth: number): fc.Arbitrary<JsonText> {
  if (depth === 0) return leaf;
  const deeper = inner(depth - 1);
  const items = { maxLength: 4 };
  return fc.oneof(
    { weight: 6, arbitrary: leaf },
    { weight: 2, arbitrary: fc.tuple(fc.array(deeper, items), blanks).map(([rows, blank]) => list(rows, blank)) },
    { weight: 3, arbitrary: objectsOf(deeper) },
  );
}

function objectsOf(field: fc.Arbitrary<JsonText>): fc.Arbitrary<JsonText> {
  return fc.tuple(fc.array(fc.tuple(keys, field), { maxLength: 4 }), blanks).map(([entries, blank]) =>
    object(
      entries.map(([[key, escaped], value]) => [key, value, escaped]),
      blank,
    ),
  );
}

/** Any JSON. */
export const jsonTexts: fc.Arbitrary<JsonText> = fc.oneof(
  { weight: 40, arbitrary: inner(3) },
  { weight: 1, arbitrary: nested },
);

/** An object, as params must be. */
export const objectTexts: fc.Arbitrary<JsonText> = objectsOf(jsonTexts);
