/** The figures of a crash matrix as Markdown, and their place in docs/reliability.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Release } from "../../testbed/cluster.ts";
import { FAULTS } from "./faults.ts";
import type { Outcome } from "./one-run.ts";
import { NO_WAITED, STAGES } from "./stages.ts";

/** All runs on one release. */
export interface Figures {
  readonly release: Release;
  readonly seed: number;
  readonly outcomes: readonly Outcome[];
  /** What each round of fencing and of the module's removal showed. */
  readonly rounds: readonly { readonly what: string; readonly broken: readonly string[]; readonly seen: string }[];
  readonly revivals: number;
  readonly leaked: readonly string[];
}

const page = join(import.meta.dirname, "../../docs/reliability.md");
const between =
  /(<!-- crash matrix: written by npm run crash-matrix -- --write -->\n)[^]*(<!-- end of crash matrix -->)/;

/** Replaces the figures in the page. */
export function writePage(text: string): void {
  const old = readFileSync(page, "utf8");
  if (!between.test(old)) throw new Error(`${page} has no place for the figures of the crash matrix`);
  writeFileSync(
    page,
    old.replace(between, (_, start: string, end: string) => `${start}\n${text}\n\n${end}`),
  );
}

export function report(all: readonly Figures[]): string {
  return [totals(all), ...all.map(matrix), ...all.map(roundsOf)].filter((part) => part !== "").join("\n\n");
}

function totals(all: readonly Figures[]): string {
  const rows: [string, (figures: Figures) => string | number][] = [
    ["runs (seed)", ({ outcomes, seed }) => `${outcomes.length} (${seed})`],
    [
      "commands sent, with those sent again after an error",
      ({ outcomes }) => sum(outcomes, ({ attempts }) => attempts),
    ],
    ["services written", ({ outcomes }) => sum(outcomes, ({ services }) => services)],
    ["operations taken up by another process", ({ outcomes }) => sum(outcomes, ({ resumed }) => resumed)],
    [
      "operations that failed of the full disk and were retried (`op retry`)",
      ({ outcomes }) => sum(outcomes, ({ retried }) => retried),
    ],
    ["runs that hit the moment between journal entry and answer", ({ outcomes }) => hits(outcomes)],
    ["**persisted operations lost**", ({ outcomes }) => sum(outcomes, ({ lost }) => lost.length)],
    ["**effects made twice**", ({ outcomes }) => sum(outcomes, ({ doubled }) => doubled.length)],
    [
      "longest answer of a manager that lived (deadline 60 s)",
      ({ outcomes }) => seconds(Math.max(0, ...outcomes.map(({ slowestMs }) => slowestMs))),
    ],
    ["calls in flight when their manager died", ({ outcomes }) => sum(outcomes, ({ inFlight }) => inFlight)],
    [
      "of these answered with success by the next one; the rest with an error",
      ({ outcomes }) => sum(outcomes, ({ answeredByNext }) => answeredByNext),
    ],
    ["managers that aborted of Ceph's own flaw (`ceph_assert(ckh)`)", ({ revivals }) => revivals],
    ["rounds of fencing and of module disable/enable", ({ rounds }) => rounds.length],
    ["processes left at the end", ({ leaked }) => leaked.length],
    ["**promises broken, of whatever kind**", (figures) => allBroken(figures).length],
  ];
  const lines = rows.map(([what, of]) => `| ${what} | ${all.map((figures) => of(figures)).join(" | ")} |`);
  return [`| | ${all.map(({ release }) => release).join(" | ")} |`, `|---|${"---|".repeat(all.length)}`, ...lines].join(
    "\n",
  );
}

export function allBroken({ outcomes, rounds, leaked }: Figures): string[] {
  return [
    ...outcomes.flatMap(({ stage, fault, broken }) => broken.map((what) => `${fault}, ${stage}: ${what}`)),
    ...rounds.flatMap(({ what, broken }) => broken.map((line) => `${what}: ${line}`)),
    ...leaked.map((command) => `left at the end: ${command}`),
  ];
}

/** Runs a cell, and in brackets those that broke a promise. */
function matrix({ release, outcomes }: Figures): string {
  const cell = (stage: string, fault: string): string => {
    const runs = outcomes.filter((outcome) => outcome.stage === stage && outcome.fault === fault);
    const bad = runs.filter(({ broken }) => broken.length > 0).length;
    return bad === 0 ? String(runs.length) : `${runs.length} (${bad} broke a promise)`;
  };
  const row = (stage: string): string => `| ${stage} | ${FAULTS.map((fault) => cell(stage, fault.name)).join(" | ")} |`;
  const waited = `| waited | ${FAULTS.map(() => "–").join(" | ")} |`;
  const [first, ...others] = STAGES.map(({ name }) => row(name));
  return [
    `Runs on ${release}, by stage and fault:`,
    "",
    `| stage | ${FAULTS.map(({ name }) => name).join(" | ")} |`,
    `|---|${"---|".repeat(FAULTS.length)}`,
    first,
    waited,
    ...others,
    "",
    `waited: ${NO_WAITED}.`,
    "",
    ...told(outcomes),
  ].join("\n");
}

function roundsOf({ release, rounds }: Figures): string {
  if (rounds.length === 0) return "";
  const lines = rounds.map(
    ({ what, seen, broken }) => `- ${what}: ${broken.length === 0 ? seen : `**${broken.join("; ")}**`}`,
  );
  return [`Rounds on ${release}:`, "", ...lines].join("\n");
}

/** The errors that clients were told, without what differs from run to run. */
function told(outcomes: readonly Outcome[]): string[] {
  const counts = new Map<string, number>();
  for (const error of outcomes.flatMap(({ errors }) => errors)) {
    const [line = ""] = error.split("\n");
    const plain = line
      .replaceAll(/[a-z]\d+w\d[abc]?/g, "…")
      .replaceAll(/\b[0-9a-f]{8,}\b/g, "…")
      .replaceAll(/after \d+[.\d]* s/g, "after … s")
      .slice(0, 160);
    counts.set(plain, (counts.get(plain) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const lines = [...counts].toSorted(([, a], [, b]) => b - a).map(([what, count]) => `- ${count} × \`${what}\``);
  return ["Errors that clients were told, and asked again:", "", ...lines];
}

function hits(outcomes: readonly Outcome[]): string {
  const aimed = outcomes.filter(
    ({ hit, fault }) => hit !== null && (fault === "Node killed" || fault.startsWith("mgr")),
  );
  return `${aimed.filter(({ hit }) => hit === "journaled, not answered").length} of ${aimed.length}`;
}

function sum(outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number {
  return outcomes.reduce((total, outcome) => total + of(outcome), 0);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
