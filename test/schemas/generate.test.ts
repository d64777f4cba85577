/** The generator: what is committed is what it makes, and it says what is not. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildDefinitions } from "../../scripts/generate/definitions.ts";
import { loadModel } from "../../scripts/generate/load.ts";
import { staleFiles, writeOutput } from "../../scripts/generate/output.ts";
import { METHODS, SCHEMA_HASH, SECRET_FIELDS } from "../../src/orchestrator/generated/methods.ts";

const root = join(import.meta.dirname, "../..");

describe("generate", () => {
  it("--check finds nothing stale in the committed files", () => {
    const { status, stderr } = spawnSync(process.execPath, ["scripts/generate.ts", "--check"], {
      cwd: root,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  it("hashes what both halves must agree on, and not the descriptions", () => {
    const model = loadModel(root);
    expect(buildDefinitions(model).hash).toBe(SCHEMA_HASH);
    const [host] = [model.types.get("HostSpec")];
    if (host === undefined) throw new Error("there is no HostSpec");
    model.types.set("HostSpec", { ...host, description: "Another description." });
    expect(buildDefinitions(model).hash).toBe(SCHEMA_HASH);
    model.types.set("HostSpec", { ...host, required: [] });
    expect(buildDefinitions(model).hash).not.toBe(SCHEMA_HASH);
  });

  it("lists the fields that hold secrets", () => {
    expect(SECRET_FIELDS).toEqual(
      expect.arrayContaining(["password", "api_password", "ssl_key", "client_secret", "key"]),
    );
    expect(SECRET_FIELDS).not.toContain("hostname");
    expect(METHODS["orchestrator/cert_store_get_key"]?.secret).toBe(true);
  });
});

describe("the output", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "orchbridge-output-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("names a missing, a changed and a stray file, and sets them right", () => {
    const output = new Map([
      ["docs/errors.md", "errors\n"],
      ["src/orchestrator/generated/types.ts", "types\n"],
    ]);
    expect(staleFiles(folder, output)).toEqual(["docs/errors.md", "src/orchestrator/generated/types.ts"]);
    writeOutput(folder, output);
    expect(staleFiles(folder, output)).toEqual([]);
    writeFileSync(join(folder, "docs/errors.md"), "by hand\n");
    writeFileSync(join(folder, "docs/own.md"), "not generated\n");
    writeFileSync(join(folder, "src/orchestrator/generated/old.ts"), "no longer generated\n");
    expect(staleFiles(folder, output)).toEqual(["docs/errors.md", "src/orchestrator/generated/old.ts"]);
    writeOutput(folder, output);
    expect(staleFiles(folder, output)).toEqual([]);
    expect(readFileSync(join(folder, "docs/own.md"), "utf8")).toBe("not generated\n");
  });
});
