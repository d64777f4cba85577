import { describe, expect, test } from "vitest";
import memory from "../../src/backends/memory/index.ts";
import { backendContract, type TestFunction } from "../../src/contract/index.ts";
import { clusterOptions, lastingMemory, SAMPLES, withController } from "./memory-world.ts";
import { type Result, results } from "./runner.ts";

/** Far more than it takes, for a machine that has much else to do. */
const PATIENT = { settlesWithin: 15_000, answersWithin: 15_000 };

describe("the memory backend", () => {
  backendContract(test, memory, { ...PATIENT, options: clusterOptions(), samples: SAMPLES });
});

describe("a memory backend that takes its time, and whose cluster outlives it", () => {
  const delays = { read_ms: 1, persist_ms: 2, effective_ms: 10 };
  const options = clusterOptions({ delays });
  const facts = { ...PATIENT, options, samples: SAMPLES };
  const besides: Parameters<TestFunction>[] = [];
  backendContract((...each) => besides.push(each), lastingMemory(), facts);
  // A thousand hosts hold up all that runs beside them; they are added above.
  const quick = besides.filter(([name]) => !name.startsWith("a thousand hosts"));
  test.concurrent.for(quick)("%s", ([, run], context) => run(context));
});

describe("parts of the contract", { timeout: 120_000 }, () => {
  const failed = (found: readonly Result[]): Result[] => found.filter(({ outcome }) => outcome === "failed");
  const passed = (found: readonly Result[]): number => found.filter(({ outcome }) => outcome === "passed").length;

  test("are met by one that runs its batches by itself", async () => {
    const batching = lastingMemory((backend) => ({
      ...backend,
      async batch(calls) {
        for (const { call } of calls) await call.run();
      },
    }));
    const wanted = (name: string): boolean => /batch|spec|applied|apply|ends when|resumed/.test(name);
    const found = await results(batching, { ...PATIENT, options: clusterOptions(), samples: SAMPLES }, wanted);
    expect(failed(found)).toEqual([]);
    expect(passed(found)).toBeGreaterThan(50);
  });

  test("are met by one whose orchestrator makes effective what is persistent, whether anybody waits or not", async () => {
    const options = clusterOptions({ delays: { effective_ms: 5 } });
    const samples = { upgrade: { version: "21.0.1" } };
    const wanted = (name: string): boolean => /effective|resumed|kept|process|forgotten|under way/.test(name);
    const found = await results(
      lastingMemory(withController),
      { ...PATIENT, options, samples, convergesByItself: true },
      wanted,
    );
    expect(failed(found)).toEqual([]);
    expect(passed(found)).toBeGreaterThan(50);
  });
});
