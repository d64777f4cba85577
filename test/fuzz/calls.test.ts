import { it } from "vitest";
import { fuzzCalls } from "./calls.ts";

it("answers each call once, with a result or with an error that says what is wrong", async () => {
  await fuzzCalls({ seed: 1, count: 400 });
}, 60_000);
