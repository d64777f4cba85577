/** The figures as Markdown tables, and their place in docs/performance.md. */

import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { RELEASES, type Release } from "../testbed/cluster.ts";
import type { CommandCost, GilDelay } from "./commands.ts";
import type { ProcessCost } from "./node-process.ts";
import { summary } from "./statistics.ts";

export interface GilRow {
  readonly release: Release;
  readonly hosts: number;
  readonly bridge: GilDelay;
  readonly stock: GilDelay | null;
}

export interface ProcessRow {
  readonly what: string;
  readonly runs: readonly ProcessCost[];
}

export interface Figures {
  readonly rounds: number;
  readonly commands: readonly CommandCost[];
  readonly gil: readonly GilRow[];
  readonly processes: readonly ProcessRow[];
}

const page = join(import.meta.dirname, "../docs/performance.md");
const between = /(<!-- figures: written by npm run bench -- --write -->\n)[^]*(<!-- end of figures -->)/;

/** All tables. */
export function report(figures: Figures): string {
  const { commands, gil, processes, rounds } = figures;
  const machine = `Measured on ${availableParallelism()} cores, with Node ${process.versions.node}; ${rounds} rounds of 10 calls each side.`;
  return [machine, commandTable(commands), gilTable(gil), processTable(processes)]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** Replaces the figures in the page. */
export function writePage(text: string): void {
  const former = readFileSync(page, "utf8");
  if (!between.test(former)) throw new Error(`${page} has no place for the figures`);
  writeFileSync(
    page,
    former.replace(between, (_, start: string, end: string) => `${start}\n${text}\n\n${end}`),
  );
}

function commandTable(rows: readonly CommandCost[]): string {
  if (rows.length === 0) return "";
  const lines = rows.map(({ release, command, hosts, bridge, stock }) => [
    named(release),
    `\`${command}\``,
    hosts.toLocaleString("en"),
    `${ms(bridge.p50)} / ${ms(bridge.p95)}`,
    stock === null ? "-" : `${ms(stock.p50)} / ${ms(stock.p95)}`,
    stock === null ? "-" : (bridge.p50 / stock.p50).toFixed(2),
  ]);
  return table(
    ["release", "command", "hosts", "orchbridge p50 / p95 ms", "test_orchestrator p50 / p95 ms", "ratio of p50"],
    lines,
  );
}

function gilTable(rows: readonly GilRow[]): string {
  if (rows.length === 0) return "";
  const shown = (delay: GilDelay | null): string =>
    delay === null ? "-" : `${ms(delay.longest_ms)} / ${ms(delay.p999_ms)}`;
  const lines = rows.map(({ release, hosts, bridge, stock }) => [
    named(release),
    hosts.toLocaleString("en"),
    shown(bridge),
    shown(stock),
  ]);
  return table(
    ["release", "hosts", "wait for the interpreter, orchbridge: longest / p99.9 ms", "test_orchestrator"],
    lines,
  );
}

function processTable(rows: readonly ProcessRow[]): string {
  if (rows.length === 0) return "";
  const lines = rows.map(({ what, runs }) => {
    const median = (pick: (run: ProcessCost) => number): number => summary(runs.map(pick)).p50;
    const times = [median((run) => run.hello), median((run) => run.available), median((run) => run.hosts)];
    return [
      what,
      ...times.map((time) => time.toFixed(0)),
      median((run) => run.idle).toFixed(1),
      median((run) => run.idleAnonymous).toFixed(1),
    ];
  });
  return table(
    [
      "Node process",
      "first answer, ms",
      "backend available, ms",
      "first `get_hosts`, ms",
      "idle memory, MB",
      "of it its own, MB",
    ],
    lines,
  );
}

function named(release: Release): string {
  return `${release[0]?.toUpperCase()}${release.slice(1)} ${RELEASES[release].major}`;
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [row(head), row(head.map(() => "---")), ...lines.map(row)].join("\n");
}
