/** Runs a property for as long as it takes to count so many generated things, and watches the memory meanwhile. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";

export interface Rounds {
  readonly seed: number;
  /** How many frames, calls or values to generate. */
  readonly count: number;
  readonly progress?: (line: string) => void;
}

export interface Summary {
  readonly what: string;
  readonly seed: number;
  readonly count: number;
  readonly seconds: number;
  /** MB on the heap after a full collection: after the first tenth, and at the end. */
  readonly heapStart: number;
  readonly heapEnd: number;
  /** MB of the process. */
  readonly rss: number;
}

/** Runs in one round: each has a seed of its own, so a failure is found again without those before it. */
const RUNS = 50;
/** Growth of the heap, in MB, that is a leak. A tenth of a run warms caches and the compiler up. */
const LEAK = 16;

/** `make` gives the property; it says how much each run generated. Rejects with fast-check's report: the seed, the path and the shrunk input. */
export async function runRounds(
  what: string,
  { seed, count, progress }: Rounds,
  make: (count: (generated: number) => void) => fc.IAsyncProperty<[never]> | fc.IAsyncPropertyWithHooks<unknown[]>,
): Promise<Summary> {
  const began = performance.now();
  let done = 0;
  let heapStart: number | undefined;
  let told = 0;
  for (let round = 0; done < count; round++) {
    await fc.assert(
      make((generated) => (done += generated)),
      { seed: seed + round, numRuns: RUNS, endOnFailure: false },
    );
    if (done >= count / 10) heapStart ??= heapAfterCollection();
    if (progress !== undefined && done >= (told + 1) * (count / 10)) {
      told = Math.floor((done * 10) / count);
      progress(`${what}: ${done} in ${seconds(began)} s, heap ${heapAfterCollection().toFixed(1)} MB`);
    }
  }
  const heapEnd = heapAfterCollection();
  heapStart ??= heapEnd;
  if (heapEnd - heapStart > LEAK) throw new Error(`${what}: the heap grew from ${heapStart} to ${heapEnd} MB`);
  return { what, seed, count: done, seconds: seconds(began), heapStart, heapEnd, rss: process.memoryUsage.rss() / 1e6 };
}

function seconds(began: number): number {
  return Math.round((performance.now() - began) / 100) / 10;
}

let collect: (() => void) | undefined;

/** Node shows its collector only when asked to. */
function heapAfterCollection(): number {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
  return process.memoryUsage().heapUsed / 1e6;
}
