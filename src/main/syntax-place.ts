/** Where a syntax error is. V8 tells it for a module only when the error ends the process, so a process is spent on it. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";

export interface SyntaxPlace {
  /** `FILE:LINE`. */
  readonly place: string;
  /** The line itself. */
  readonly source: string;
}

/** The first of the files that does not parse; undefined when all do, or none can be checked. */
export function findSyntaxError(files: Iterable<string>): SyntaxPlace | undefined {
  for (const file of files) {
    const line = failingLine(file);
    if (line !== undefined) return { place: `${file}:${line.number}`, source: line.source };
  }
  return undefined;
}

function failingLine(file: string): { number: string; source: string } | undefined {
  const text = readFileSync(file, "utf8");
  const input = /\.m?ts$/.test(file) ? stripTypeScriptTypes(text) : text;
  const { stderr } = spawnSync(process.execPath, ["--check", "--input-type=module"], {
    input,
    encoding: "utf8",
    timeout: 5000,
  });
  const [, number, source] = /^\[stdin\]:(\d+)\n(.*)$/m.exec(stderr ?? "") ?? [];
  return number === undefined ? undefined : { number, source: source ?? "" };
}
