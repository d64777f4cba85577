/** Writes what was generated, or says what is stale. */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Path below the project's root → text. */
export type Output = Map<string, string>;

/** Folders that hold nothing but generated files: what is no longer generated there is removed. */
const OWNED = ["src/orchestrator/generated", "python-shim/orchbridge/generated", "test/fixtures/samples"];

export function writeOutput(root: string, output: Output): void {
  for (const path of strayFiles(root, output)) rmSync(join(root, path));
  for (const [path, text] of output) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (current(join(root, path)) !== text) writeFileSync(join(root, path), text);
  }
}

/** The files that differ from what would be written, missing ones and strays included. */
export function staleFiles(root: string, output: Output): string[] {
  const changed = [...output].filter(([path, text]) => current(join(root, path)) !== text).map(([path]) => path);
  return [...changed, ...strayFiles(root, output)].sort();
}

function current(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function strayFiles(root: string, output: Output): string[] {
  return OWNED.flatMap((folder) => filesIn(join(root, folder)).map((file) => `${folder}/${file}`)).filter(
    (path) => !output.has(path),
  );
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes("__pycache__"))
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  } catch {
    return [];
  }
}
