/** Whether a manager may use a file: whose it is, who can write to it, and whether a packaged manager sees it at all. */

import { lstatSync, readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import { type Finding, good, wrong } from "./finding.ts";

/** A packaged manager's unit hides these. */
const HIDDEN = ["/home", "/root", "/tmp"];

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** One finding about a file that an option names. */
export function fileFinding(about: string, path: string): Finding {
  if (!isAbsolute(path)) return wrong(about, `${path} is not an absolute path`, "give the whole path, from / on");
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return wrong(about, `${path} does not exist`, `put the file there, on every host that runs a manager`);
  }
  if (!statSync(real).isFile()) return wrong(about, `${path} is not a file`, "name the file itself");
  return hiddenFinding(about, real) ?? trustFinding(about, real) ?? readableFinding(about, real) ?? good(about, path);
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
function trustFinding(about: string, path: string): Finding | undefined {
  for (let at = path; ; at = dirname(at)) {
    const found = trusted(about, at, lstatSync(at), at !== path);
    if (found !== undefined || at === dirname(at)) return found;
  }
}

function trusted(about: string, path: string, { uid, mode }: Stats, isFolder: boolean): Finding | undefined {
  if (uid !== 0 && uid !== cephUser()) {
    const owners = cephUser() === undefined ? "root" : "root or ceph";
    return wrong(
      about,
      `${path} belongs to user ${uid}; a manager refuses what is not of ${owners}`,
      `chown root ${path}`,
    );
  }
  if ((mode & WRITABLE_BY_OTHERS) === 0 || (isFolder && (mode & STICKY) !== 0)) return undefined;
  return wrong(about, `${path} can be written by others (mode ${(mode & 0o7777).toString(8)})`, `chmod go-w ${path}`);
}

function readableFinding(about: string, path: string): Finding | undefined {
  const { uid, mode } = statSync(path);
  if (uid === cephUser() || (mode & 0o004) !== 0) return undefined;
  return wrong(
    about,
    `${path} cannot be read by the manager's user (mode ${(mode & 0o7777).toString(8)})`,
    `chmod a+r ${path}`,
  );
}

/** The uid that packaged managers run under; undefined where there is no such user. */
function cephUser(): number | undefined {
  try {
    const uid = /^ceph:[^:]*:(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"))?.[1];
    return uid === undefined ? undefined : Number(uid);
  } catch {
    return undefined; // no such file: no such user
  }
}
