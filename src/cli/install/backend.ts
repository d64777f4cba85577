/** Backends of the operator's own in the module's folder: each one file, kept when the module is replaced. */

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { ownExtension, ownFolder } from "../../main/own-files.ts";
import { CommandError } from "../errors.ts";

/** Their place in the module's folder. */
export const OWN_BACKENDS = "backends";

const LOADABLE = /\.(?:ts|mts|mjs|js)$/;

/** Throws where `--backend` does not name a file that could be a backend. */
export function checkBackendFile(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
    throw new CommandError(`--backend ${path}: not a file; give the path of a backend's .ts or .mjs file`);
  if (!LOADABLE.test(path)) throw new CommandError(`--backend ${path}: expected a .ts, .mts, .mjs or .js file`);
}

/** What the former module had. */
export function keepBackends(former: string, fresh: string): void {
  const kept = join(former, OWN_BACKENDS);
  if (existsSync(kept)) cpSync(kept, join(fresh, OWN_BACKENDS), { recursive: true, preserveTimestamps: true });
}

/** Copies it and loads the copy, as the manager will: without the files beside it. */
export function copyBackend(path: string, fresh: string): void {
  const folder = join(fresh, OWN_BACKENDS);
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  const copy = join(folder, basename(path));
  copyFileSync(path, copy);
  chmodSync(copy, 0o644);
  const problem = loadProblem(copy);
  if (problem === undefined) return;
  rmSync(copy);
  throw new CommandError(
    `--backend ${path}: cannot be loaded from a folder of its own: ${problem.replaceAll(copy, path)}; a backend of several files goes to /usr/local/lib/orchbridge with its package.json and node_modules`,
  );
}

const LOAD = `
const [loader, ending, file] = process.argv.slice(1);
const { loadBackend } = await import(loader);
const { watchEnding, finished } = await import(ending);
const tell = (text) => process.stderr.write(text);
watchEnding(1, tell);
loadBackend(file).then(
  () => {
    finished();
    process.exit(0);
  },
  (error) => {
    finished();
    tell(error.message);
    process.exit(1);
  },
);
`;

/** In a process of its own, since a backend may do anything when it is loaded. */
function loadProblem(file: string): string | undefined {
  const own = ["main/load-backend", "cli/ending"].map((name) => new URL(`${name}${ownExtension}`, ownFolder).href);
  const { status, stderr, error } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", LOAD, ...own, file],
    { encoding: "utf8", timeout: 60_000 },
  );
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim() || `the process that loaded it ended with ${status}`);
}
