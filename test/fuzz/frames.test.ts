import { it } from "vitest";
import { fuzzFrames } from "./frames.ts";

it("decodes what is sound, answers each request once, and ends with a reason at anything else", async () => {
  await fuzzFrames({ seed: 1, count: 2500 });
}, 60_000);
