/** What a daemon prints: one file a daemon, which it writes itself, so that nobody has to read for it to go on. */
import {
  closeSync,
  copyFileSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { dirname } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { withoutSecrets } from "../index.ts";

const LARGEST = 4 * 1024 ** 2;
const TAIL = 64 * 1024;
const LONGEST_LINE = 300;

/** A crash of Ceph's repeats the ten thousand entries before it, and ends with words that say nothing. */
const EVENT_DUMP = /^--- (?:begin|logging levels|.*dump of recent events)[^]*$/m;
const TELLING = /FAILED ceph_assert|terminate called|\*\*\* Caught signal/;

/** Opens it to be appended to, whole as it is or begun anew if it grew too large. */
export function openOutput(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  boundOutput(path);
  return openSync(path, "a", 0o640);
}

/** Its size now, as the place from which to look for the last line. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Keeps the former part of a file that grew too large as `.1`, if the disk has room for it. Its writer appends, so it goes on at
 * the new end. It never fails: what a daemon prints is not worth that it is supervised no more.
 */
export function boundOutput(path: string): void {
  if (sizeOf(path) <= LARGEST) return;
  const former = `${path}.1`;
  if (!succeeds(() => copyFileSync(path, former))) succeeds(() => rmSync(former, { force: true }));
  succeeds(() => truncateSync(path));
}

function succeeds(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

/** What a line of Ceph's begins with: its place in a dump, when, in which thread, how important. */
const LOG_HEAD = /^(?:-?\d+> )?\d{4}-\d\d-\d\d[T ][\d:.+]+Z?\s+[0-9a-f]+\s+-?\d+\s+/;

/** What was printed longer ago has nothing to do with its end. */
const RECENT_MS = 10_000;

/** The line that tells most of what was printed after `from`: of a crash its reason, else the last one. */
export function lastLine(path: string, from: number): string | undefined {
  if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > RECENT_MS) return undefined;
  const lines = stripVTControlCharacters(tailOf(path, from))
    .replace(EVENT_DUMP, "")
    .split("\n")
    .map((line) => line.trim().replace(LOG_HEAD, "").trim())
    .filter((line) => line !== "");
  const line = lines.findLast((text) => TELLING.test(text)) ?? lines.at(-1);
  return line === undefined ? undefined : withoutSecrets(line).slice(0, LONGEST_LINE);
}

function tailOf(path: string, from: number): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return ""; // it printed nothing ever
  }
  try {
    const { size } = fstatSync(file);
    const begin = Math.max(size < from ? 0 : from, size - TAIL);
    const bytes = Buffer.alloc(size - begin);
    return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, begin));
  } finally {
    closeSync(file);
  }
}
