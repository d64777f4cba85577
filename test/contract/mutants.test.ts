import { expect, test } from "vitest";
import memory from "../../src/backends/memory/index.ts";
import type { BackendGiven, World } from "../../src/contract/index.ts";
import { clusterOptions, lastingMemory, SAMPLES } from "./memory-world.ts";
import { ANSWER_MUTANTS } from "./mutants/answers.ts";
import { MACHINERY_MUTANTS } from "./mutants/machinery.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { WRITE_MUTANTS } from "./mutants/writes.ts";
import { type Result, results } from "./runner.ts";

const MUTANTS: readonly Mutant[] = [...WRITE_MUTANTS, ...ANSWER_MUTANTS, ...MACHINERY_MUTANTS];

function given({ change, define, forgets }: Mutant): BackendGiven {
  if (forgets === true) return (): World => ({ definition: memory });
  const lasting = lastingMemory(change);
  return () => (define === undefined ? lasting() : { definition: define(lasting().definition) });
}

/** What the suite's cases of these names come to. What never ends is soon found to. */
function examined(mutant: Mutant, wanted: (name: string) => boolean, withinMs = 500): Promise<Result[]> {
  const options = clusterOptions(mutant.options);
  const facts = { options, samples: SAMPLES, settlesWithin: withinMs, answersWithin: withinMs * 2 };
  return results(given(mutant), facts, wanted);
}

test("there are at least thirty mutants, each with a name of its own", () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(30);
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

// The table of what catches what: mutant → cases.
test.each(MUTANTS)("the suite finds that $name", { timeout: 60_000 }, async (mutant) => {
  const { caughtBy } = mutant;
  const found = await examined(mutant, (name) => caughtBy.some((start) => name.startsWith(start)));
  const failed = found.filter(({ outcome }) => outcome === "failed").map(({ name }) => name);
  const missed = caughtBy.filter((start) => !failed.some((name) => name.startsWith(start)));
  expect(missed, "these cases pass").toEqual([]);
});

test("what these mutants are made of passes the same cases", { timeout: 120_000 }, async () => {
  const starts = [...new Set(MUTANTS.flatMap(({ caughtBy }) => caughtBy))];
  const sound = { name: "sound", caughtBy: starts };
  const found = await examined(sound, (name) => starts.some((start) => name.startsWith(start)), 10_000);
  expect(found.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
  expect(found.length).toBeGreaterThanOrEqual(starts.length);
});
