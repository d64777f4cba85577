/** The samples against the real classes: what the schemas allow, Ceph takes; what Ceph gives, the schemas allow. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadModel } from "../../scripts/generate/load.ts";
import type { Json, Schema } from "../../scripts/generate/model.ts";
import { example, validSamples } from "../../scripts/generate/samples.ts";
import { tagged } from "../../src/orchestrator/generated/bundle.ts";
import { validate } from "../../src/orchestrator/validate.ts";
import { rootOf } from "../../testbed/cache.ts";
import { missing } from "../../testbed/missing.ts";
import { RELEASE_NAMES, type Release } from "../../testbed/releases.ts";
import { type Attempt, askRoundtrip, runPython } from "./in-ceph.ts";

const model = loadModel(join(import.meta.dirname, "../.."));

/** No classes of data: completions have behaviour, the others are plain JSON in Ceph. */
const PLAIN = ["ReadCompletion", "WriteCompletion", "PlanRow"];

/** Fields that Ceph takes together with certain others only, which a schema cannot say. */
const TOGETHER = [
  "CustomContainerSpec.spec.args",
  "DriveGroupSpec.custom_configs",
  "IngressSpec.spec.virtual_ips_list",
  "PlacementSpec.label",
  "PlacementSpec.count_per_host",
  "PlacementSpec.host_pattern",
  "ClassicDeviceSelection.id_model",
  "ClassicDeviceSelection.size",
  "ClassicDeviceSelection.rotates",
  "ClassicDeviceSelection.count",
  "RGWSpec.spec.rgw_realm",
  "RGWSpec.spec.rgw_zone",
  "SMBClusterBindIPSpec.network",
  "SMBSpec.spec.cluster_meta_uri",
  "SMBSpec.spec.cluster_lock_uri",
];

/** Fields that Ceph's own to_json drops, or writes otherwise. */
const LOST = [
  "CephExporterSpec.spec.sock_dir",
  "DaemonDescription.deployed_by",
  "DaemonDescription.extra_container_args",
  "DaemonDescription.extra_entrypoint_args",
  "DaemonDescription.osdspec_affinity",
  "DeviceSelection.actuators",
  "IngressSpec.spec.enable_stats",
  "InventoryDevice.metadata_space_free",
  "RGWSpec.spec.subcluster",
];

/** Fields that change others, which Ceph computes from them. */
const COMPUTING = ["service_type", "service_id", "service_name"];

interface Sample {
  type: string;
  /** What is tried: `example`, or the path of one field. */
  label: string;
  value: Json;
}

/** Ceph's class for a type: the specs are all read by ServiceSpec. */
function cephClass(name: string, type: Schema): string {
  const isSpec = Object.values(tagged["ServiceSpec"]?.members ?? {}).includes(name);
  return isSpec ? "ServiceSpec" : (type["x-ceph-class"] ?? name);
}

/** The examples of a type, and its first one with each field in turn. */
function samplesOf(name: string, type: Schema): Sample[] {
  const examples = (type.examples ?? validSamples(name, type, model.types).slice(0, 1)).map((value) => ({
    type: name,
    label: "example",
    value,
  }));
  const base = asObject(examples[0]?.value);
  if (type.type !== "object") return examples;
  const single = Object.entries(type.properties ?? {}).flatMap(([field, schema]): Sample[] => {
    if (field !== "spec" || schema.properties === undefined) {
      return [{ type: name, label: field, value: { ...base, [field]: example(schema, model.types) } }];
    }
    return Object.entries(schema.properties).map(([inner, inside]) => ({
      type: name,
      label: `spec.${inner}`,
      value: { ...base, spec: { ...asObject(base["spec"]), [inner]: example(inside, model.types) } },
    }));
  });
  return [...examples, ...single];
}

function asObject(value: Json | undefined): { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function samplesFor(release: Release): Map<string, Sample[]> {
  const wanted = release === "nautilus" ? "classic" : "modern";
  const byClass = new Map<string, Sample[]>();
  for (const [name, type] of model.types) {
    if (
      type["x-interface"] !== wanted ||
      type["x-until"] === "mimic" ||
      type.oneOf !== undefined ||
      PLAIN.includes(name)
    )
      continue;
    const ceph = cephClass(name, type);
    byClass.set(ceph, [...(byClass.get(ceph) ?? []), ...samplesOf(name, type)]);
  }
  return byClass;
}

/** Paths of what was given and did not come back, leaving out what is empty. */
function lost(given: unknown, back: unknown, path: string): string[] {
  if (given === null || given === false || given === "" || given === 0) return [];
  if (typeof given !== "object") return JSON.stringify(given) === JSON.stringify(back) ? [] : [path];
  if (Array.isArray(given)) return given.length === 0 || Array.isArray(back) ? [] : [path];
  if (Object.keys(given).length === 0) return [];
  if (typeof back !== "object" || back === null) return [path];
  return Object.entries(given).flatMap(([key, value]) =>
    lost(value, (back as Record<string, unknown>)[key], `${path}.${key}`),
  );
}

describe.each(RELEASE_NAMES)("the data classes of %s", (release) => {
  const reason = missing(release);
  const tried: { sample: Sample; attempt: Attempt }[] = [];

  beforeEach((context) => context.skip(reason !== null, reason ?? ""));
  beforeAll(async () => {
    if (reason !== null) return;
    const samples = samplesFor(release);
    const values = Object.fromEntries([...samples].map(([ceph, rows]) => [ceph, rows.map((row) => row.value)]));
    const attempts = await askRoundtrip(release, values);
    for (const [ceph, rows] of samples) {
      rows.forEach((sample, index) =>
        tried.push({ sample, attempt: attempts[ceph]?.[index] ?? { error: "no answer" } }),
      );
    }
  });

  it("take every example, and every field alone where Ceph does not ask for others with it", () => {
    const refused = tried.filter(({ attempt }) => attempt.error !== undefined);
    const unexpected = refused.filter(({ sample }) => !TOGETHER.includes(`${sample.type}.${sample.label}`));
    expect(unexpected.map(({ sample, attempt }) => `${sample.type} ${sample.label}: ${attempt.error}`)).toEqual([]);
    expect(tried.length - refused.length).toBeGreaterThan(release === "nautilus" ? 40 : 300);
  });

  it("give back nothing that the schemas refuse", () => {
    const wrong = tried.flatMap(({ sample, attempt }) =>
      "json" in attempt ? validate(sample.type, attempt.json, { root: `${sample.type} (${sample.label})` }).issues : [],
    );
    expect(wrong).toEqual([]);
  });

  it("lose nothing of what they were given", () => {
    const gone = tried.flatMap(({ sample, attempt }) => {
      if (!("json" in attempt) || COMPUTING.includes(sample.label)) return [];
      return lost(attempt.given, attempt.json, sample.type);
    });
    expect([...new Set(gone)].filter((path) => !LOST.includes(path))).toEqual([]);
  });

  it("give nothing that the schemas refuse from the sample data that Ceph brings for its own tests", async (context) => {
    if (release === "nautilus") return context.skip("Nautilus brings none");
    const file = join(rootOf(release), "usr/share/ceph/mgr/test_orchestrator/dummy_data.json");
    const data: Record<string, unknown[]> = JSON.parse(readFileSync(file, "utf8"));
    const samples = {
      InventoryHost: data["inventory"] ?? [],
      ServiceDescription: data["services"] ?? [],
      DaemonDescription: data["daemons"] ?? [],
    };
    const answers = await askRoundtrip(release, samples);
    for (const [name, attempts] of Object.entries(answers)) {
      expect(attempts.length).toBeGreaterThan(0);
      for (const { json, error } of attempts)
        expect({ error, ...validate(name, json) }).toMatchObject({ error: undefined, issues: [] });
    }
  });

  it("stand beside a Python that runs the generated modules", async () => {
    const folder = join(import.meta.dirname, "../../python-shim/orchbridge/generated");
    const code =
      "import sys; exec(compile(sys.stdin.read(), sys.argv[1], 'exec', dont_inherit=True), {'__name__': sys.argv[1]})";
    for (const name of ["classes", "methods"]) {
      const source = `${readFileSync(join(folder, `${name}.py`), "utf8")}\nprint("runs")\n`;
      expect(await runPython(release, code, [name], source)).toBe("runs\n");
    }
  });
});
