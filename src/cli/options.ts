/** Options of a command, by node:util's parseArgs, with its complaints in our words. */

import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { nearestWord } from "../orchestrator/nearest-word.ts";
import { UsageError } from "./errors.ts";

/** The options given; a UsageError for an unknown, repeated or missing one, and for any other word. */
export function readOptions(words: string[], options: ParseArgsOptionsConfig, usage: string, required: string[]): Record<string, unknown> {
  const values = parse(words, options, usage);
  for (const name of required) {
    if (values[name] === undefined || values[name] === "") throw new UsageError(`--${name} is missing`, usage);
  }
  return values;
}

function parse(words: string[], options: ParseArgsOptionsConfig, usage: string): Record<string, unknown> {
  // Not strict: then the first wrong word is ours to explain.
  const { values, tokens } = parseArgs({ args: words, options, strict: false, tokens: true });
  const seen = new Set<string>();
  for (const token of tokens) {
    if (token.kind === "positional") throw new UsageError(`there is one word too many: ${JSON.stringify(token.value)}`, usage);
    if (token.kind !== "option") continue;
    const problem = optionProblem(token, options, seen);
    if (problem !== undefined) throw new UsageError(problem, usage);
    seen.add(token.name);
  }
  return values;
}

function optionProblem(token: { name: string; rawName: string; value?: string | undefined }, options: ParseArgsOptionsConfig, seen: Set<string>): string | undefined {
  const option = options[token.name];
  if (option === undefined) {
    const near = nearestWord(token.name, Object.keys(options));
    return `there is no option ${token.rawName}${near === undefined ? "" : `; did you mean --${near}?`}`;
  }
  if (seen.has(token.name)) return `${token.rawName} is given twice`;
  if (option.type === "string" && token.value === undefined) return `${token.rawName} needs a value`;
  if (option.type === "boolean" && token.value !== undefined) return `${token.rawName} takes no value`;
  return undefined;
}
