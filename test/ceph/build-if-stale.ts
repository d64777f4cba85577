/**
 * Sees to it that dist/module is as new as its sources, and prints the path of the orchbridge command to install it with.
 * After `npm test` or `npm run build` that is the built one, and nothing is done. Else only the module is made again,
 * without the types, and the command runs from its sources. The tests run this under a lock, so that of two that start at
 * once only one builds.
 */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const SOURCES = ["package.json", "scripts/build.ts", "src/**/*.ts", "python-shim/orchbridge/**/*.{py,sh}"];
const COMMAND = join(root, "dist/cli/orchbridge.js");
const MODULE = join(root, "dist/module/manifest.json");

const changed = (path: string): number => statSync(path).mtimeMs;
const newest = Math.max(...globSync(SOURCES, { cwd: root }).map((path) => changed(join(root, path))));
const fresh = (path: string): boolean => existsSync(path) && changed(path) >= newest;

if (!fresh(MODULE)) {
  const build = ["node", "scripts/build.ts", `--module=${join(root, "dist/module")}`];
  execFileSync(join(root, "scripts/with-node"), build, { cwd: root, stdio: ["ignore", 2, "inherit"] });
}
console.log(fresh(COMMAND) ? COMMAND : join(root, "src/cli/orchbridge.ts"));
