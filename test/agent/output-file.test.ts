import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { boundOutput, lastLine, openOutput, sizeOf } from "../../src/agent/output-file.ts";

let dir = "";
let path = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orchbridge-output-"));
  path = join(dir, "log/osd.0.out");
  closeSync(openOutput(path));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const ASSERT = `ceph-osd: in thread 7f00
./src/os/Store.cc: 47: FAILED ceph_assert(r == 0)
 ceph version 18.2.7 (abc) reef (stable)
 1: (abort()+0x1)
--- begin dump of recent events ---
    -1> 2026-11-22T10:00:00.000+0000 7f00  5 osd.0 nothing much
--- end dump of recent events ---
`;

describe("what a daemon printed", () => {
  it.each([
    ["its last line", "one\ntwo\n\n", "two"],
    ["of a failed assertion the assertion", ASSERT, "./src/os/Store.cc: 47: FAILED ceph_assert(r == 0)"],
    [
      "of a line of Ceph's log what it says",
      "2026-11-22T10:00:00.123+0000 7f51f5ab56c0 -1 osd.0 0 unable to open\n",
      "osd.0 0 unable to open",
    ],
    ["no colours", "\u001b[0;31m ** ERROR: osd init failed\u001b[0m\n", "** ERROR: osd init failed"],
    ["no keys", "key AQDtHvNkAAAAABAAgPFx7dSWKUfOy8vmhA7Esg== is wrong\n", "key [secret] is wrong"],
    ["nothing where it printed nothing", "", undefined],
  ])("tells %s", (_, text, expected) => {
    writeFileSync(path, text);
    expect(lastLine(path, 0)).toBe(expected);
  });

  it("counts from its start on, and only when it was printed right before the end", () => {
    writeFileSync(path, "of an earlier life\n");
    const from = sizeOf(path);
    expect(lastLine(path, from)).toBeUndefined();
    writeFileSync(path, "of an earlier life\nof this one\n");
    expect(lastLine(path, from)).toBe("of this one");
    const past = new Date(Date.now() - 60_000);
    utimesSync(path, past, past);
    expect(lastLine(path, from)).toBeUndefined();
  });

  it("is kept in bounds while the daemon goes on writing", () => {
    const file = openOutput(path);
    const megabyte = `${"x".repeat(1024 ** 2 - 1)}\n`;
    for (let written = 0; written < 5; written += 1) writeSync(file, megabyte);
    expect(existsSync(`${path}.1`)).toBe(false);
    boundOutput(path);
    writeSync(file, "the last words\n");
    closeSync(file);
    expect(readFileSync(path, "utf8")).toBe("the last words\n");
    expect(sizeOf(`${path}.1`)).toBe(5 * 1024 ** 2);
    expect(lastLine(path, 4 * 1024 ** 2)).toBe("the last words");
  });

  it("is kept in bounds where there is no room for the former part", () => {
    writeFileSync(path, "x".repeat(5 * 1024 ** 2));
    mkdirSync(`${path}.1`); // so that the copy fails
    boundOutput(path);
    expect(sizeOf(path)).toBe(0);
  });
});
