/** The published bundle: every type, and the params and result of every method, as one set of JSON Schema definitions. */

import { createHash } from "node:crypto";
import { type Method, type Model, referred, refName, type Schema } from "./model.ts";
import { tagValues } from "./subset.ts";

/** A tagged union: which field tells its members apart, and which definition each value of it means. */
export interface TaggedUnion {
  tag: string;
  members: Record<string, string>;
}

/** Where in a definition a tagged union sits. `*` in the path: each item, or each value of a map. */
export interface Place {
  path: string[];
  union: string;
  nullable: boolean;
}

export interface Definitions {
  definitions: Record<string, Schema>;
  unions: Record<string, TaggedUnion>;
  /** Only for definitions that hold a tagged union. */
  places: Record<string, Place[]>;
  /** First 16 hex digits of the SHA-256 over all that both sides must agree on. */
  hash: string;
}

const ANNOTATIONS = new Set(["$schema", "title", "description", "examples"]);

export function buildDefinitions(model: Model): Definitions {
  const definitions: Record<string, Schema> = {};
  const unions: Record<string, TaggedUnion> = {};
  for (const [name, type] of model.types) addType(name, type, model, definitions, unions);
  for (const method of model.methods) {
    definitions[`params:${method.name}`] = paramsSchema(method);
    if (method.result !== null) definitions[`result:${method.name}`] = bare(method.result);
  }
  const places: Record<string, Place[]> = {};
  for (const name of Object.keys(definitions)) {
    if (unions[name] !== undefined) continue;
    const found = findPlaces(definitions[name] ?? {}, [], { definitions, unions });
    if (found.length > 0) places[name] = found;
  }
  return { definitions, unions, places, hash: hash(model, definitions) };
}

function addType(
  name: string,
  type: Schema,
  model: Model,
  definitions: Record<string, Schema>,
  unions: Record<string, TaggedUnion>,
): void {
  if (type.oneOf !== undefined) {
    const tag = type["x-tag"] ?? "";
    addUnion(name, tag, tagValues(name, tag, model.types), definitions, unions);
  } else if (type["x-extends"] !== undefined) {
    addExtension(name, type, model, definitions, unions);
  } else {
    definitions[name] = bare(type);
  }
}

function addUnion(
  name: string,
  tag: string,
  values: [string, string][],
  definitions: Record<string, Schema>,
  unions: Record<string, TaggedUnion>,
): void {
  const members = [...new Set(values.map(([, member]) => member))];
  definitions[name] = { oneOf: members.map((member) => ({ $ref: `#/$defs/${member}` })), "x-tag": tag };
  unions[name] = { tag, members: Object.fromEntries(values) };
}

/** JSON Schema cannot add fields to a closed object, so each member of the union is written out with them. */
function addExtension(
  name: string,
  type: Schema,
  model: Model,
  definitions: Record<string, Schema>,
  unions: Record<string, TaggedUnion>,
): void {
  const base = refName(type["x-extends"] ?? "");
  const tag = model.types.get(base)?.["x-tag"] ?? "";
  const own = bare(type);
  const values = tagValues(base, tag, model.types).map(([value, member]): [string, string] => [
    value,
    `${name}:${member}`,
  ]);
  for (const [, variant] of values) {
    const member = bare(model.types.get(variant.slice(name.length + 1)) ?? {});
    definitions[variant] = {
      ...member,
      properties: { ...member.properties, ...own.properties },
      required: [...(member.required ?? []), ...(own.required ?? [])],
    };
  }
  addUnion(name, tag, values, definitions, unions);
}

function paramsSchema(method: Method): Schema {
  const properties = Object.fromEntries(method.params.map((param) => [param.name, bare(param.schema)]));
  if (method.context) properties["_call"] = { $ref: "#/$defs/CallContext" };
  const required = method.params.filter((param) => param.required).map((param) => param.name);
  return { type: "object", properties, required, additionalProperties: method.open ? {} : false };
}

/** The schema without what does not change what it accepts, its references turned into the bundle's own. */
export function bare(schema: Schema): Schema {
  const only = referred(schema);
  if (only !== null) return { $ref: `#/$defs/${only}` };
  const entries = Object.entries(schema).filter(([key]) => !ANNOTATIONS.has(key) && !key.startsWith("x-"));
  return Object.fromEntries(entries.map(([key, value]: [string, unknown]) => [key, bareValue(key, value)]));
}

function bareValue(key: string, value: unknown): unknown {
  if (key === "properties" || key === "patternProperties") {
    return Object.fromEntries(
      Object.entries(value as Record<string, Schema>).map(([name, schema]) => [name, bare(schema)]),
    );
  }
  if (key === "anyOf") return (value as Schema[]).map(bare);
  if (key === "items" || (key === "additionalProperties" && value !== false)) return bare(value as Schema);
  return value;
}

/** Finds the tagged unions in a schema, through references, so that they can be looked up by tag instead of tried in turn. */
function findPlaces(
  schema: Schema,
  path: string[],
  found: Pick<Definitions, "definitions" | "unions">,
  nullable = false,
): Place[] {
  const ref = schema.$ref?.slice("#/$defs/".length);
  if (ref !== undefined) {
    if (found.unions[ref] !== undefined) return [{ path, union: ref, nullable }];
    return findPlaces(found.definitions[ref] ?? {}, path, found, nullable);
  }
  const hasNull = schema.anyOf?.some((branch) => branch.type === "null") ?? false;
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
      findPlaces(property, [...path, name], found),
    ),
    ...(schema.items === undefined ? [] : findPlaces(schema.items, [...path, "*"], found)),
    ...(schema.additionalProperties ? findPlaces(schema.additionalProperties, [...path, "*"], found) : []),
    ...(schema.anyOf ?? []).flatMap((branch) => findPlaces(branch, path, found, hasNull)),
  ];
}

function hash(model: Model, definitions: Record<string, Schema>): string {
  const methods = model.methods.map(({ name, kind, page, translated, local, signatures, results }) => ({
    name,
    kind,
    page,
    translated,
    local,
    signatures,
    results,
  }));
  const errors = model.errors.map(({ type, code, errno, python }) => ({ type, code, errno, python }));
  return createHash("sha256").update(JSON.stringify({ definitions, methods, errors })).digest("hex").slice(0, 16);
}

/** Names of all fields that hold a secret, for logs and recordings. */
export function secretFields(model: Model): string[] {
  const names = new Set<string>();
  const visit = (schema: Schema): void => {
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      if (property["x-secret"]) names.add(name);
      visit(property);
    }
  };
  for (const type of model.types.values()) visit(type);
  for (const param of model.methods.flatMap((method) => method.params)) {
    if (param.schema["x-secret"]) names.add(param.name);
  }
  return [...names].sort();
}
