/** The contract suite for backend authors: what every backend has to do, whatever its orchestrator. */
import { Bench } from "./bench.ts";
import { type Case, Skip } from "./case.ts";
import { CASES } from "./cases/all.ts";
import { type BackendGiven, type ContractOptions, type Facts, factsOf, type TestFunction } from "./options.ts";

export type {
  BackendGiven,
  ContractOptions,
  DoomedWrite,
  Samples,
  TestFunction,
  World,
} from "./options.ts";

/** A case makes a few writes, in up to a score of worlds. */
const SETTLES_A_CASE = 40;
const LEAST_MS = 30_000;
/** A long one makes a thousand. */
const LONG = 10;

/**
 * Registers a test for each case. A case whose methods the backend does not define is skipped by name, with what is missing;
 * in a runner without a way to skip a test that has begun, it passes and says so on stderr.
 */
export function backendContract(test: TestFunction, backend: BackendGiven, options: ContractOptions = {}): void {
  const facts = factsOf(options);
  const timeoutMs = Math.max(LEAST_MS, facts.settlesWithin * SETTLES_A_CASE);
  for (const each of CASES) {
    // Without a parameter of its own: some runners take a function that has one for an old one with a callback.
    test(
      each.name,
      (...given) => runCase(each, backend, facts, (why) => skip(each, given[0], why)),
      each.long === true ? timeoutMs * LONG : timeoutMs,
    );
  }
}

async function runCase(each: Case, backend: BackendGiven, facts: Facts, skipped: (why: string) => void): Promise<void> {
  let why: string | undefined;
  try {
    const bench = await Bench.open(backend, facts, each.dialect);
    const failed = await run(each, bench).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const complaint = await bench.end().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (failed !== undefined && (complaint === undefined || !(failed.error instanceof Skip))) throw failed.error;
    if (complaint !== undefined) throw complaint.error;
  } catch (error) {
    if (!(error instanceof Skip)) throw citing(each, error);
    why = error.message;
  }
  if (why !== undefined) skipped(why);
}

async function run(each: Case, bench: Bench): Promise<void> {
  bench.needs(...each.needs);
  await each.run(bench);
}

/** The error, saying which behaviour of Ceph was not met. */
function citing({ source }: Case, error: unknown): unknown {
  if (error instanceof Error) error.message = `${error.message}\n(mirrors: ${source})`;
  return error;
}

/** vitest and node:test hand a context over; vitest's is a function. */
function skip({ name }: Case, context: unknown, why: string): void {
  if (canSkip(context)) context.skip(why);
  else process.stderr.write(`skipped: ${name}: ${why}\n`);
}

function canSkip(context: unknown): context is { skip(why: string): void } {
  if ((typeof context !== "object" && typeof context !== "function") || context === null) return false;
  return "skip" in context && typeof context.skip === "function";
}
