/**
 * `npm run build`: makes dist/ (JavaScript and types for npm) and in it dist/module/, the folder that `orchbridge install`
 * copies into a manager: the shim, and everything of the Node side in a few bundled files without node_modules.
 * `--module=DIR` makes only the latter, in another folder and without type checks, for tests.
 */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, parse, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";
import { VERSION } from "../src/main/version.ts";
import { SCHEMA_HASH } from "../src/orchestrator/generated/methods.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const onlyModule = /^--module=(.+)$/.exec(process.argv[2] ?? "")?.[1];
const target = onlyModule === undefined ? join(dist, "module") : resolve(onlyModule);
/** Made under another name first: a test or a manager may be reading the one before. */
const moduleFolder = `${target}-${process.pid}`;

if (onlyModule === undefined) compile();
copyShim();
const { metafile } = await bundle();
writeFileSync(join(moduleFolder, "js", "LICENSES.txt"), licenses(metafile));
writeManifest();
rmSync(target, { recursive: true, force: true });
renameSync(moduleFolder, target);
report(metafile);

function compile(): void {
  for (const name of existsSync(dist) ? readdirSync(dist) : []) {
    if (name !== "module") rmSync(join(dist, name), { recursive: true });
  }
  try {
    execFileSync("tsc", ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
  } catch {
    process.exit(1); // tsc said why
  }
}

/** The shim, and the unit of the host agent, which runs from the same folder. */
function copyShim(): void {
  cpSync(join(root, "python-shim/orchbridge"), moduleFolder, {
    recursive: true,
    filter: (path) => !/(^|\/)(tests|__pycache__|\.mypy_cache|[^/]*\.pyc)$/.test(path),
  });
  cpSync(join(root, "packaging/orchbridge-agent.service"), join(moduleFolder, "orchbridge-agent.service"));
}

/** Shared code goes into chunks beside main.mjs, so that there is one copy of each module in a process. */
function bundle(): Promise<{ metafile: Metafile }> {
  return build({
    absWorkingDir: root,
    entryPoints: {
      main: "src/main.ts",
      agent: "src/cli/agent-alone.ts",
      index: "src/index.ts",
      contract: "src/contract/index.ts",
      zod: fileURLToPath(import.meta.resolve("zod")),
      ...backendEntries(),
    },
    outdir: join(moduleFolder, "js"),
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunk-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22.18",
    metafile: true,
    legalComments: "none",
    // CommonJS dependencies call require for node's own modules.
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
    },
    logLevel: "warning",
  });
}

function backendEntries(): Record<string, string> {
  const folder = join(root, "src/backends");
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  return Object.fromEntries(
    entries.flatMap((entry): [string, string][] => {
      const file = entry.isDirectory() ? `${entry.name}/index.ts` : entry.name;
      return existsSync(join(folder, file)) ? [[`backends/${parse(entry.name).name}`, `src/backends/${file}`]] : [];
    }),
  );
}

/** The licences of the packages whose code is in the bundle ask for their text to go with it. */
function licenses({ inputs }: Metafile): string {
  const packages = new Set(
    Object.keys(inputs).flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []),
  );
  return [...packages]
    .sort()
    .map((path) => {
      const { name, version } = JSON.parse(readFileSync(join(root, path, "package.json"), "utf8")) as {
        name: string;
        version: string;
      };
      const [file] = globSync("{LICEN[SC]E,License,license}*", { cwd: join(root, path) });
      if (file === undefined) throw new Error(`${path} has no licence file`);
      return `${name} ${version}\n\n${readFileSync(join(root, path, file), "utf8").trim()}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

/** By this file an installed folder is known as ours. */
function writeManifest(): void {
  const manifest = { name: "orchbridge", version: VERSION, schema_hash: SCHEMA_HASH };
  writeFileSync(join(moduleFolder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

function report({ outputs }: Metafile): void {
  const bytes = Object.values(outputs).reduce((sum, output) => sum + output.bytes, 0);
  console.log(`${target}: ${Object.keys(outputs).length} JavaScript files, ${Math.round(bytes / 1024)} KiB`);
}
