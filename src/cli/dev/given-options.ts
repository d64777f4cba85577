/** `--options JSON|@FILE`: what would be `backend_options` in a manager. */

import { readFileSync } from "node:fs";
import { messageOf } from "../../orchestrator/errors.ts";
import type { Json } from "../../orchestrator/ports.ts";
import { UsageError } from "../errors.ts";

/** A JSON text, or the one in the file that follows `@`. Undefined where nothing is given. */
export function readJson(given: string | undefined, name: string, usage: string): Json | undefined {
  if (given === undefined) return undefined;
  const text = given.startsWith("@") ? readFile(given.slice(1), name, usage) : given;
  try {
    // What was parsed from JSON is JSON.
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new UsageError(`${name}: not JSON: ${messageOf(error)}`, usage);
  }
}

function readFile(path: string, name: string, usage: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`${name}: ${path} cannot be read: ${messageOf(error)}`, usage);
  }
}
