/** schemas/openrpc.json as a document: valid OpenRPC, and consistent in itself. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as metaSchemaModule from "@open-rpc/meta-schema";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { loadModel } from "../../scripts/generate/load.ts";
import { isBackendMethod, type Method, shortName } from "../../scripts/generate/model.ts";
import { METHODS } from "../../src/orchestrator/generated/methods.ts";
import { validate } from "../../src/orchestrator/validate.ts";

// Its declarations leave out what it exports.
const { openrpcDocument } = metaSchemaModule as unknown as { openrpcDocument: object };

const root = join(import.meta.dirname, "../..");
const model = loadModel(root);
const text = readFileSync(join(root, "schemas/openrpc.json"), "utf8");

/** The meta-schema without what it takes from the network: that parts of the document are JSON Schema, subset.ts checks. */
function metaSchema(): z.ZodType {
  const local: unknown = JSON.parse(JSON.stringify(openrpcDocument), (_key, value: unknown) => {
    const ref = typeof value === "object" && value !== null && "$ref" in value ? value.$ref : undefined;
    return typeof ref === "string" && ref.startsWith("https://") ? {} : value;
  });
  return z.fromJSONSchema({ ...(local as object), $schema: "http://json-schema.org/draft-07/schema#" });
}

/** The names in a signature, `(host, force=False)` → host, force. */
function namesIn(signature: string): string[] {
  return [...signature.matchAll(/[(, ](\w+)(?=[=,)])/g)].map((match) => match[1] ?? "");
}

describe("openrpc.json", () => {
  it("is valid OpenRPC 1.3.2", () => {
    const document: Record<string, unknown> = JSON.parse(text);
    expect(document["openrpc"]).toBe("1.3.2");
    expect(metaSchema().safeParse(document).error).toBeUndefined();
  });

  it("would be refused with a method that has no name", () => {
    const document: { methods: object[] } = JSON.parse(text);
    document.methods[0] = { ...document.methods[0], name: undefined };
    expect(metaSchema().safeParse(document).success).toBe(false);
  });

  it("has a description for every method and param", () => {
    const silent = model.methods.flatMap((method) => [
      ...(method.summary === "" ? [method.name] : []),
      ...method.params.filter((param) => param.description === "").map((param) => `${method.name} ${param.name}`),
    ]);
    expect(silent).toEqual([]);
  });

  it("has the params that the signatures name, and no others", () => {
    const mirrored = model.methods.filter((method) => Object.keys(method.signatures).length > 0);
    const wrong = mirrored.filter((method) => {
      const named = new Set(Object.values(method.signatures).flatMap(namesIn));
      const own = method.params.map((param) => param.name);
      return own.some((name) => !named.has(name)) || [...named].some((name) => !own.includes(name));
    });
    expect(wrong.map((method) => method.name)).toEqual([]);
    expect(mirrored.length).toBeGreaterThan(130);
  });

  it("names a release with another answer only where that release has the method", () => {
    const others = model.methods.flatMap((method) =>
      Object.entries(method.results).map(([release, schema]) => ({ method, release, schema })),
    );
    expect(others.map(({ method, release, schema }) => [method.name, release, schema.$ref])).toEqual([
      ["classic/describe_service", "mimic", "types/SeedServiceDescription.json"],
    ]);
    for (const { method, release } of others) expect(Object.keys(method.signatures)).toContain(release);
  });

  it("has defaults that its own schemas take", () => {
    const complete = (method: Method): Record<string, unknown> =>
      Object.fromEntries(
        method.params.filter((param) => !param.required).map((param) => [param.name, param.schema["x-default"]]),
      );
    const wrong = model.methods.flatMap((method) =>
      validate(`params:${method.name}`, complete(method), { root: method.name }).issues.filter(
        (issue) => !issue.endsWith("got nothing"),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it("gives every backend method a name of its own", () => {
    const names = model.methods.filter(isBackendMethod).map((method) => METHODS[method.name]?.backend);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("getInventory");
    expect(names).toContain("applyService");
    expect(names).not.toContain("apply");
  });

  it("has the methods and data classes of the seed document under their own names", () => {
    const methods = [
      "wait",
      "available",
      "get_inventory",
      "describe_service",
      "create_osds",
      "replace_osds",
      "remove_osds",
    ];
    const upgrades = ["upgrade_available", "upgrade_start", "upgrade_status"];
    const classic = model.methods
      .filter((method) => method.name.startsWith("classic/"))
      .map((method) => shortName(method.name));
    expect(classic).toEqual(expect.arrayContaining([...methods, ...upgrades]));
    const classes = [
      "ReadCompletion",
      "WriteCompletion",
      "InventoryFilter",
      "InventoryNode",
      "InventoryDevice",
      "ServiceDescription",
    ];
    const more = [
      "ServiceLocation",
      "OsdCreationSpec",
      "DriveGroupSpec",
      "UpgradeSpec",
      "UpgradeStatusSpec",
      "StatelessServiceSpec",
      "PlacementSpec",
    ];
    const seed = [...model.types]
      .filter(([, type]) => type["x-interface"] === "classic")
      .map(([name, type]) => type["x-ceph-class"] ?? name);
    expect(seed).toEqual(expect.arrayContaining([...classes, ...more]));
  });
});
