/** Valid and invalid samples of every class, read by the tests of both languages: test/fixtures/samples/. */

import { type Json, type Model, referred, type Schema } from "./model.ts";
import { kindsOf, tagValues } from "./subset.ts";

/** A value that must be refused, and the path of the field that is wrong (`""`: the value itself). */
export interface InvalidSample {
  why: string;
  path: string;
  value: Json;
}

type Types = ReadonlyMap<string, Schema>;

export function generateSamples(model: Model): Map<string, string> {
  const out = new Map<string, string>();
  for (const [name, type] of model.types) {
    out.set(`test/fixtures/samples/valid/${name}.json`, list(validSamples(name, type, model.types)));
    out.set(`test/fixtures/samples/invalid/${name}.json`, list(invalidSamples(name, type, model.types)));
  }
  return out;
}

function list(samples: readonly unknown[]): string {
  return `[\n${samples.map((sample) => `  ${JSON.stringify(sample)}`).join(",\n")}\n]\n`;
}

/** The examples of the schema, then one with every field, then one with the required fields only. */
export function validSamples(name: string, type: Schema, types: Types): Json[] {
  if (type.oneOf !== undefined) {
    return members(name, type, types).flatMap((member) => {
      const schema = types.get(member) ?? {};
      return validSamples(member, schema, types).map((sample) => tagged(sample, schema, type["x-tag"] ?? ""));
    });
  }
  const samples = [...(type.examples ?? [])];
  if (type.type !== "object") return samples;
  if (type["x-extends"] !== undefined) return samples;
  return unique([...samples, full(type, types), minimal(type, types)]);
}

/** A member whose tag is optional must have it where others are possible. */
function tagged(sample: Json, member: Schema, tag: string): Json {
  const constant = member.properties?.[tag]?.const;
  return constant === undefined ? sample : { ...asObject(sample), [tag]: constant };
}

function members(name: string, type: Schema, types: Types): string[] {
  return [...new Set(tagValues(name, type["x-tag"] ?? "", types).map(([, member]) => member))];
}

function unique(samples: Json[]): Json[] {
  return [...new Map(samples.map((sample) => [JSON.stringify(sample), sample])).values()];
}

/** An object with every field. */
function full(type: Schema, types: Types): Json {
  return Object.fromEntries(
    Object.entries(type.properties ?? {}).map(([field, schema]) => [field, example(schema, types)]),
  );
}

function minimal(type: Schema, types: Types): { [key: string]: Json } {
  return Object.fromEntries(
    (type.required ?? []).map((field) => [field, required(type.properties?.[field] ?? {}, types)]),
  );
}

/** A required inner object is kept small too. */
function required(schema: Schema, types: Types): Json {
  if (schema.examples?.[0] === undefined && schema.type === "object" && schema.properties !== undefined)
    return minimal(schema, types);
  return example(schema, types);
}

export function example(schema: Schema, types: Types): Json {
  const given = schema.examples?.find((value) => value !== null);
  if (given !== undefined) return given;
  const name = referred(schema);
  if (name !== null) return example(types.get(name) ?? {}, types);
  if (schema.oneOf !== undefined) return example(types.get(referred(schema.oneOf[0] ?? {}) ?? "") ?? {}, types);
  if (schema.anyOf !== undefined) return example(schema.anyOf[0] ?? {}, types);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum?.[0] !== undefined) return schema.enum[0];
  return exampleOfType([schema.type ?? "string"].flat()[0] ?? "string", schema, types);
}

function exampleOfType(type: string, schema: Schema, types: Types): Json {
  switch (type) {
    case "integer":
      return Math.max(schema.minimum ?? 1, 1);
    case "number":
      return schema.maximum ?? 1.5;
    case "boolean":
      return true;
    case "null":
      return null;
    case "array":
      return [example(schema.items ?? {}, types)];
    case "object":
      return schema.properties === undefined
        ? { key: example(schema.additionalProperties || {}, types) }
        : full(schema, types);
    default:
      return schema.format === "date-time" ? "2026-01-02T03:04:05.000678Z" : "text";
  }
}

export function invalidSamples(name: string, type: Schema, types: Types): InvalidSample[] {
  if (type.oneOf !== undefined) return invalidUnion(name, type, types);
  if (type.type !== "object") return wrongValues(type, types).map(([why, value]) => ({ why, path: "", value }));
  const base = (type["x-extends"] === undefined ? minimal(type, types) : type.examples?.[0]) as { [key: string]: Json };
  const samples = [...missing(type, base), ...inside(type, base, "", types)];
  if (type.additionalProperties === false || type["x-extends"] !== undefined) {
    samples.push({ why: "unknown key", path: "no_such_field", value: { ...base, no_such_field: 1 } });
  }
  return [{ why: "no object", path: "", value: "text" }, ...samples];
}

function invalidUnion(name: string, type: Schema, types: Types): InvalidSample[] {
  const tag = type["x-tag"] ?? "";
  const inMembers = members(name, type, types).flatMap((member) => {
    const schema = types.get(member) ?? {};
    const samples = missing(schema, minimal(schema, types)).filter((sample) => sample.path !== tag);
    return samples.map((sample) => ({ ...sample, value: tagged(sample.value, schema, tag) }));
  });
  return [
    { why: "no object", path: "", value: "text" },
    { why: "no tag", path: tag, value: {} },
    { why: "unknown tag", path: tag, value: { [tag]: "no-such-type" } },
    ...inMembers,
  ];
}

function missing(type: Schema, base: { [key: string]: Json }): InvalidSample[] {
  return (type.required ?? []).map((field) => {
    const { [field]: _, ...rest } = base;
    return { why: "missing", path: field, value: rest };
  });
}

/** Every field of an object once with each kind of wrong value; inner objects too. */
function inside(type: Schema, base: { [key: string]: Json }, path: string, types: Types): InvalidSample[] {
  return Object.entries(type.properties ?? {}).flatMap(([field, schema]) => {
    const here = path === "" ? field : `${path}.${field}`;
    const wrong = wrongValues(schema, types).map(([why, value]) => ({
      why,
      path: here,
      value: { ...base, [field]: value },
    }));
    if (schema.type !== "object" || schema.properties === undefined) return wrong;
    const deeper = inside(schema, asObject(base[field]), here, types).map((sample) => ({
      ...sample,
      value: { ...base, [field]: sample.value },
    }));
    return [...wrong, ...deeper];
  });
}

function asObject(value: Json | undefined): { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

/** Values a schema must refuse, each with the reason. */
function wrongValues(schema: Schema, types: Types): [string, Json][] {
  const kinds = kindsOf(schema, types);
  const candidates: [string, Json][] = [
    ["number", 7],
    ["string", "text"],
    ["boolean", true],
    ["object", {}],
    ["array", []],
    ["null", null],
  ];
  const wrongType = candidates.find(([kind]) => !kinds.includes(kind));
  return [
    ...(wrongType === undefined ? [] : [["wrong type", wrongType[1]] as [string, Json]]),
    ...outOfRange(resolved(schema, types)),
  ];
}

function resolved(schema: Schema, types: Types): Schema {
  const name = referred(schema);
  return name === null ? schema : (types.get(name) ?? {});
}

function outOfRange(schema: Schema): [string, Json][] {
  const wrong: [string, Json][] = [];
  const integer = [schema.type].flat().includes("integer");
  if (schema.const !== undefined && typeof schema.const === "string")
    wrong.push(["not the constant", `not ${schema.const}`]);
  if (schema.enum !== undefined)
    wrong.push(["not in the enum", typeof schema.enum[0] === "number" ? 99 : "no-such-value"]);
  if (schema.pattern !== undefined) wrong.push(["does not match the pattern", "?!"]);
  if (schema.format === "date-time") wrong.push(["no date", "yesterday"]);
  if (schema.minimum !== undefined) wrong.push(["too small", schema.minimum - 1]);
  if (schema.maximum !== undefined) wrong.push(["too big", schema.maximum + 1]);
  if (integer) wrong.push(["a fraction", 1.5]);
  if (integer && schema.enum === undefined) wrong.push(["not a safe integer", 2 ** 53]);
  return wrong;
}
