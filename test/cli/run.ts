/** Runs the unbuilt command as a process of its own. */

import { execFile } from "node:child_process";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

/** A backend with good and bad methods. */
export const authorsBackend = join(root, "test/fixtures/backends/author.ts");

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The words after `orchbridge`; `input` is what stands on stdin. */
export function orchbridge(words: readonly string[], input = "", env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(root, "src/cli/orchbridge.ts"), ...words],
      { env: { PATH: process.env["PATH"] ?? "", ...env } },
      (error, stdout, stderr) => resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}
