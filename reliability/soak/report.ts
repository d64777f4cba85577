/** The figures of a soak as Markdown, and their place in docs/reliability.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { RELEASES } from "../../testbed/cluster.ts";
import type { SoakResult } from "./run.ts";
import type { Sample } from "./samples.ts";
import type { Counts } from "./tally.ts";
import { nodePeaks, slopes } from "./verdict.ts";

const page = join(import.meta.dirname, "../../docs/reliability.md");
const between = /(<!-- soak: written by npm run soak -- --write -->\n)[^]*?(<!-- end of soak -->)/;
const ROWS = 8;

export function report(result: SoakResult): string {
  const { wish, tally, subject } = result;
  const { ok, refused, unanswered, slowestMs } = tally.total();
  const minutes = (subject.at(-1)?.at ?? 0) / 60;
  const made = [...result.troubles.values()].reduce((sum, count) => sum + count, 0);
  const head =
    `${wish.release[0]?.toUpperCase()}${wish.release.slice(1)} ${RELEASES[wish.release].major}, ${minutes.toFixed(0)} minutes, seed ${wish.seed}, ` +
    `${availableParallelism()} cores. ${total(ok + refused)} calls (${((ok + refused) / minutes / 60).toFixed(1)} a second): ${total(ok)} answered well, ` +
    `${total(refused)} refused in trouble, ${total(unanswered)} not answered; the slowest took ${(slowestMs / 1000).toFixed(1)} s. ` +
    `The bridge had ${total(result.bridgeCalls)} calls of the interface. ${made} troubles; ${result.forgotten} failed operations forgotten.`;
  return [
    head,
    slopeTable(result),
    countTable(result),
    sampleTable(subject),
    sourceTable(result),
    troubleTable(result),
  ].join("\n\n");
}

/** Replaces the figures in the page. */
export function writePage(text: string): void {
  const former = readFileSync(page, "utf8");
  if (!between.test(former)) throw new Error(`${page} has no place for the figures of the soak`);
  writeFileSync(
    page,
    former.replace(between, (_, start: string, end: string) => `${start}\n${text}\n\n${end}`),
  );
}

function slopeTable(result: SoakResult): string {
  const { mgr, control } = slopes(result);
  const [first, second] = nodePeaks(result);
  const rows = [
    ["ceph-mgr with orchbridge, slope after the warm-up", `${mgr.toFixed(1)} MB an hour`],
    ["ceph-mgr with test_orchestrator, the same", control === null ? "-" : `${control.toFixed(1)} MB an hour`],
    [
      "Node while it was left alone, highest: first half, second half",
      `${first.toFixed(1)} MB, ${second.toFixed(1)} MB`,
    ],
  ];
  return table(["memory", "measured"], rows);
}

function countTable({ before, after }: SoakResult): string {
  const rows = [
    ["threads of ceph-mgr", before.mgr.threads, after.mgr.threads],
    ["descriptors of ceph-mgr", before.mgr.descriptors, after.mgr.descriptors],
    ["threads of Node", before.node?.threads ?? "-", after.node?.threads ?? "-"],
    ["descriptors of Node", before.node?.descriptors ?? "-", after.node?.descriptors ?? "-"],
    ["child processes of ceph-mgr", before.children, after.children],
    ["zombies", before.zombies, after.zombies],
    ["journal entries", before.journal, after.journal],
    ["progress events under way", before.events, after.events],
  ];
  return table(["with no call under way", "after the warm-up", "at the end"], rows);
}

function sampleTable(samples: readonly Sample[]): string {
  const every = Math.max(1, Math.floor((samples.length - 1) / (ROWS - 1)));
  const rows = samples
    .filter((_, index) => index % every === 0)
    .map(({ at, mgr, node }) => [
      (at / 60).toFixed(1),
      mgr.memory.toFixed(1),
      node?.memory.toFixed(1) ?? "-",
      mgr.threads,
      mgr.descriptors,
    ]);
  return table(["minute", "ceph-mgr, MB", "Node, MB", "threads of ceph-mgr", "its descriptors"], rows);
}

function sourceTable({ tally, controlTally }: SoakResult): string {
  const control = controlTally?.bySource();
  const rows = [...tally.bySource()].map(([source, counts]) => [
    `\`${source}\``,
    ...shown(counts),
    ...(control === undefined ? [] : [control.has(source) ? shown(control.get(source)!).slice(0, 2).join(" / ") : "-"]),
  ]);
  return table(
    [
      "source",
      "well",
      "refused",
      "slowest, s",
      ...(control === undefined ? [] : ["test_orchestrator: well / refused"]),
    ],
    rows,
  );
}

function shown({ ok, refused, slowestMs }: Readonly<Counts>): string[] {
  return [total(ok), total(refused), (slowestMs / 1000).toFixed(1)];
}

function troubleTable({ troubles }: SoakResult): string {
  const rows = [...troubles].toSorted(([a], [b]) => a.localeCompare(b)).map(([name, count]) => [name, count]);
  return table(["trouble", "times"], rows);
}

function total(value: number): string {
  return value.toLocaleString("en");
}

function table(head: readonly string[], lines: readonly (readonly (string | number)[])[]): string {
  const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
  return [row(head), row(head.map(() => "---")), ...lines.map(row)].join("\n");
}
