/** `host/light`: the LED of a device, by the operator's command template. */
import { existsSync } from "node:fs";

import { NotFoundError, OrchestratorError, ValidationError } from "../../index.ts";
import type { CheckedParams } from "../protocol.ts";
import type { AgentSettings } from "../settings.ts";
import { firstProblem } from "./first-problem.ts";
import { runAny } from "./programs.ts";

/** ledctl's names of the states; what lights a fault is taken back by `off`. */
const STATES = { ident: { on: "locate", off: "locate_off" }, fault: { on: "failure", off: "off" } } as const;

const DEFAULT = "ledctl {state}={path}";
const PLACEHOLDERS = ["state", "path", "light", "switch"] as const;

/** The words of a template, split at spaces; no shell is asked. Throws for a placeholder that is not known. */
export function templateWords(template: string | undefined): string[] {
  const words = (template ?? DEFAULT).split(/\s+/).filter((word) => word !== "");
  for (const [, name = ""] of words.join(" ").matchAll(/\{(\w*)\}/g)) {
    if (!PLACEHOLDERS.some((known) => known === name))
      throw new ValidationError(
        `--light: {${name}} is not known; there are ${PLACEHOLDERS.map((known) => `{${known}}`).join(", ")}`,
      );
  }
  if (words.length === 0) throw new ValidationError("--light: the template names no program");
  return words;
}

/** The command for a light: `{state}` locate, locate_off, failure or off, `{path}`, `{light}` ident or fault, `{switch}` on or off. */
export function lightCommand(template: string | undefined, { path, light, on }: CheckedParams<"host/light">): string[] {
  const values = { state: STATES[light][on ? "on" : "off"], path, light, switch: on ? "on" : "off" };
  return templateWords(template).map((word) =>
    word.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name as keyof typeof values]),
  );
}

/** Lights or darkens it; what the command said is the answer. */
export async function setLight(
  settings: AgentSettings,
  params: CheckedParams<"host/light">,
): Promise<{ output: string }> {
  if (!existsSync(params.path)) throw new NotFoundError(`${params.path} is not on this host`);
  const [program = "", ...args] = lightCommand(settings.light, params);
  const { code, stdout, stderr } = await runAny(program, args);
  // ledctl says on stderr where it looked for its configuration, and prints its failure on either.
  if (code !== 0) throw new OrchestratorError(`${program}: ${problem(program, `${stderr}\n${stdout}`, code)}`);
  return { output: stdout.trim() };
}

function problem(program: string, text: string, code: number): string {
  const lines = text.split("\n").filter((line) => !/ledmon\.conf: does not exist/.test(line));
  const line = firstProblem(lines.join("\n"), code);
  return line.startsWith(`${program}: `) ? line.slice(program.length + 2) : line;
}
