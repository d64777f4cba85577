/**
 * `npm run local-crash`: the local backend's activities, each met by each fault at a random moment, on real daemons; then upgrades
 * of hosts of their own, with faults in their midst.
 *
 *   npm run local-crash -- [--release NAME]... [--runs N] [--upgrades N] [--seed N] [--write]
 *
 * `--write` puts the figures into docs/reliability.md. Exit code 1: an object was lost, or a promise was broken.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { upLocal } from "../test/ceph/local/local-cluster.ts";
import { seeded } from "../test/crash-matrix/plan.ts";
import { ACTIVITIES } from "../test/local-crash/activities.ts";
import { begin, OPTIONS } from "../test/local-crash/beginning.ts";
import { FAULTS } from "../test/local-crash/faults.ts";
import { type Outcome, oneRun } from "../test/local-crash/one-run.ts";
import { UPGRADE_FAULTS } from "../test/local-crash/upgrade-faults.ts";
import { type UpgradeOutcome, upgradeRun, upgradeSection } from "../test/local-crash/upgrade-run.ts";
import { missing, type Release } from "../testbed/cluster.ts";
import { isRelease, RELEASE_NAMES } from "../testbed/releases.ts";

const { values } = parseArgs({
  options: {
    release: { type: "string", multiple: true, default: ["tentacle"] },
    runs: { type: "string", default: String(ACTIVITIES.length * FAULTS.length) },
    upgrades: { type: "string", default: String(UPGRADE_FAULTS.length) },
    seed: { type: "string", default: "1" },
    write: { type: "boolean", default: false },
  },
});
const page = join(import.meta.dirname, "../docs/reliability.md");
const place = /(<!-- local crash: written by npm run local-crash -- --write -->\n)[^]*(<!-- end of local crash -->)/;

const sections: string[] = [];
let broken = 0;
for (const release of values.release) {
  if (Number(values.runs) === 0) break;
  if (!isRelease(release)) throw new Error(`--release: expected one of ${RELEASE_NAMES.join(", ")}, got ${release}`);
  const reason = missing(release);
  if (reason !== null) throw new Error(reason);
  const outcomes = await onRelease(release);
  broken += outcomes.filter((outcome) => outcome.broken.length > 0).length;
  sections.push(section(release, outcomes));
}
const upgrades = await upgraded();
broken += upgrades.filter((outcome) => outcome.broken.length > 0).length;
if (upgrades.length > 0) sections.push(upgradeSection(values.seed, upgrades));
const text = sections.join("\n\n");
console.log(`\n${text}`);
if (values.write) {
  const old = readFileSync(page, "utf8");
  if (!place.test(old)) throw new Error(`${page} has no place for the figures`);
  writeFileSync(
    page,
    old.replace(place, (_, start: string, end: string) => `${start}\n${text}\n\n${end}`),
  );
}
process.exitCode = broken === 0 ? 0 : 1;

async function onRelease(release: Release): Promise<Outcome[]> {
  const random = seeded(Number(values.seed));
  const at = await upLocal({ release, name: "local-crash", options: OPTIONS });
  const outcomes: Outcome[] = [];
  try {
    let wanted = await begin(at);
    for (let run = 0; run < Number(values.runs); run += 1) {
      const fitting = ACTIVITIES.filter((activity) => activity.fits(wanted));
      const activity = fitting[Math.floor(random() * fitting.length)]!;
      const fault = FAULTS[run % FAULTS.length]!;
      const outcome = await oneRun(at, wanted, activity, fault, random);
      wanted = outcome.wanted;
      outcomes.push(outcome);
      const said = outcome.broken.length === 0 ? "ok" : outcome.broken.join("; ");
      console.error(
        `${release} ${run + 1}: ${activity.name}, ${fault.name} after ${outcome.afterMs} ms: ${said} (${outcome.settledS.toFixed(1)} s)`,
      );
      if (outcome.broken.length > 0) break;
    }
  } finally {
    const bad = outcomes.some((outcome) => outcome.broken.length > 0);
    const left = await at.cluster.down({ keep: bad });
    if (left.length > 0) console.error(`left: ${left.map(({ command }) => command).join("; ")}`);
    if (bad) console.error(`the logs are kept in ${at.cluster.dir}`);
  }
  return outcomes;
}

/** Each fault strikes first in one of them; with one manager and with two by turns. */
async function upgraded(): Promise<UpgradeOutcome[]> {
  const random = seeded(Number(values.seed));
  const outcomes: UpgradeOutcome[] = [];
  for (let run = 0; run < Number(values.upgrades); run += 1) {
    const outcome = await upgradeRun(2 - (run % 2), UPGRADE_FAULTS[run % UPGRADE_FAULTS.length]!, random);
    outcomes.push(outcome);
    const struck = outcome.struck.map(({ fault, daemon }) => `${fault} at ${daemon}`).join(", ");
    const said = outcome.broken.length === 0 ? "ok" : outcome.broken.join("; ");
    console.error(`upgrade ${run + 1}: ${outcome.mgrs} mgr(s), ${struck}: ${said} (${outcome.tookS.toFixed(1)} s)`);
    if (outcome.broken.length > 0) break;
  }
  return outcomes;
}

function section(release: Release, outcomes: readonly Outcome[]): string {
  const rows = ACTIVITIES.map(({ name }) => {
    const cells = FAULTS.map((fault) => {
      const runs = outcomes.filter((one) => one.activity === name && one.fault === fault.name);
      const slowest = Math.max(0, ...runs.map(({ settledS }) => settledS));
      return runs.length === 0 ? "–" : `${runs.length} (${slowest.toFixed(0)} s)`;
    });
    return `| ${name} | ${cells.join(" | ")} |`;
  });
  const kept = outcomes.filter((outcome) => outcome.broken.length === 0).length;
  return [
    `${release}, seed ${values.seed}: ${outcomes.length} runs, ${kept} as promised. Runs of each cell, and the longest time to rest:`,
    "",
    `| | ${FAULTS.map(({ name }) => name).join(" | ")} |`,
    `|---|${"---|".repeat(FAULTS.length)}`,
    ...rows,
  ].join("\n");
}
