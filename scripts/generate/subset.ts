/**
 * The part of JSON Schema that schemas/ may use. zod, json-schema-to-typescript and the Python generator understand
 * different parts of it, and ignore the rest without a word: what is outside of all three is refused here.
 */

import { referred, type Schema } from "./model.ts";

const ANNOTATIONS = ["description", "examples", "x-default", "x-secret", "x-since", "x-until"];
const ROOT_ANNOTATIONS = [
  "$schema",
  "title",
  "x-interface",
  "x-ceph-class",
  "x-ceph-source",
  "x-python",
  "x-tag",
  "x-extends",
];
const KEYWORDS = [
  "$ref",
  "allOf",
  "anyOf",
  "oneOf",
  "type",
  "const",
  "enum",
  "properties",
  "required",
  "additionalProperties",
].concat(["patternProperties", "items", "minimum", "maximum", "pattern", "format"]);
const TYPES = ["string", "integer", "number", "boolean", "null", "object", "array"];

/** One broken rule: which file, where in it (a JSON pointer), and the rule. */
export interface Refusal {
  file: string;
  pointer: string;
  rule: string;
}

/** What the checks look things up in. */
interface Context {
  file: string;
  types: ReadonlyMap<string, Schema>;
  refusals: Refusal[];
}

function refuse(context: Context, pointer: string, rule: string): void {
  context.refusals.push({ file: context.file, pointer: pointer || "/", rule });
}

/** Checks a whole type file. */
export function checkType(name: string, types: ReadonlyMap<string, Schema>): Refusal[] {
  const context: Context = { file: `schemas/types/${name}.json`, types, refusals: [] };
  const schema = types.get(name);
  if (schema === undefined) return [];
  if (schema.title !== name) refuse(context, "/title", `must be the file's name, ${name}`);
  if (!schema.description) refuse(context, "", "every type needs a description");
  if (schema["x-interface"] === undefined) refuse(context, "", "every type needs x-interface");
  if (schema["x-since"] === undefined) refuse(context, "", "every type needs x-since");
  if (schema.oneOf !== undefined) checkUnion(schema, context);
  else checkSchema(schema, "", context, true);
  checkExtends(schema, context);
  if (reaches(name, name, types)) refuse(context, "", "references itself, through others or not");
  return context.refusals;
}

/** Checks a schema inside openrpc.json. */
export function checkInline(schema: Schema, pointer: string, types: ReadonlyMap<string, Schema>): Refusal[] {
  const context: Context = { file: "schemas/openrpc.json", types, refusals: [] };
  checkSchema(schema, pointer, context, false);
  return context.refusals;
}

function checkSchema(schema: Schema, pointer: string, context: Context, root: boolean): void {
  const allowed = [...KEYWORDS, ...ANNOTATIONS, ...(root ? ROOT_ANNOTATIONS : [])];
  for (const key of Object.keys(schema)) {
    if (!allowed.includes(key)) refuse(context, `${pointer}/${key}`, "keyword outside the allowed subset");
  }
  if (schema.$ref !== undefined) checkRef(schema, pointer, context);
  if (schema.allOf !== undefined) checkAllOf(schema, pointer, context);
  if (schema.anyOf !== undefined) checkAnyOf(schema, pointer, context);
  if (schema.oneOf !== undefined && !root)
    refuse(context, `${pointer}/oneOf`, "a union stands in a file of its own, with x-tag");
  checkValues(schema, pointer, context);
  if (schema.type === "object") checkObject(schema, pointer, context);
  else if (schema.properties ?? schema.required ?? schema.additionalProperties ?? schema.patternProperties) {
    refuse(context, pointer, "properties and their like need type: object");
  }
  if (schema.type === "array" && schema.items === undefined) refuse(context, pointer, "an array needs items");
  if (schema.items !== undefined) {
    if (schema.type !== "array") refuse(context, pointer, "items needs type: array");
    checkSchema(schema.items, `${pointer}/items`, context, false);
  }
}

function checkRef(schema: Schema, pointer: string, context: Context): void {
  if (Object.keys(schema).length > 1)
    refuse(context, pointer, "$ref has no neighbours (they are ignored): use allOf of one $ref");
  const shape = context.file.endsWith("openrpc.json") ? /^types\/\w+\.json$/ : /^\w+\.json$/;
  if (!shape.test(schema.$ref ?? "")) refuse(context, `${pointer}/$ref`, "must name a whole file of types/");
  else if (!context.types.has(referred(schema) ?? ""))
    refuse(context, `${pointer}/$ref`, `there is no schemas/types/${referred(schema)}.json`);
}

function checkAllOf(schema: Schema, pointer: string, context: Context): void {
  const only = schema.allOf?.[0];
  if (schema.allOf?.length !== 1 || only?.$ref === undefined) {
    refuse(context, `${pointer}/allOf`, "only allOf of one $ref, to describe it");
    return;
  }
  checkRef(only, `${pointer}/allOf/0`, context);
  onlyAnnotations(schema, "allOf", pointer, context);
}

function checkAnyOf(schema: Schema, pointer: string, context: Context): void {
  const branches = schema.anyOf ?? [];
  branches.forEach((branch, index) => checkSchema(branch, `${pointer}/anyOf/${index}`, context, false));
  const kinds = branches.flatMap((branch) => kindsOf(branch, context.types));
  if (branches.length < 2 || new Set(kinds).size < kinds.length) {
    refuse(
      context,
      `${pointer}/anyOf`,
      "branches must differ in their JSON type, so that the value tells which one is meant",
    );
  }
  onlyAnnotations(schema, "anyOf", pointer, context);
}

function onlyAnnotations(schema: Schema, keyword: string, pointer: string, context: Context): void {
  const others = Object.keys(schema).filter((key) => KEYWORDS.includes(key) && key !== keyword);
  if (others.length > 0) refuse(context, pointer, `${keyword} stands alone, not with ${others.join(", ")}`);
}

/** The JSON types a value of the schema may have. */
export function kindsOf(schema: Schema, types: ReadonlyMap<string, Schema>): string[] {
  const name = referred(schema);
  if (name !== null) {
    const target = types.get(name);
    return target === undefined ? [] : kindsOf(target, types);
  }
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap((branch) => kindsOf(branch, types));
  if (schema.oneOf !== undefined) return ["object"];
  if (schema.const !== undefined) return [schema.const === null ? "null" : typeof schema.const];
  if (schema.type === undefined) return TYPES;
  // An integer is a number: two such branches could not be told apart.
  return [schema.type].flat().map((type) => (type === "integer" ? "number" : type));
}

function checkValues(schema: Schema, pointer: string, context: Context): void {
  for (const type of [schema.type ?? []].flat()) {
    if (!TYPES.includes(type)) refuse(context, `${pointer}/type`, `${type} is no JSON type`);
  }
  if (Array.isArray(schema.type) && schema.type.some((type) => type === "object" || type === "array")) {
    refuse(context, `${pointer}/type`, "objects and arrays stand in anyOf, not in a list of types");
  }
  if (schema.enum !== undefined && schema.type !== "string" && schema.type !== "integer") {
    refuse(context, `${pointer}/enum`, "needs type: string or integer");
  }
  if (schema.format !== undefined && schema.format !== "date-time")
    refuse(context, `${pointer}/format`, "only date-time");
  if (schema.pattern !== undefined && !compiles(schema.pattern))
    refuse(context, `${pointer}/pattern`, "is no regular expression");
  if (
    (schema.minimum ?? schema.maximum) !== undefined &&
    ![schema.type].flat().some((type) => type === "integer" || type === "number")
  ) {
    refuse(context, pointer, "minimum and maximum need type: integer or number");
  }
}

function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern, "u");
    return true;
  } catch {
    return false;
  }
}

function checkObject(schema: Schema, pointer: string, context: Context): void {
  const additional: unknown = schema.additionalProperties;
  if (additional === undefined || additional === true) {
    refuse(context, `${pointer}/additionalProperties`, "must be written: false, or a schema ({} for anything)");
  } else if (schema.additionalProperties) {
    checkSchema(schema.additionalProperties, `${pointer}/additionalProperties`, context, false);
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (!property.description) refuse(context, `${pointer}/properties/${name}`, "every field needs a description");
    checkSchema(property, `${pointer}/properties/${name}`, context, false);
  }
  for (const [pattern, property] of Object.entries(schema.patternProperties ?? {})) {
    if (!compiles(pattern)) refuse(context, `${pointer}/patternProperties`, `${pattern} is no regular expression`);
    checkSchema(property, `${pointer}/patternProperties/${pattern}`, context, false);
  }
  for (const name of schema.required ?? []) {
    if (schema.properties?.[name] === undefined)
      refuse(context, `${pointer}/required`, `${name} is not among the properties`);
  }
}

/** A tagged union: every member is an object whose tag is a const or an enum, and no value has two members. */
function checkUnion(schema: Schema, context: Context): void {
  const tag = schema["x-tag"];
  if (tag === undefined) {
    refuse(context, "/oneOf", "a union needs x-tag, the field that tells its members apart");
    return;
  }
  const seen = new Map<string, string>();
  (schema.oneOf ?? []).forEach((member, index) => {
    checkRef(member, `/oneOf/${index}`, context);
    for (const [value, name] of tagValues(referred(member) ?? "", tag, context.types)) {
      const other = seen.get(value);
      if (other !== undefined) refuse(context, `/oneOf/${index}`, `${name} and ${other} both have ${tag} ${value}`);
      seen.set(value, name);
    }
  });
  if (seen.size === 0) refuse(context, "/oneOf", `no member has a const or enum at ${tag}`);
}

/** Each value of the tag with the member it means; a member that is a union gives those of its own members. */
export function tagValues(name: string, tag: string, types: ReadonlyMap<string, Schema>): [string, string][] {
  const type = types.get(name);
  if (type?.oneOf !== undefined) return type.oneOf.flatMap((member) => tagValues(referred(member) ?? "", tag, types));
  const property = type?.properties?.[tag];
  const values = property?.const !== undefined ? [property.const] : (property?.enum ?? []);
  return values.map((value) => [typeof value === "string" ? value : JSON.stringify(value), name]);
}

function checkExtends(schema: Schema, context: Context): void {
  if (schema["x-extends"] === undefined) return;
  const base = context.types.get(schema["x-extends"].replace(/\.json$/, ""));
  if (base?.oneOf === undefined) refuse(context, "/x-extends", "must name the file of a tagged union");
}

/** Whether `from` refers to `to`: the samples and the Python classes have no end otherwise. */
function reaches(from: string, to: string, types: ReadonlyMap<string, Schema>, seen = new Set<string>()): boolean {
  for (const ref of refsIn(types.get(from))) {
    if (ref === to) return true;
    if (seen.has(ref)) continue;
    seen.add(ref);
    if (reaches(ref, to, types, seen)) return true;
  }
  return false;
}

function refsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(refsIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === "examples" || key === "x-default") return [];
    return key === "$ref" && typeof inner === "string"
      ? [inner.replace(/^types\//, "").replace(/\.json$/, "")]
      : refsIn(inner);
  });
}
