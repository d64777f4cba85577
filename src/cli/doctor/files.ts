/** Whether a manager may use a file: whose it is, who can write to it, and whether a packaged manager sees it at all. */

import { lstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import { userNamed } from "../../agent/accounts.ts";
import { type Finding, good, wrong } from "./finding.ts";

/** A packaged manager's unit hides these. */
const HIDDEN = ["/home", "/root", "/tmp"];

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const READ = 0o4;
const PASS = 0o1;

type User = ReturnType<typeof userNamed>;

/** One finding about a file that an option names. `user`: as whom packaged managers run, where there is such a one. */
export function fileFinding(about: string, path: string, user: User = userNamed("ceph")): Finding {
  if (!isAbsolute(path)) return wrong(about, `${path} is not an absolute path`, "give the whole path, from / on");
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return wrong(about, `${path} does not exist`, `put the file there, on every host that runs a manager`);
  }
  if (!statSync(real).isFile()) return wrong(about, `${path} is not a file`, "name the file itself");
  return (
    hiddenFinding(about, real) ??
    trustFinding(about, real, user) ??
    reachableFinding(about, real, user) ??
    good(about, path)
  );
}

function hiddenFinding(about: string, path: string): Finding | undefined {
  const hidden = HIDDEN.find((folder) => path.startsWith(`${folder}/`));
  return hidden === undefined
    ? undefined
    : wrong(
        about,
        `${path} lies under ${hidden}, which a packaged manager cannot see`,
        "move it, for example to /usr/local/lib/orchbridge",
      );
}

/** The file and each folder above it. */
function trustFinding(about: string, path: string, user: User): Finding | undefined {
  for (let at = path; ; at = dirname(at)) {
    const found = trusted(about, at, lstatSync(at), { isFolder: at !== path, user });
    if (found !== undefined || at === dirname(at)) return found;
  }
}

function trusted(
  about: string,
  path: string,
  { uid, mode }: Stats,
  { isFolder, user }: { isFolder: boolean; user: User },
): Finding | undefined {
  if (uid !== 0 && uid !== user?.uid) {
    const owners = user === undefined ? "root" : "root or ceph";
    return wrong(
      about,
      `${path} belongs to user ${uid}; a manager refuses what is not of ${owners}`,
      `chown root ${path}`,
    );
  }
  if ((mode & WRITABLE_BY_OTHERS) === 0 || (isFolder && (mode & STICKY) !== 0)) return undefined;
  return wrong(about, `${path} can be written by others (mode ${(mode & 0o7777).toString(8)})`, `chmod go-w ${path}`);
}

/** The manager's user has to read the file, and to pass each folder above it. */
function reachableFinding(about: string, path: string, user: User): Finding | undefined {
  if (!allows(path, READ, user)) return unreachable(about, path, "read", "a+r");
  for (let at = dirname(path); ; at = dirname(at)) {
    if (!allows(at, PASS, user)) return unreachable(about, at, "passed", "a+x");
    if (at === dirname(at)) return undefined;
  }
}

function unreachable(about: string, path: string, how: string, right: string): Finding {
  const mode = (statSync(path).mode & 0o7777).toString(8);
  const says = `${path} cannot be ${how} by the manager's user (mode ${mode})`;
  return wrong(about, says, `chmod ${right} ${path}`);
}

/** `right`: its bit in the rights of others. */
function allows(path: string, right: number, user: User): boolean {
  const { uid, gid, mode } = statSync(path);
  const shift = uid === user?.uid ? 6 : gid === user?.gid ? 3 : 0;
  return (mode & (right << shift)) !== 0;
}
