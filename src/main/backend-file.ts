/** Whether a backend's file may be run: code that others can write must not run in the manager's name. */

import { lstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, extname } from "node:path";
import { ValidationError } from "../orchestrator/errors.ts";
import { mayRead } from "./permitted.ts";

const extensions = [".ts", ".mts", ".mjs", ".js"];
const writableByOthers = 0o022;
const sticky = 0o1000;

/** The real path of a backend's entry file; throws a ValidationError that says what to do. */
export function checkedEntry(path: string): string {
  if (!extensions.includes(extname(path)))
    throw new ValidationError(`${path}: a backend file ends in .ts, .mjs or .js`);
  const real = realPath(path);
  if (!statSync(real).isFile())
    throw new ValidationError(`${path}: not a file; give the backend's .ts, .mjs or .js file`);
  checkTrusted(real);
  return real;
}

/**
 * Refuses a file that somebody else than root and this process's user could change or replace. Follows no links: pass a real path.
 * Folders that this process may not look at lie above the backend's package: the mgr module looked at them before it started Node.
 */
export function checkTrusted(path: string): void {
  check(path, lstatSync(path), false);
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (!mayRead(folder)) return;
    check(folder, lstatSync(folder), true);
    if (folder === dirname(folder)) return;
  }
}

function check(path: string, { uid, mode }: Stats, isFolder: boolean): void {
  const own = process.geteuid?.() ?? 0;
  if (uid !== 0 && uid !== own) {
    throw new ValidationError(
      `${path}: belongs to user ${uid}; it must belong to root or to the user of this process (${own}): chown root ${path}`,
    );
  }
  // In a sticky folder such as /tmp others can add files, but not replace this one.
  if ((mode & writableByOthers) === 0 || (isFolder && (mode & sticky) !== 0)) return;
  const octal = (mode & 0o7777).toString(8);
  throw new ValidationError(`${path}: can be written by others (mode ${octal}): chmod go-w ${path}`);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") throw new ValidationError(`${path}: no such file`, { cause });
    if (code === "EACCES")
      throw new ValidationError(`${path}: this process may not read it (user ${process.geteuid?.() ?? "?"})`, {
        cause,
      });
    throw new ValidationError(`${path}: ${String(cause)}`, { cause });
  }
}
