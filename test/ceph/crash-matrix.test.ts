/** The short form of the crash matrix (`npm run crash-matrix` is the whole): every fault, at some stages of a write. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { missing } from "../../testbed/cluster.ts";
import { oneRun } from "../crash-matrix/one-run.ts";
import { cellNamed, seeded } from "../crash-matrix/plan.ts";
import { Site } from "../crash-matrix/site.ts";

const CELLS = [
  ["Node killed", "submitted"],
  ["Node killed", "after the journal entry"],
  ["Node killed", "during effective"],
  ["mon restarted", "before the durable step"],
  ["mon restarted", "before the journal entry"],
  ["mon restarted", "before effective"],
  ["disk full", "before the durable step"],
  ["disk full", "during effective"],
] as const;
/** A manager takes ten to twenty seconds to take over, so each release has half of these. */
const TAKE_OVERS = {
  pacific: [
    ["mgr fail", "before effective"],
    ["mgr killed", "before the journal entry"],
  ],
  tentacle: [
    ["mgr fail", "submitted"],
    ["mgr killed", "during effective"],
  ],
} as const;

describe.each(["pacific", "tentacle"] as const)("writes on %s", (release) => {
  const reason = missing(release);
  const random = seeded(1);
  let site: Site;
  let runs = 0;

  beforeEach((context) => context.skip(reason !== null, reason ?? ""));
  beforeAll(async () => {
    if (reason === null) site = await Site.up(release, "crash");
  });
  afterAll(async () => {
    if (reason === null) expect(await site.down()).toEqual([]);
  });

  it.each([...CELLS, ...TAKE_OVERS[release]])(
    "%s, %s: none is lost, none is done twice, and all are answered",
    async (fault, stage) => {
      runs += 1;
      const outcome = await oneRun(site, runs, cellNamed(fault, stage), random);
      expect(outcome.broken).toEqual([]);
      // What the fault was to meet was there.
      if (fault === "disk full") expect(outcome.errors.length + outcome.retried).toBeGreaterThan(0);
      if (fault.startsWith("mgr") && !stage.endsWith("effective")) expect(outcome.inFlight).toBeGreaterThan(0);
      if (stage.endsWith("effective") && fault !== "mon restarted") expect(outcome.resumed).toBeGreaterThan(0);
    },
  );
});
