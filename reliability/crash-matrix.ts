/**
 * `npm run crash-matrix`: every fault at every stage of a write, on real managers.
 *
 *   npm run crash-matrix -- [--release NAME]... [--runs N] [--seed N] [--only TEXT] [--write]
 *
 * First each cell of the matrix once, then as many more as make N runs, in an order that the seed decides. `--only` picks the
 * cells whose `fault, stage` holds the text. `--write` puts the figures into docs/reliability.md. Exit code 1: a promise was broken.
 */
import { parseArgs } from "node:util";
import { type Cell, type Outcome, oneRun } from "../test/crash-matrix/one-run.ts";
import { CELLS, plan, seeded } from "../test/crash-matrix/plan.ts";
import { allBroken, type Figures, report, writePage } from "../test/crash-matrix/report.ts";
import { ROUNDS } from "../test/crash-matrix/rounds.ts";
import { Site } from "../test/crash-matrix/site.ts";
import { missing, type Release } from "../testbed/cluster.ts";
import { isRelease, RELEASE_NAMES } from "../testbed/releases.ts";

const ROUNDS_EACH = 3;

const { values } = parseArgs({
  options: {
    release: { type: "string", multiple: true, default: ["pacific", "tentacle"] },
    runs: { type: "string", default: String(CELLS.length) },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
const runs = count("runs", values.runs);
const seed = count("seed", values.seed);

const all: Figures[] = [];
for (const release of values.release) {
  if (!isRelease(release)) fail(`--release: expected one of ${RELEASE_NAMES.join(", ")}, got ${release}`);
  const reason = missing(release);
  if (reason !== null) fail(reason);
  all.push(await onRelease(release));
}
const text = report(all);
console.log(`\n${text}`);
if (values.write) writePage(text);
const broken = all.flatMap(allBroken);
for (const line of broken) console.error(`broken: ${line}`);
process.exitCode = broken.length === 0 ? 0 : 1;

async function onRelease(release: Release): Promise<Figures> {
  const random = seeded(seed);
  const cells = plan(runs, random, values.only);
  const site = await Site.up(release, "crash-matrix");
  const outcomes: Outcome[] = [];
  const rounds: { what: string; broken: readonly string[]; seen: string }[] = [];
  let leaked: string[] = [];
  try {
    for (const cell of cells) outcomes.push(await told(site, outcomes.length + 1, cell, random));
    if (values.only === undefined) {
      for (let n = 0; n < ROUNDS_EACH; n += 1) {
        for (const [index, { what, make }] of ROUNDS.entries()) {
          const made = await make(site, `s${n}${index}`).catch((error: unknown) => ({
            broken: [String(error)],
            seen: "",
          }));
          rounds.push({ what, ...made });
          console.error(
            `${release} ${what}: ${made.broken.length === 0 ? "ok" : made.broken.join("; ")} (${made.seen})`,
          );
        }
      }
    }
  } finally {
    const bad = [...outcomes, ...rounds].some((one) => one.broken.length > 0) || outcomes.length < cells.length;
    const { dir } = site.at.cluster;
    leaked = await site.down({ keep: bad });
    if (bad) console.error(`the logs are kept in ${dir}`);
  }
  return { release, seed, outcomes, rounds, revivals: site.revivals(), leaked };
}

async function told(site: Site, number: number, cell: Cell, random: () => number): Promise<Outcome> {
  const outcome = await oneRun(site, number, cell, random);
  const { fault, stage, hit, resumed, retried, errors, broken: unkept } = outcome;
  const more = [
    `${resumed} resumed`,
    ...(retried > 0 ? [`${retried} retried`] : []),
    ...(hit === null ? [] : [hit]),
    `${errors.length} errors told`,
  ];
  const verdict = unkept.length === 0 ? "ok" : `BROKEN ${unkept.join("; ")}`;
  const time = new Date().toISOString().slice(11, 19);
  console.error(
    `${time} ${site.release} ${number}/${runs} ${fault}, ${stage}: ${verdict} (${more.join(", ")}; ${outcome.seconds.toFixed(1)} s)`,
  );
  return outcome;
}

function count(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) fail(`--${name}: expected a number from 1 on, got ${value}`);
  return number;
}

function fail(message: string): never {
  console.error(`crash-matrix: ${message}`);
  process.exit(2);
}
