/** The folders of daemons and what lies in them: keyrings, and the files of their definitions. */
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import { messageOf, OrchestratorError, ValidationError } from "../index.ts";
import type { DaemonKind } from "./daemon-types.ts";
import { codeOf, type FileOwner, syncFolder, writeDurably } from "./durable-file.ts";
import { cleanEnvironment } from "./launching.ts";
import type { AgentLog } from "./log.ts";
import { runProgram } from "./program.ts";
import type { CheckedParams } from "./protocol.ts";

/** The store of a monitor that was never compacted has many gigabytes. */
const COPY_MS = 3_600_000;

export type Definition = CheckedParams<"daemon/deploy">["daemon"];

/** The files of a definition by their names, the keyring among them. */
export function filesOf(definition: Definition): Map<string, string> {
  const files = new Map(Object.entries(definition.files));
  if (definition.keyring !== undefined) files.set("keyring", definition.keyring);
  return files;
}

/** Throws for a name that files of this type cannot have: it would be written, and never read. */
export function checkFileNames(definition: Definition, kind: DaemonKind): void {
  const wrong = Object.keys(definition.files).find((name) => !kind.files.includes(name));
  if (wrong === undefined) return;
  const allowed = kind.files.length === 0 ? "none" : kind.files.join(", ");
  throw new ValidationError(
    `daemon/deploy daemon.files: ${JSON.stringify(wrong)} is no file of ${definition.name}; it may have: ${allowed}`,
  );
}

/** The names of those that are missing in the folder or differ there. */
export function differing(folder: string, files: ReadonlyMap<string, string>): string[] {
  return [...files].filter(([name, text]) => contentOf(join(folder, name)) !== text).map(([name]) => name);
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Makes the folder where it is missing; gives whether it did. */
export function makeFolder(folder: string, owner: FileOwner): boolean {
  if (existsSync(folder)) return false;
  // The folders above are everybody's to pass, as packages make them.
  const parent = dirname(folder);
  if (mkdirSync(parent, { recursive: true, mode: 0o755 }) !== undefined) chownSync(parent, owner.uid, owner.gid);
  mkdirSync(folder, { mode: 0o750 });
  chownSync(folder, owner.uid, owner.gid);
  return true;
}

/** Where keyrings are while a program reads them, below the data folder. */
export function keyringFolder(dataDir: string): string {
  return join(dataDir, "tmp");
}

/** Takes away those that an agent left which was killed, with the files that were to become some. */
export function clearKeyrings(dataDir: string, log: AgentLog): void {
  const folder = keyringFolder(dataDir);
  if (!existsSync(folder)) return;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isFile() && /^\.?(?:tool|mon)\./.test(entry.name)) rmSync(join(folder, entry.name), { force: true });
  } catch (error) {
    log.warn(`keyrings of a former agent may be left in ${folder}: ${messageOf(error)}`);
  }
}

/** Writes files into a daemon's folder, for its user's eyes only. Those that are there already need no room on a full disk. */
export async function writeFiles(folder: string, files: ReadonlyMap<string, string>, owner: FileOwner): Promise<void> {
  for (const name of differing(folder, files))
    await writeDurably(join(folder, name), files.get(name) ?? "", 0o600, owner);
}

/** Deletes a daemon's folder, or moves it below `aside` under a name that nothing has yet. */
export async function clearAway(folder: string, aside: string | undefined): Promise<void> {
  if (!existsSync(folder)) return;
  if (aside === undefined) {
    await remove(folder);
  } else {
    mkdirSync(dirname(aside), { recursive: true, mode: 0o750 });
    await moveAway(folder, aside);
  }
  await syncFolder(dirname(folder));
}

async function remove(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true });
  } catch (cause) {
    if (codeOf(cause) !== "EBUSY") throw cause;
    throw new OrchestratorError(`${folder} is not deleted: something is mounted there; unmount it and try again`, {
      cause,
    });
  }
}

async function moveAway(folder: string, aside: string): Promise<void> {
  try {
    await rename(folder, aside);
    return;
  } catch (error) {
    if (codeOf(error) !== "EXDEV") throw error;
  }
  // To another file system: copied under a name that says it may be in part, then renamed.
  const part = `${aside}.part`;
  await rm(part, { recursive: true, force: true });
  const copy = ["cp", "--archive", "--", folder, part] as const;
  const { status, stderr } = await runProgram(copy, cleanEnvironment("/"), COPY_MS);
  if (status !== 0) {
    await rm(part, { recursive: true, force: true });
    throw new OrchestratorError(`${folder} was not moved to ${aside}: ${stderr.trim().split("\n")[0] ?? ""}`);
  }
  await rename(part, aside);
  await remove(folder);
}
