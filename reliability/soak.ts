/**
 * `npm run soak`: a real manager under mixed calls, ten times as many as the dashboard and prometheus make, while all kinds of
 * things go wrong; ends with 1 if anything leaks, stays unanswered or fails without cause.
 *
 *   npm run soak -- [--release NAME] [--minutes N] [--seed N] [--no-control] [--write]
 *
 * `--write` puts the figures into docs/reliability.md. What is done and what is checked stands there.
 */
import { parseArgs } from "node:util";

import { missing } from "../testbed/cluster.ts";
import { isRelease, RELEASE_NAMES } from "../testbed/releases.ts";
import { report, writePage } from "./soak/report.ts";
import { soak } from "./soak/run.ts";
import { broken } from "./soak/verdict.ts";

const { values } = parseArgs({
  options: {
    release: { type: "string", default: "tentacle" },
    minutes: { type: "string", default: "30" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    control: { type: "boolean", default: true },
    write: { type: "boolean", default: false },
  },
  allowNegative: true,
});

const { release, control } = values;
if (!isRelease(release)) fail(`--release: expected one of ${RELEASE_NAMES.join(", ")}, got ${release}`);
const minutes = numberFrom("minutes", values.minutes);
const seed = numberFrom("seed", values.seed);
const reason = missing(release);
if (reason !== null) fail(reason);

const log = (line: string): void => console.error(line);
log(`soak on ${release}, ${minutes} minutes, seed ${seed}`);
const result = await soak({ release, seconds: minutes * 60, seed, control, prometheus: true, log });
const problems = broken(result);
const text = report(result);
console.log(text);
if (values.write) writePage(text);
for (const problem of problems) console.log(`\nBROKEN: ${problem}`);
console.log(problems.length === 0 ? "\nsoak passed" : `\nsoak failed: ${problems.length} rules broken`);
process.exitCode = problems.length === 0 ? 0 : 1;

function numberFrom(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) fail(`--${flag}: expected a number above 0, got ${text}`);
  return value;
}

function fail(message: string): never {
  console.error(`soak: ${message}`);
  process.exit(2);
}
