/**
 * `npm run build`, if anything that goes into dist/ is newer than it. Run under a lock by the tests, so that of two that
 * start at once only one builds; after `npm test` has built, it does nothing.
 */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const SOURCES = ["package.json", "scripts/build.ts", "schemas/**/*.json", "src/**/*.ts", "python-shim/orchbridge/**/*.{py,sh}"];
const PRODUCTS = ["dist/module/manifest.json"];

const changed = (path: string): number => statSync(join(root, path)).mtimeMs;

function stale(): boolean {
  if (!PRODUCTS.every((path) => existsSync(join(root, path)))) return true;
  const built = Math.min(...PRODUCTS.map(changed));
  return globSync(SOURCES, { cwd: root }).some((path) => changed(path) > built);
}

if (stale()) execFileSync(join(root, "scripts/with-node"), ["node", "scripts/build.ts"], { cwd: root, stdio: "inherit" });
