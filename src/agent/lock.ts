/** Only one agent at a time works with a state folder. */
import { linkSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

import { OrchestratorError } from "../index.ts";
import { codeOf } from "./durable-file.ts";
import { bootId, identify, runs } from "./process-table.ts";

const holder = z.object({ pid: z.int(), start: z.int(), boot_id: z.string() });

/** So often the lock is tried, where others take it and let go of it at the same time. */
const TRIES = 100;
const PAUSE_MS = 20;
const GUARD_MS = 10_000;

export interface Lock {
  release(): void;
}

/** Takes the lock, also from an agent that is gone; throws an OrchestratorError with the pid of one that lives. */
export function takeLock(stateDir: string): Lock {
  const path = join(stateDir, "lock");
  const own = `${JSON.stringify({ ...identify(process.pid), boot_id: bootId() })}\n`;
  const mine = `${path}.${process.pid}`;
  try {
    writeFileSync(mine, own, { mode: 0o600 });
    for (let tries = 1; tries <= TRIES; tries += 1) {
      if (linked(mine, path)) return { release: () => releaseIfOwn(path, own) };
      const found = read(path);
      if (found !== undefined) stepOver(path, found);
    }
    throw new OrchestratorError(`${path} is being taken by several agents at once: start one of them`);
  } catch (cause) {
    if (codeOf(cause) === undefined) throw cause;
    throw new OrchestratorError(`the lock ${path} cannot be taken: ${(cause as Error).message}`, { cause });
  } finally {
    rmSync(mine, { force: true });
  }
}

/** A link is made with its content, or not at all. */
function linked(mine: string, path: string): boolean {
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Takes a dead agent's lock away, under a guard: else two who saw it could take away each other's. */
function stepOver(path: string, found: string): void {
  const living = livingHolder(found);
  if (living !== undefined)
    throw new OrchestratorError(`an agent works with this state folder already: pid ${living} holds ${path}`);
  const guard = `${path}.taking`;
  if (!guarded(guard)) return;
  try {
    if (read(path) === found) rmSync(path);
  } finally {
    rmdirSync(guard);
  }
}

/** False while somebody else has the guard, which is for microseconds; one that is older was left by a crash. */
function guarded(guard: string): boolean {
  try {
    mkdirSync(guard);
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  const made = statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  if (Date.now() - made > GUARD_MS) rmSync(guard, { recursive: true, force: true });
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  return false;
}

function livingHolder(text: string): number | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // a lock is made with its content: this is no agent's
  }
  const parsed = holder.safeParse(value);
  if (!parsed.success || parsed.data.boot_id !== bootId() || !runs(parsed.data)) return undefined;
  return parsed.data.pid;
}

function releaseIfOwn(path: string, own: string): void {
  if (read(path) === own) rmSync(path, { force: true });
}
