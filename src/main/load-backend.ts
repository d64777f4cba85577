/** Finds a backend: a built-in one by its file name, any other by its file's absolute path. */

import { existsSync, readdirSync } from "node:fs";
import { isAbsolute, parse } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type BackendDefinition, isBackendDefinition } from "../orchestrator/backend.ts";
import { ValidationError } from "../orchestrator/errors.ts";
import { nearestWord } from "../orchestrator/nearest-word.ts";
import { checkedEntry } from "./backend-file.ts";
import { ownExtension, ownFolder } from "./own-files.ts";

const folder = new URL("backends/", ownFolder);

/** How often each file could not be loaded or has changed: Node keeps a module for good, so the next try has another URL. */
const retries = new Map<string, number>();

/** Loads a backend by `name`; what it throws is a ValidationError in one sentence. */
export async function loadBackend(name: string): Promise<BackendDefinition> {
  if (!isAbsolute(name)) return definitionOf(await importModule(builtInUrl(name)), `the built-in backend ${name}`);
  const path = checkedEntry(name);
  const { installModuleHooks } = await import("./module-hooks.ts");
  installModuleHooks();
  const tries = retries.get(path) ?? 0;
  try {
    const again = tries === 0 ? "" : `?again=${tries}`;
    return definitionOf(await importModule(pathToFileURL(path).href + again), path);
  } catch (error) {
    retries.set(path, tries + 1);
    const { explainLoadError } = await import("./load-errors.ts");
    throw explainLoadError(error, path);
  }
}

/** The next load of this file reads it and what it imports by relative paths anew: for authors' tools. */
export function readAgain(name: string): void {
  if (!isAbsolute(name)) return;
  const path = checkedEntry(name);
  retries.set(path, (retries.get(path) ?? 0) + 1);
}

/** The names of the backends that come with the package. */
export function builtInBackends(): string[] {
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  const names = entries.map((entry) => (entry.isDirectory() ? entry.name : parse(entry.name)));
  return names
    .flatMap((entry) => (typeof entry === "string" ? [entry] : entry.ext === ownExtension ? [entry.name] : []))
    .filter((name) => builtInFile(name) !== undefined)
    .sort();
}

function builtInFile(name: string): URL | undefined {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) return undefined;
  const candidates = [new URL(`${name}${ownExtension}`, folder), new URL(`${name}/index${ownExtension}`, folder)];
  return candidates.find((url) => existsSync(fileURLToPath(url)));
}

function builtInUrl(name: string): string {
  const file = builtInFile(name);
  if (file !== undefined) return file.href;
  const known = builtInBackends();
  const near = nearestWord(name, known);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  throw new ValidationError(
    `backend: there is no built-in backend ${JSON.stringify(name)} (there is: ${known.join(", ") || "none"}); for one of your own give the absolute path of its .ts, .mjs or .js file${hint}`,
  );
}

function importModule(url: string): Promise<Record<string, unknown>> {
  return import(url) as Promise<Record<string, unknown>>;
}

function definitionOf(module: Record<string, unknown>, where: string): BackendDefinition {
  const definition = module["default"];
  if (isBackendDefinition(definition)) return definition;
  const found =
    definition === undefined ? "it has no default export" : "its default export was not made by defineBackend";
  throw new ValidationError(`${where}: ${found}; it must say: export default defineBackend({ name, create })`);
}
