/** A clean folder in which an author types commands, with the packed package and without network. */

import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PackedPackage } from "./packed-package.ts";
import { root } from "./run.ts";

export class AuthorShell {
  readonly #folder = mkdtempSync(join(tmpdir(), "orchbridge-author-"));
  readonly #packed: PackedPackage;
  #at = "";

  /** `module`: the built module's folder, for those who install it. */
  constructor(module?: string) {
    this.#packed = new PackedPackage(module);
    this.#packed.installInto(this.#folder); // where `npx orchbridge` finds it before there is a project
    const command = join(this.#folder, "node_modules/orchbridge/dist/cli/orchbridge.js");
    this.#standIn("npx", `shift\nexec "${process.execPath}" "${command}" "$@"`);
    symlinkSync(process.execPath, join(this.#folder, "bin/node"));
    this.#standIn(
      "npm",
      `case "$*" in
  install-test | test) exec "${process.execPath}" --test >/dev/null ;;
  'run types') exec "${process.execPath}" "${root}/node_modules/typescript/bin/tsc" ;;
  *) echo "npm $*: not expected" >&2; exit 1 ;;
esac`,
    );
  }

  /** Runs a command line where the last `cd` led; what it says on stderr is in its stdout. */
  run(command: string, input = ""): Pick<SpawnSyncReturns<string>, "status" | "stdout"> {
    const moved = /^cd (\S+)$/.exec(command)?.[1];
    if (moved !== undefined) {
      this.#at = join(this.#at, moved);
      return { status: 0, stdout: "" };
    }
    if (command === "npm install-test") this.#packed.installInto(join(this.#folder, this.#at));
    return spawnSync("bash", ["-c", `${command} 2>&1`], {
      cwd: join(this.#folder, this.#at),
      encoding: "utf8",
      input,
      env: { PATH: `${join(this.#folder, "bin")}:/usr/bin:/bin` },
    });
  }

  read(path: string): string {
    return readFileSync(join(this.#folder, path), "utf8");
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.#folder, path), text);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
    this.#packed.remove();
  }

  /** A stand-in for a program that would use the network. */
  #standIn(name: string, script: string): void {
    mkdirSync(join(this.#folder, "bin"), { recursive: true });
    writeFileSync(join(this.#folder, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
}
