/** The short form of `npm run soak`: what is counted must not grow. Memory needs the long form. */
import { describe, expect, it } from "vitest";

import { type SoakResult, soak } from "../../reliability/soak/run.ts";
import { missing } from "../../testbed/cluster.ts";

const SECONDS = 50;
const SEED = 29;

describe("a minute of mixed calls while things go wrong, on tentacle,", () => {
  it("leaves no thread, descriptor, process, journal entry or event, and no call unanswered", async (context) => {
    const reason = missing("tentacle");
    context.skip(reason !== null, reason ?? "");
    const said: string[] = [];
    const result = await soak({
      release: "tentacle",
      seconds: SECONDS,
      seed: SEED,
      control: false,
      prometheus: false,
      log: (line) => said.push(line),
    });
    expect(result.problems, said.join("\n")).toEqual([]);
    expect(result.after).toMatchObject({ journal: 0, events: 0, zombies: 0 });
    expectWork(result);
  });
});

/** That the soak did what it is for. */
function expectWork({ tally, troubles }: SoakResult): void {
  expect(troubles.size).toBeGreaterThan(2);
  for (const [source, { ok }] of tally.bySource()) expect(ok, source).toBeGreaterThan(5);
}
