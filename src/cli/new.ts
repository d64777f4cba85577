/** `orchbridge new`: the repository of a new backend. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { builtInBackends } from "../main/load-backend.ts";
import { ownFolder } from "../main/own-files.ts";
import { CommandError } from "./errors.ts";
import { type TemplateVersions, templateFiles } from "./new/template.ts";
import { newUsage } from "./new/usage.ts";
import { readWords } from "./options.ts";
import { ownStdout } from "./own-stdout.ts";

const LONGEST_NAME = 64;

/** Runs the command. */
export function newBackend(args: string[]): void {
  const { options, words } = readWords(args, { json: { type: "boolean" } }, newUsage, { words: ["NAME"] });
  const name = words[0] ?? "";
  const made = makeRepository(name, resolve(name));
  const text = options.has("json")
    ? `${JSON.stringify(made, null, 2)}\n`
    : `${made.files.map((file) => `  ${join(name, file)}`).join("\n")}

Next:
  cd ${name}
  npm install-test
  npx orchbridge dev ${name}.ts
`;
  ownStdout().write(text);
}

/** Writes the files into a folder that does not exist yet. */
export function makeRepository(name: string, folder: string): { folder: string; files: string[] } {
  checkName(name);
  const files = templateFiles(name, versions());
  try {
    mkdirSync(folder);
  } catch (cause) {
    const exists = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    const why = exists ? "exists already: take another name or another folder" : `was not made: ${String(cause)}`;
    throw new CommandError(`${folder} ${why}`, { cause });
  }
  for (const [path, text] of files) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  return { folder, files: [...files.keys()] };
}

function checkName(name: string): void {
  const rule = "letters a-z, digits and single dashes, beginning with a letter";
  if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name) || name.length > LONGEST_NAME)
    throw new CommandError(`NAME: expected ${rule} (${LONGEST_NAME} at most), got ${JSON.stringify(name)}`);
  if (builtInBackends().includes(name))
    throw new CommandError(`NAME: ${name} is a backend that comes with orchbridge; take another name`);
}

const packageShape = z.object({
  version: z.string(),
  dependencies: z.object({ zod: z.string() }),
  devDependencies: z.object({ typescript: z.string(), "@types/node": z.string() }),
});

/** Those that this package was made and tested with. */
function versions(): TemplateVersions {
  const text = readFileSync(new URL("../package.json", ownFolder), "utf8");
  const { version, dependencies, devDependencies } = packageShape.parse(JSON.parse(text));
  return {
    orchbridge: version,
    zod: dependencies.zod,
    typescript: devDependencies.typescript,
    nodeTypes: devDependencies["@types/node"],
  };
}
