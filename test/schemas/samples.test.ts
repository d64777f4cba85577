/** The generated samples: what is valid is taken, what is invalid is refused at the right place. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { InvalidSample } from "../../scripts/generate/samples.ts";
import { bundle } from "../../src/orchestrator/generated/bundle.ts";
import { validate } from "../../src/orchestrator/validate.ts";

const folder = join(import.meta.dirname, "../fixtures/samples");
const classes = readdirSync(join(folder, "valid")).map((file) => file.replace(/\.json$/, ""));

function read<T>(kind: "valid" | "invalid", name: string): T[] {
  return JSON.parse(readFileSync(join(folder, kind, `${name}.json`), "utf8")) as T[];
}

/** The path an issue names: what stands between `value` and the colon. */
function pathOf(issue: string): string {
  return issue.slice("value".length, issue.indexOf(": ")).replace(/^\./, "");
}

describe("the samples", () => {
  it("are there for every data class", () => {
    const expected = Object.keys(bundle.$defs).filter((name) => !name.includes(":"));
    expect([...classes].sort()).toEqual(expected.sort());
  });

  describe.each(classes)("%s", (name) => {
    it("takes the valid ones as they are", () => {
      const samples = read<unknown>("valid", name);
      expect(samples.length).toBeGreaterThan(0);
      for (const sample of samples) expect(validate(name, sample)).toEqual({ value: sample, issues: [], unknown: [] });
    });

    it("refuses the invalid ones at the field that is wrong", () => {
      const samples = read<InvalidSample>("invalid", name);
      expect(samples.length).toBeGreaterThan(1);
      const missed = samples.filter(
        ({ path, value }) => !validate(name, value).issues.some((issue) => pathOf(issue) === path),
      );
      expect(missed).toEqual([]);
    });
  });
});
