/** The module as a packaged installation gets it, for the managers of the tests in this folder. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const node = join(root, `node_modules/node-linux-${process.arch}/bin/node`);

/** Puts the module into a mgr's module folder by the command that operators use; what that printed. */
export function installModule(moduleDir: string): string {
  // The root of a release has no Node of its own, so a copy goes with the module.
  const command = [buildModule(), "install", "--mgr-dir", moduleDir, "--node", node];
  return execFileSync(node, command, { encoding: "utf8" });
}

let built: string | undefined;

/** The path of the orchbridge command; what it installs is as new as the sources. */
export function buildModule(): string {
  if (!existsSync(node)) throw new Error(`${node} is missing; run npm ci`);
  const lock = join(root, "node_modules/.build.lock");
  const build = [lock, node, join(import.meta.dirname, "build-if-stale.ts")];
  built ??= execFileSync("flock", build, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  return built;
}
