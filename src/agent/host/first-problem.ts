/** Finds the one line that says why a program failed in all that it printed. */
import { constants } from "node:os";

/** Lines of ceph-volume and of Ceph's own log that tell what is being done, or of what does no harm. */
const TELLING = [
  /^Running command: /,
  /^stdout: /,
  /^ln:$/,
  /got monmap epoch/,
  /_read_fsid unparsable uuid/,
  /No valid bdev label found/,
  /load failed dlopen\(\)/,
  /create cannot load compressor/,
  /handle_auth_bad_method/,
  /^Creating keyring file/,
  /^Traceback \(most recent call last\)/,
];

/** A line of Ceph's log begins with when and in which thread. */
const LOG_HEAD = /^\d{4}-\d\d-\d\d[T ][\d:.+]+Z?\s+[0-9a-f]+\s+-?\d+\s+/;

/** From here on ceph-volume takes back what it did, and often fails again on the way. */
const ROLLBACK = /^(?:-->)?\s*Was unable to complete a new OSD, will rollback changes/m;

const SIGNALLED = 128;

/**
 * The line that says why a program failed: the first that is neither progress nor part of a stack, before ceph-volume's
 * rollback if there is one. Tentacle's says nothing of it but in its log; then the command that failed is told.
 */
export function firstProblem(text: string, code: number): string {
  const [before = "", ...after] = text.split(ROLLBACK);
  const line = problemsIn(before)[0];
  if (line !== undefined) return line;
  const thrown = problemsIn(after.join("")).find((late) => late.startsWith("RuntimeError: Command failed"));
  if (thrown !== undefined) return thrown.replace(/^RuntimeError: /, "");
  const last = [...before.matchAll(/^Running command: (\S+)(.*)$/gm)].at(-1);
  if (after.length > 0 && last !== undefined)
    return `${last[1]}${last[2]?.includes(" --mkfs ") === true ? " --mkfs" : ""} failed; /var/log/ceph/ceph-volume.log says why`;
  return `it ${howEnded(code)} and said nothing`;
}

function problemsIn(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => !/^\s{2,}/.test(line)) // a stack
    .map((line) =>
      line
        .trim()
        .replace(/^stderr:\s*/, "")
        .replace(LOG_HEAD, "")
        .replace(/^-->\s*/, "")
        .replace(/^RuntimeError: (?!Command failed)/, "")
        .trim(),
    )
    .filter((line) => line !== "" && !TELLING.some((pattern) => pattern.test(line)));
}

function howEnded(code: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - SIGNALLED)?.[0];
  return signal === undefined ? `ended with code ${code}` : `was ended by ${signal}`;
}
