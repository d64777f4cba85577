/**
 * `npm run bench`: the cost of the bridge beside Ceph's own test_orchestrator, in real managers, in one run.
 *
 *   npm run bench -- [--release NAME]... [--rounds N] [--write]
 *
 * `--write` puts the figures into docs/performance.md. What is measured and how stands there.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { missing, RELEASE_NAMES, type Release } from "../testbed/cluster.ts";
import { isRelease } from "../testbed/releases.ts";
import { type CommandCost, measureCommands, measureGil } from "./commands.ts";
import { measureProcess } from "./node-process.ts";
import { downPair, type Pair, type Size, upPair } from "./pair.ts";
import { type GilRow, type ProcessRow, report, writePage } from "./report.ts";

const USUAL: Size = { hosts: 100, daemons_per_host: 3, devices_per_host: 4 };
const LARGE: Size = { ...USUAL, hosts: 1000 };
/** All that Nautilus's test_orchestrator can show. */
const SINGLE: Size = { ...USUAL, hosts: 1 };
const PROCESS_RUNS = 11;
const GIL_RUNS = 20;

const root = join(import.meta.dirname, "..");

const { values } = parseArgs({
  options: {
    release: { type: "string", multiple: true, default: [...RELEASE_NAMES] },
    rounds: { type: "string", default: "30" },
    write: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) fail(`--rounds: expected a number from 1 on, got ${values.rounds}`);

const commands: CommandCost[] = [];
const gil: GilRow[] = [];
for (const release of values.release) {
  if (!isRelease(release)) fail(`--release: expected one of ${RELEASE_NAMES.join(", ")}, got ${release}`);
  const reason = missing(release);
  if (reason !== null) fail(reason);
  await measureRelease(release);
}
const text = report({ rounds, commands, gil, processes: await measureProcesses() });
console.log(`\n${text}`);
if (values.write) writePage(text);

async function measureRelease(release: Release): Promise<void> {
  console.error(`${release} …`);
  const pair = await upPair(release);
  try {
    const sizes = release === "nautilus" ? [SINGLE, USUAL] : [USUAL];
    for (const size of sizes) commands.push(...(await measureCommands(pair, size, rounds)));
    commands.push(...(await measureCommands(pair, LARGE, Math.max(1, Math.round(rounds / 10)))));
    gil.push(await gilRow(pair));
  } finally {
    await downPair(pair);
  }
}

async function gilRow(pair: Pair): Promise<GilRow> {
  const { release } = pair.bridge;
  const bridge = await measureGil(pair.bridge, GIL_RUNS);
  return {
    release,
    hosts: LARGE.hosts,
    bridge,
    stock: release === "nautilus" ? null : await measureGil(pair.stock, GIL_RUNS),
  };
}

async function measureProcesses(): Promise<ProcessRow[]> {
  const lone = join(root, "test/fixtures/backends/few.ts");
  const module = join(root, "dist/module");
  const rows = [
    { what: "built-in backend", backend: "memory" },
    { what: "a lone `.ts`", backend: lone },
  ];
  const processes: ProcessRow[] = [];
  for (const { what, backend } of rows) {
    const first = await repeated(() => measureProcess(module, backend));
    const cache = mkdtempSync(join(tmpdir(), "orchbridge-bench-"));
    try {
      await measureProcess(module, backend, { folder: cache, fill: true });
      const later = await repeated(() => measureProcess(module, backend, { folder: cache }));
      processes.push({ what: `${what}, first start`, runs: first }, { what: `${what}, later starts`, runs: later });
    } finally {
      rmSync(cache, { recursive: true, force: true });
    }
  }
  return processes;
}

async function repeated<T>(measure: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let n = 0; n < PROCESS_RUNS; n += 1) results.push(await measure());
  return results;
}

function fail(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(2);
}
