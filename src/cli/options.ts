/** Options of a command, by node:util's parseArgs, with its complaints in our words. */

import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { nearestWord } from "../orchestrator/nearest-word.ts";
import { UsageError } from "./errors.ts";

/** The options given and their values ("" for a flag); a UsageError for an unknown, repeated or missing one, and for any other word. */
export function readOptions(
  words: string[],
  options: ParseArgsOptionsConfig,
  usage: string,
  required: string[],
): Map<string, string> {
  // Not strict: then the first wrong word is ours to explain.
  const { tokens } = parseArgs({ args: words, options, strict: false, tokens: true });
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === "positional") {
      throw new UsageError(`there is one word too many: ${JSON.stringify(token.value)}`, usage);
    }
    if (token.kind !== "option") continue;
    const problem = optionProblem(token, options, given);
    if (problem !== undefined) throw new UsageError(problem, usage);
    given.set(token.name, token.value ?? "");
  }
  const missing = required.find((name) => !given.has(name));
  if (missing !== undefined) throw new UsageError(`--${missing} is missing`, usage);
  return given;
}

function optionProblem(
  token: { name: string; rawName: string; value?: string | undefined },
  options: ParseArgsOptionsConfig,
  given: Map<string, string>,
): string | undefined {
  const option = options[token.name];
  if (option === undefined) {
    const near = nearestWord(token.name, Object.keys(options));
    return `there is no option ${token.rawName}${near === undefined ? "" : `; did you mean --${near}?`}`;
  }
  if (given.has(token.name)) return `${token.rawName} is given twice`;
  if (option.type === "string" && (token.value ?? "") === "") return `${token.rawName} needs a value`;
  if (option.type === "boolean" && token.value !== undefined) return `${token.rawName} takes no value`;
  return undefined;
}
