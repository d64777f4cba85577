/** Writing files so that after any crash either the former or the new content is there, whole. */
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { messageOf, OrchestratorError } from "../index.ts";

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** Replaces a file: under another name first, forced to disk, renamed, and the rename forced to disk. */
export async function writeDurably(
  path: string,
  content: string | Buffer,
  mode: number,
  owner?: FileOwner,
): Promise<void> {
  const fresh = join(dirname(path), `.${basename(path)}.new-${process.pid}`);
  try {
    const file = await open(fresh, "w", mode);
    try {
      await fill(file, content, mode, owner);
    } finally {
      await file.close();
    }
    await rename(fresh, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(fresh, { force: true });
    throw new OrchestratorError(`${path} was not written: ${reason(cause)}`, { cause });
  }
}

async function fill(file: FileHandle, content: string | Buffer, mode: number, owner?: FileOwner): Promise<void> {
  await file.chmod(mode); // a former attempt may have left it with another, and the umask takes bits away
  if (owner !== undefined) await file.chown(owner.uid, owner.gid);
  await file.writeFile(content);
  await file.sync();
}

/** Forces a folder's entries to disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on its file system",
  EDQUOT: "the quota of its file system is used up",
  EROFS: "its file system is read-only",
  EACCES: "permission denied",
};

function reason(error: unknown): string {
  const code = codeOf(error);
  return (code === undefined ? undefined : REASONS[code]) ?? messageOf(error);
}

/** The code of a system error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
