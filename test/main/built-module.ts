/** The installable module, bundled from the sources as they are, in a folder of its own. */

import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { root } from "./child.ts";

/** Builds before a file's tests and removes after them; call it at the top of a test file. */
export function builtModule(): { readonly folder: string } {
  const built = { folder: "" };
  let parent = "";
  beforeAll(() => {
    parent = mkdtempSync(join(tmpdir(), "orchbridge-module-"));
    chmodSync(parent, 0o755);
    built.folder = join(parent, "orchbridge");
    execFileSync(process.execPath, [join(root, "scripts/build.ts"), `--module=${built.folder}`], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  });
  afterAll(() => rmSync(parent, { recursive: true, force: true }));
  return built;
}
