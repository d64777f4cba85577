/** Reads schemas/ and refuses what lies outside the allowed subset. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorRow, Method, Model, Param, Release, Schema } from "./model.ts";
import { checkInline, checkType, type Refusal } from "./subset.ts";

/** A method as openrpc.json writes it. */
interface RawMethod {
  name: string;
  summary: string;
  description?: string;
  params: (Param | { $ref: string })[];
  result?: { schema: Schema };
  "x-kind": "read" | "write";
  "x-since": Release;
  "x-until"?: Release;
  "x-from"?: "shim" | "node";
  "x-signatures"?: Partial<Record<Release, string>>;
  "x-results"?: Partial<Record<Release, Schema>>;
  "x-translated"?: true;
  "x-local"?: true;
  "x-page"?: true;
  "x-open-params"?: true;
  "x-secret-result"?: true;
  "x-raises": string[];
}

interface RawDocument {
  methods: RawMethod[];
  "x-errors": ErrorRow[];
}

/** Thrown with every broken rule, one a line. */
export class SchemaRefused extends Error {
  constructor(refusals: readonly Refusal[]) {
    super(refusals.map(({ file, pointer, rule }) => `${file} ${pointer}: ${rule}`).join("\n"));
    this.name = "SchemaRefused";
  }
}

/** Reads `schemas/` below `root`. */
export function loadModel(root: string): Model {
  const types = loadTypes(join(root, "schemas/types"));
  // The schemas are this project's own files; their shape is checked by subset.ts and by the OpenRPC test.
  const document = JSON.parse(readFileSync(join(root, "schemas/openrpc.json"), "utf8")) as RawDocument;
  const refusals = [...types.keys()].flatMap((name) => checkType(name, types));
  document.methods.forEach((method, index) => refusals.push(...checkMethod(method, index, types)));
  if (refusals.length > 0) throw new SchemaRefused(refusals);
  const methods = document.methods.map(toMethod);
  checkNames(methods, document["x-errors"]);
  return { methods, types, errors: document["x-errors"] };
}

function loadTypes(folder: string): Map<string, Schema> {
  const types = new Map<string, Schema>();
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".json")) throw new Error(`schemas/types/${file}: only .json files belong here`);
    types.set(file.slice(0, -5), JSON.parse(readFileSync(join(folder, file), "utf8")) as Schema);
  }
  return types;
}

function checkMethod(method: RawMethod, index: number, types: ReadonlyMap<string, Schema>): Refusal[] {
  const refusals: Refusal[] = [];
  method.params.forEach((param, position) => {
    if ("$ref" in param) return;
    refusals.push(...checkInline(param.schema, `/methods/${index}/params/${position}/schema`, types));
    if (!param.required && param.schema["x-default"] === undefined) {
      refusals.push({
        file: "schemas/openrpc.json",
        pointer: `/methods/${index}/params/${position}`,
        rule: "a param that is not required needs x-default",
      });
    }
  });
  if (method.result !== undefined)
    refusals.push(...checkInline(method.result.schema, `/methods/${index}/result/schema`, types));
  for (const [release, result] of Object.entries(method["x-results"] ?? {}))
    refusals.push(...checkInline(result, `/methods/${index}/x-results/${release}`, types));
  return refusals;
}

function toMethod(raw: RawMethod): Method {
  return {
    name: raw.name,
    summary: raw.summary,
    description: raw.description ?? "",
    params: raw.params.filter((param): param is Param => !("$ref" in param)),
    context: raw.params.some((param) => "$ref" in param),
    result: raw.result?.schema ?? null,
    kind: raw["x-kind"],
    since: raw["x-since"],
    until: raw["x-until"] ?? null,
    from: raw["x-from"] ?? "shim",
    signatures: raw["x-signatures"] ?? {},
    results: raw["x-results"] ?? {},
    translated: raw["x-translated"] ?? false,
    local: raw["x-local"] ?? false,
    page: raw["x-page"] ?? false,
    open: raw["x-open-params"] ?? false,
    secretResult: raw["x-secret-result"] ?? false,
    raises: raw["x-raises"],
  };
}

function checkNames(methods: readonly Method[], errors: readonly ErrorRow[]): void {
  const known = new Set(errors.map((row) => row.type));
  const seen = new Set<string>();
  for (const method of methods) {
    if (seen.has(method.name)) throw new Error(`schemas/openrpc.json: the method ${method.name} is there twice`);
    seen.add(method.name);
    for (const type of method.raises) {
      if (!known.has(type))
        throw new Error(`schemas/openrpc.json: ${method.name} raises ${type}, which is not in x-errors`);
    }
  }
}
