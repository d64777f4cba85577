/** Starting a daemon's process: its own session, a clean environment, no shell; and finding it again by its mark. */
import { spawn } from "node:child_process";
import { closeSync } from "node:fs";

import type { FileOwner } from "./durable-file.ts";
import { openOutput } from "./output-file.ts";
import { allPids, environmentOf, identify, isSessionLeader, type ProcessIdentity } from "./process-table.ts";

/** In the environment of each daemon; its children inherit it too, but lead no session. */
const MARK = "SUPERVISED_AS";

export interface Launching {
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** Undefined for the agent's own user. */
  readonly owner: FileOwner | undefined;
  readonly output: string;
  /** Whose it is, among all agents' daemons of this machine. */
  readonly mark: string;
}

export interface Launched {
  readonly pid: number;
  /** How it ended, in words. */
  readonly exited: Promise<string>;
}

/** Resolves when the program runs, or rejects when it cannot be run. */
export async function launch({ argv, environment, owner, output, mark }: Launching): Promise<Launched> {
  const out = openOutput(output);
  try {
    const [program, ...args] = argv;
    const child = spawn(program, args, {
      cwd: "/",
      detached: true,
      env: { ...environment, [MARK]: mark },
      stdio: ["ignore", out, out],
      ...owner,
    });
    const running = Promise.withResolvers<number>();
    const exited = Promise.withResolvers<string>();
    child.once("spawn", () => running.resolve(child.pid ?? 0));
    child.once("error", running.reject);
    child.once("exit", (code, by) => exited.resolve(by === null ? `ended with code ${code}` : `ended by ${by}`));
    const pid = await running.promise;
    child.unref();
    return { pid, exited: exited.promise };
  } finally {
    closeSync(out);
  }
}

/** The process that was started under this mark and still runs. */
export function findMarked(mark: string): ProcessIdentity | undefined {
  const pid = allPids().find((candidate) => isSessionLeader(candidate) && environmentOf(candidate)[MARK] === mark);
  return pid === undefined ? undefined : identify(pid);
}

/** What every daemon gets. */
export function cleanEnvironment(home: string): Record<string, string> {
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return { PATH: path, HOME: home, LANG: "C.UTF-8" };
}
