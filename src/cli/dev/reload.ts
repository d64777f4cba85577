/** Takes a backend's saved file into use, or keeps the one before. */

import { realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import { loadBackend, readAgain } from "../../main/load-backend.ts";
import { foreignFiles } from "../../main/module-hooks.ts";
import type { Json } from "../../orchestrator/ports.ts";
import type { AuthorSession } from "./session.ts";

/** What a reload came to, as a sentence; `ok` is false where the former backend stays. */
export interface Reloaded {
  readonly ok: boolean;
  readonly text: string;
}

/** Loads the file anew and checks the options with it before the running backend is given up. */
export async function reload(
  session: AuthorSession,
  options: Json,
  features: () => readonly string[],
): Promise<Reloaded> {
  const began = performance.now();
  const former = new Set(features());
  let reason: string | undefined;
  try {
    readAgain(session.name);
    const definition = await loadBackend(session.name);
    await definition.parseOptions(options);
    reason = await session.replace(definition);
  } catch (error) {
    reason = session.failure(error, session.name).message;
  }
  if (reason !== undefined) {
    const kept = session.reason === undefined ? "\nThe backend from before goes on." : "";
    return { ok: false, text: `${session.explained(reason)}${kept}` };
  }
  const now = features();
  const gained = now.filter((name) => !former.has(name)).map((name) => `+${name}`);
  const lost = [...former].filter((name) => !now.includes(name)).map((name) => `-${name}`);
  const changes = former.size === 0 ? [] : [...gained, ...lost];
  const took = `${Math.round(performance.now() - began)} ms`;
  return { ok: true, text: `Loaded in ${took}${changes.length === 0 ? "" : `: ${changes.join(" ")}`}` };
}

/** The file and what it imports, packages excepted. */
export function filesOf(session: AuthorSession): string[] {
  if (!isAbsolute(session.name)) return [];
  const imported = [...foreignFiles].filter((file) => !file.includes("/node_modules/"));
  return [...new Set([entryOf(session.name), ...imported])];
}

function entryOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // it may be saved later
  }
}
