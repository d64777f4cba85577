/** A test runner of a few lines: the suite as one function, with what each of its cases came to. */
import {
  type BackendGiven,
  backendContract,
  type ContractOptions,
  type TestFunction,
} from "../../src/contract/index.ts";

export interface Result {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  readonly why: string;
  readonly ms: number;
}

/** So many cases at once: most of them wait for timers. */
const AT_ONCE = 16;

/** Runs the cases that `wanted` takes, in the order of the suite. */
export async function results(
  backend: BackendGiven,
  options: ContractOptions,
  wanted: (name: string) => boolean = () => true,
): Promise<Result[]> {
  const cases: { readonly name: string; readonly run: Parameters<TestFunction>[1] }[] = [];
  backendContract((name, run) => void cases.push({ name, run }), backend, options);
  const left = cases.filter(({ name }) => wanted(name)).map((each, index) => ({ ...each, index }));
  const found: Result[] = [];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) found[next.index] = await result(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return found;
}

async function result({ name, run }: { name: string; run: Parameters<TestFunction>[1] }): Promise<Result> {
  const began = performance.now();
  let skipped: string | undefined;
  const ms = (): number => Math.round(performance.now() - began);
  try {
    await run({ skip: (why: string) => void (skipped = why) });
    return { name, outcome: skipped === undefined ? "passed" : "skipped", why: skipped ?? "", ms: ms() };
  } catch (error) {
    return { name, outcome: "failed", why: error instanceof Error ? error.message : String(error), ms: ms() };
  }
}
