/** The tables against the real classes of each release: nothing missing, nothing different. */

import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadModel } from "../../scripts/generate/load.ts";
import { type Method, referred, type Schema, shortName } from "../../scripts/generate/model.ts";
import { tagged } from "../../src/orchestrator/generated/bundle.ts";
import { missing } from "../../testbed/missing.ts";
import { RELEASE_NAMES, type Release } from "../../testbed/releases.ts";
import { askSignatures, type Signatures } from "./in-ceph.ts";

const model = loadModel(join(import.meta.dirname, "../.."));

/** How many public methods the Orchestrator class of each release has. */
const COUNTS: Record<Release, number> = { nautilus: 20, pacific: 60, reef: 85, tentacle: 109 };

/** Constructor params that are no data: a count the class ignores, and how an argument was written. */
const NO_DATA = ["count", "origin"];

/** Classes of Ceph that carry no data over the wire, or do so by another name. */
const NO_WIRE = [
  "CLICommandMeta",
  "DaemonDescriptionStatus",
  "Devices",
  "HostPlacementSpec",
  "InnerCliCommandCallable",
  "OSDMethod",
  "OrchResult",
  "Orchestrator",
  "OrchestratorClientMixin",
  "OrchestratorEvent",
  "OutdatableData",
  "OutdatableDict",
  "OutdatableDictMixin",
  "OutdatablePersistentDict",
  "PatternType",
  "TrivialReadCompletion",
  "YamlLiteralString",
  "_Completion",
];

function isWire(name: string): boolean {
  return !NO_WIRE.includes(name) && !name.endsWith("Error") && name !== "NoOrchestrator";
}

function tableFor(release: Release): Record<string, string> {
  const signature = (method: Method): [string, string][] => {
    const text = method.signatures[release];
    return text === undefined ? [] : [[shortName(method.name), text]];
  };
  return Object.fromEntries(model.methods.flatMap(signature));
}

/** The types that stand for a class of Ceph in one of the two interfaces. */
function typesOf(ceph: string, release: Release): Schema[] {
  const wanted = release === "nautilus" ? "classic" : "modern";
  return [...model.types]
    .filter(
      ([name, type]) =>
        type["x-interface"] === wanted && type["x-until"] !== "mimic" && (type["x-ceph-class"] ?? name) === ceph,
    )
    .map(([, type]) => type);
}

/** Every field of a type, those under `spec` and those of `status` too. */
function fieldsOf(type: Schema): string[] {
  const own = Object.entries(type.properties ?? {});
  const inner = own.flatMap(([name, field]) => {
    const target = name === "status" && referred(field) !== null ? model.types.get(referred(field) ?? "") : field;
    return name === "spec" || name === "status" ? Object.keys(target?.properties ?? {}) : [];
  });
  return [...own.map(([name]) => name), ...inner];
}

describe.each(RELEASE_NAMES)("the interface of %s", (release) => {
  const reason = missing(release);
  let real: Signatures;

  beforeEach((context) => context.skip(reason !== null, reason ?? ""));
  beforeAll(async () => {
    if (reason === null) real = await askSignatures(release);
  });

  it("has exactly the methods and signatures of the table", () => {
    expect(tableFor(release)).toEqual(real.methods);
    expect(Object.keys(real.methods)).toHaveLength(COUNTS[release]);
  });

  it("has no data class that is not described", () => {
    const unknown = Object.keys(real.classes).filter((name) => isWire(name) && typesOf(name, release).length === 0);
    expect(unknown).toEqual([]);
  });

  it("has no class that takes a field which is not described", () => {
    const strangers = Object.entries(real.classes).flatMap(([name, params]) => {
      // ServiceDescription is its spec's fields and more; its own `spec` param is that spec.
      const more = name === "ServiceDescription" ? ["spec", "deleted"] : [];
      const known = new Set([...typesOf(name, release).flatMap(fieldsOf), ...more, ...NO_DATA]);
      return isWire(name) ? params.filter((param) => !known.has(param)).map((param) => `${name}.${param}`) : [];
    });
    expect(strangers).toEqual([]);
  });

  it("has no service type without a class, and the class that Ceph uses", () => {
    const members = tagged["ServiceSpec"]?.members ?? {};
    const wrong = Object.entries(real.service_types).filter(([type, ceph]) => {
      const name = members[type] ?? "";
      const own = model.types.get(name)?.["x-ceph-class"] ?? name;
      // Pacific's monitors have no class of their own yet.
      return own !== ceph && !(type === "mon" && ceph === "ServiceSpec");
    });
    expect(wrong).toEqual([]);
  });
});
