/** What schemas may not say: each rule refuses, and names the file, the place and itself. */

import { describe, expect, it } from "vitest";
import { SchemaRefused } from "../../scripts/generate/load.ts";
import type { Schema } from "../../scripts/generate/model.ts";
import { checkInline, checkType, type Refusal } from "../../scripts/generate/subset.ts";

const HOST: Schema = typeOf({ name: { description: "Name.", type: "string" } });

function typeOf(properties: Record<string, unknown>, more: object = {}): Schema {
  return {
    title: "Thing",
    description: "A thing.",
    "x-interface": "modern",
    "x-since": "pacific",
    type: "object",
    properties: properties as Record<string, Schema>,
    additionalProperties: false,
    ...more,
  };
}

function refusals(schema: unknown): Refusal[] {
  const thing = schema as Schema;
  return checkType(
    "Thing",
    new Map([
      ["Host", { ...HOST, title: "Host" }],
      ["Thing", thing],
    ]),
  );
}

/** The refusal of one field's schema. */
function refusedField(field: object): string[] {
  return refusals(typeOf({ field: { description: "A field.", ...field } })).map(
    ({ pointer, rule }) => `${pointer}: ${rule}`,
  );
}

describe("the allowed subset", () => {
  it("takes what all generators understand", () => {
    const fields = {
      text: { description: "T.", type: ["string", "null"], pattern: "^a+$" },
      when: { description: "W.", type: "string", format: "date-time" },
      number: { description: "N.", type: "integer", minimum: 0, maximum: 9, "x-default": 1, "x-since": "reef" },
      list: { description: "L.", type: "array", items: { anyOf: [{ type: "string" }, { $ref: "Host.json" }] } },
      map: { description: "M.", type: "object", additionalProperties: {} },
      host: { description: "H.", allOf: [{ $ref: "Host.json" }] },
      maybe: { description: "Y.", anyOf: [{ $ref: "Host.json" }, { type: "null" }] },
    };
    expect(refusals(typeOf(fields, { required: ["text"] }))).toEqual([]);
  });

  it("names the file, the place and the rule, all of them at once", () => {
    const error = new SchemaRefused(refusals(typeOf({ a: { description: "A.", if: {} }, b: { type: "string" } })));
    expect(error.message.split("\n")).toEqual([
      "schemas/types/Thing.json /properties/a/if: keyword outside the allowed subset",
      "schemas/types/Thing.json /properties/b: every field needs a description",
    ]);
  });

  it.each([
    [
      "a keyword that some generator ignores",
      { type: "string", minLength: 1 },
      "/minLength: keyword outside the allowed subset",
    ],
    ["tuples", { type: "array", prefixItems: [] }, "/prefixItems: keyword outside the allowed subset"],
    ["neighbours of $ref", { $ref: "Host.json" }, ": $ref has no neighbours (they are ignored): use allOf of one $ref"],
    ["a $ref into a file", { allOf: [{ $ref: "Host.json#/x" }] }, "/allOf/0/$ref: must name a whole file of types/"],
    ["a $ref to nowhere", { allOf: [{ $ref: "Nobody.json" }] }, "/allOf/0/$ref: there is no schemas/types/Nobody.json"],
    [
      "allOf of several",
      { allOf: [{ $ref: "Host.json" }, { $ref: "Host.json" }] },
      "/allOf: only allOf of one $ref, to describe it",
    ],
    [
      "neighbours of anyOf",
      { type: "string", anyOf: [{ type: "string" }, { type: "null" }] },
      ": anyOf stands alone, not with type",
    ],
    [
      "an object that says nothing of other fields",
      { type: "object" },
      "/additionalProperties: must be written: false, or a schema ({} for anything)",
    ],
    [
      "an object that says true",
      { type: "object", additionalProperties: true },
      "/additionalProperties: must be written: false, or a schema ({} for anything)",
    ],
    [
      "a required field that is none",
      { type: "object", additionalProperties: false, required: ["x"] },
      "/required: x is not among the properties",
    ],
    ["an array of nothing", { type: "array" }, ": an array needs items"],
    ["a type that is none", { type: "text" }, "/type: text is no JSON type"],
    [
      "a list of types with an object",
      { type: ["object", "null"] },
      "/type: objects and arrays stand in anyOf, not in a list of types",
    ],
    ["an enum without a type", { enum: ["a"] }, "/enum: needs type: string or integer"],
    ["another format", { type: "string", format: "email" }, "/format: only date-time"],
    ["a pattern that is none", { type: "string", pattern: "(" }, "/pattern: is no regular expression"],
    ["a minimum of text", { type: "string", minimum: 1 }, ": minimum and maximum need type: integer or number"],
    ["properties without an object", { properties: {} }, ": properties and their like need type: object"],
    ["a union within a type", { oneOf: [] }, "/oneOf: a union stands in a file of its own, with x-tag"],
  ])("refuses %s", (_what, field, sentence) => {
    expect(refusedField(field)).toContain(`/properties/field${sentence}`);
  });

  it("refuses branches that a value's type cannot tell apart", () => {
    const rule = "branches must differ in their JSON type, so that the value tells which one is meant";
    expect(refusedField({ anyOf: [{ type: "integer" }, { type: "number" }] })).toEqual([
      `/properties/field/anyOf: ${rule}`,
    ]);
    expect(refusedField({ anyOf: [{ $ref: "Host.json" }, { type: "object", additionalProperties: {} }] })).toEqual([
      `/properties/field/anyOf: ${rule}`,
    ]);
  });

  it("refuses a union without a tag, and one whose members share a value of it", () => {
    const union = (more: object) =>
      refusals({ title: "Thing", description: "A.", "x-interface": "modern", "x-since": "reef", ...more });
    expect(union({ oneOf: [{ $ref: "Host.json" }] })[0]?.rule).toBe(
      "a union needs x-tag, the field that tells its members apart",
    );
    expect(union({ oneOf: [{ $ref: "Host.json" }], "x-tag": "kind" })[0]?.rule).toBe(
      "no member has a const or enum at kind",
    );
    const member = typeOf({ kind: { description: "K.", const: "a" } });
    const types = new Map<string, Schema>([
      ["A", member],
      ["B", member],
    ]);
    types.set("Thing", {
      title: "Thing",
      description: "A.",
      "x-interface": "modern",
      "x-since": "reef",
      "x-tag": "kind",
      oneOf: [{ $ref: "A.json" }, { $ref: "B.json" }],
    });
    expect(checkType("Thing", types)[0]).toMatchObject({ pointer: "/oneOf/1", rule: "B and A both have kind a" });
  });

  it("refuses a type that refers to itself", () => {
    expect(refusedField({ type: "array", items: { $ref: "Thing.json" } })).toEqual([
      "/: references itself, through others or not",
    ]);
  });

  it("refuses a type whose title is not its file's name, or that says nothing about itself", () => {
    const rules = refusals({ title: "Other", type: "string" }).map(({ rule }) => rule);
    expect(rules).toEqual([
      "must be the file's name, Thing",
      "every type needs a description",
      "every type needs x-interface",
      "every type needs x-since",
    ]);
  });

  it("asks openrpc.json to write references as it does", () => {
    expect(checkInline({ $ref: "Host.json" }, "/methods/0", new Map([["Host", HOST]]))).toEqual([
      { file: "schemas/openrpc.json", pointer: "/methods/0/$ref", rule: "must name a whole file of types/" },
    ]);
  });
});
