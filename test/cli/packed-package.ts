/** The package as `npm pack` would make it, unpacked into a folder's node_modules, without network. */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./run.ts";

/** What the package needs at run time, and what an author's project does. */
const NEEDED = ["zod", "pino", "vscode-jsonrpc", "typescript", "@types/node", "@types/estree"];

/** A folder with the package's tarball. */
export class PackedPackage {
  readonly folder = mkdtempSync(join(tmpdir(), "orchbridge-packed-"));
  readonly tarball: string;

  /** `module`: the built module's folder, for those who install it. */
  constructor(module?: string) {
    const source = join(this.folder, "source");
    mkdirSync(source);
    for (const name of ["package.json", "README.md", "LICENSE", "schemas", "docs", "python-shim"])
      cpSync(join(root, name), join(source, name), { recursive: true });
    tsc(root, "-p", "tsconfig.build.json", "--outDir", join(source, "dist"));
    if (module !== undefined) cpSync(module, join(source, "dist/module"), { recursive: true });
    const packing = ["pack", "--silent", "--ignore-scripts", "--pack-destination", this.folder];
    execFileSync("npm", packing, { cwd: source, stdio: ["ignore", "pipe", "inherit"] });
    const [tarball] = readdirSync(this.folder).filter((name) => name.endsWith(".tgz"));
    if (tarball === undefined) throw new Error("npm pack made no tarball");
    this.tarball = join(this.folder, tarball);
  }

  /** Makes it `node_modules/orchbridge` of a project, and links what both need from this repository. */
  installInto(project: string): void {
    const modules = join(project, "node_modules");
    mkdirSync(join(modules, "orchbridge"), { recursive: true });
    mkdirSync(join(modules, "@types"), { recursive: true });
    execFileSync("tar", ["-xzf", this.tarball, "--strip-components=1", "-C", join(modules, "orchbridge")]);
    for (const name of NEEDED) {
      const own = join(root, "node_modules", name);
      if (existsSync(own)) symlinkSync(own, join(modules, name));
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The pinned compiler; throws with what it says. */
export function tsc(folder: string, ...args: string[]): void {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  try {
    execFileSync(process.execPath, [compiler, ...args], { cwd: folder, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const said = error instanceof Error && "stdout" in error ? String(error.stdout) : "";
    throw new Error(`tsc ${args.join(" ")} failed:\n${said}`, { cause: error });
  }
}
