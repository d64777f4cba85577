/**
 * Records test/fixtures/sessions anew, in real managers of the prepared releases.
 *
 *   node scripts/record-sessions.ts [--release NAME]... [--check]
 *
 * `--check` writes nothing: it records, and compares with what is there but for the volatile fields of docs/recordings.md.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { readSessions } from "../src/cli/replay/session-file.ts";
import { missing, RELEASE_NAMES, type Release } from "../testbed/cluster.ts";
import { isRelease } from "../testbed/releases.ts";
import { essence } from "./recording/essence.ts";
import { record } from "./recording/record.ts";

const folder = join(import.meta.dirname, "../test/fixtures/sessions");

const { values } = parseArgs({
  options: {
    release: { type: "string", multiple: true, default: [...RELEASE_NAMES] },
    check: { type: "boolean", default: false },
  },
});

let differ = 0;
for (const release of values.release) {
  if (!isRelease(release)) throw new Error(`--release: expected one of ${RELEASE_NAMES.join(", ")}, got ${release}`);
  const reason = missing(release);
  if (reason !== null) throw new Error(reason);
  console.log(release);
  const text = await record(release, (line) => console.log(line));
  const file = join(folder, `${release}.session`);
  if (values.check) differ += compare(release, readFileSync(file, "utf8"), text);
  else writeFileSync(file, text);
  console.log(`${release}: ${readSessions(text).length} sessions, ${Math.round(text.length / 1000)} kB`);
}
process.exit(differ === 0 ? 0 : 1);

/** How many lines differ; each is printed. */
function compare(release: Release, kept: string, now: string): number {
  const [before, after] = [kept, now].map((text) => readSessions(text).flatMap(essence)) as [string[], string[]];
  const most = Math.max(before.length, after.length);
  let count = 0;
  for (let at = 0; at < most; at += 1) {
    if (before[at] === after[at]) continue;
    count += 1;
    if (count <= 20) console.log(`- ${before[at] ?? "nothing"}\n+ ${after[at] ?? "nothing"}`);
  }
  console.log(`${release}: ${count === 0 ? "the same" : `${count} of ${most} lines differ`}`);
  return count;
}
