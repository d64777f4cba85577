/** Asks the Python classes of a prepared release, without starting a cluster. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rootOf } from "../../testbed/cache.ts";
import { enter } from "../../testbed/namespace.ts";
import { prepareRoot } from "../../testbed/prepare.ts";
import type { Release } from "../../testbed/releases.ts";
import { run } from "../../testbed/run.ts";

const SCRIPT = readFileSync(join(import.meta.dirname, "../../scripts/drift/in_ceph.py"), "utf8");

/** What an installed Ceph has. */
export interface Signatures {
  /** Public method of Orchestrator → its signature. */
  methods: Record<string, string>;
  /** Data class → the names its constructor takes. */
  classes: Record<string, string[]>;
  /** Service type → the class of its spec. */
  service_types: Record<string, string>;
}

/** What became of one sample. */
export interface Attempt {
  /** The release has no such class or service type. */
  absent?: true;
  /** The part of the sample that the release's class takes. */
  given?: unknown;
  json?: unknown;
  error?: string;
}

export async function askSignatures(release: Release): Promise<Signatures> {
  return (await ask(release, "signatures", "")) as Signatures;
}

/** Each sample through its class and back. */
export async function askRoundtrip(
  release: Release,
  samples: Record<string, unknown[]>,
): Promise<Record<string, Attempt[]>> {
  return (await ask(release, "roundtrip", JSON.stringify(samples))) as Record<string, Attempt[]>;
}

/** Runs Python code with the release's own Python, and gives what it prints. */
export async function runPython(
  release: Release,
  code: string,
  args: readonly string[],
  input: string,
): Promise<string> {
  await prepareRoot(release);
  const place = { root: rootOf(release), tag: `orchbridge-in-ceph-${process.pid}` };
  const [file, inside] = enter(place, ["python3", "-B", "-c", code, ...args]);
  const result = await run(file, inside, { input });
  if (result.code !== 0)
    throw new Error(`${release}: python3 ${args.join(" ")} ended with ${result.code}\n${result.stderr}`);
  return result.stdout;
}

async function ask(release: Release, command: string, input: string): Promise<unknown> {
  return JSON.parse(await runPython(release, SCRIPT, [command], input));
}
