/**
 * Where a syntax error is. V8 tells it for a module only when the error ends the process; for a script it always does. So the module is
 * made to look like a script, line by line, and believed only if that fails with the very same words.
 */

import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { Script } from "node:vm";
import { mayRead } from "./permitted.ts";

export interface SyntaxPlace {
  /** `FILE:LINE`. */
  readonly place: string;
  /** The line itself. */
  readonly source: string;
}

/** The first of the files that fails to parse with this message; undefined when it cannot be told. */
export function findSyntaxError(files: Iterable<string>, message: string): SyntaxPlace | undefined {
  for (const file of files) {
    if (!mayRead(file)) continue;
    const line = failingLine(readFileSync(file, "utf8"), file, message);
    if (line !== undefined) return { place: `${file}:${line.number}`, source: line.source };
  }
  return undefined;
}

function failingLine(text: string, file: string, message: string): { number: string; source: string } | undefined {
  try {
    const code = /\.m?ts$/.test(file) ? stripTypeScriptTypes(text) : text;
    new Script(asScript(code), { filename: "module" });
  } catch (error) {
    if (!(error instanceof SyntaxError) || error.message !== message) return undefined;
    const [, number, source] = /^module:(\d+)\n(.*)$/m.exec(error.stack ?? "") ?? [];
    return number === undefined ? undefined : { number, source: source ?? "" };
  }
  return undefined;
}

/** The same code in the same lines, without what only a module may say. */
function asScript(code: string): string {
  const body = code
    .replace(/^[ \t]*import\b(?!\s*[.(])[^;'"]*(['"])[^'"\n]*\1[^\n;]*;?/gm, blank)
    .replace(/^[ \t]*export\s*(?:\*|\{[^}]*\})(?:[^;'"\n]*(['"])[^'"\n]*\1)?[^\n;]*;?/gm, blank)
    .replace(/^([ \t]*)export\s+default\b/gm, "$1void")
    .replace(/^([ \t]*)export\b/gm, "$1")
    .replace(/\bimport\.meta\b/g, "import_meta");
  return `"use strict"; (async () => {${body}\n})`;
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, "");
}
