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
  return readWords(words, options, usage, { required }).options;
}

/** Which words other than options a command takes, by what they are called in its usage. */
export interface ExpectedWords {
  readonly required?: string[];
  readonly words?: string[];
  /** Words that may be left out. */
  readonly more?: string[];
}

/** The options given, and the other words in their order. */
export function readWords(
  args: string[],
  options: ParseArgsOptionsConfig,
  usage: string,
  { required = [], words = [], more = [] }: ExpectedWords,
): { options: Map<string, string>; words: string[] } {
  // Not strict: then the first wrong word is ours to explain.
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  const given = new Map<string, string>();
  const others: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (others.length === words.length + more.length)
        throw new UsageError(`there is one word too many: ${JSON.stringify(token.value)}`, usage);
      others.push(token.value);
    }
    if (token.kind !== "option") continue;
    const problem = optionProblem(token, options, given);
    if (problem !== undefined) throw new UsageError(problem, usage);
    given.set(token.name, token.value ?? "");
  }
  const missing = required.find((name) => !given.has(name));
  if (missing !== undefined) throw new UsageError(`--${missing} is missing`, usage);
  const absent = words[others.length];
  if (absent !== undefined) throw new UsageError(`${absent} is missing`, usage);
  return { options: given, words: others };
}

/** The number of seconds that is an option's value, in milliseconds. */
export function readSeconds(text: string, name: string, usage: string): number {
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds * 1000;
  throw new UsageError(`--${name}: expected a number of seconds, more than 0, got ${text}`, usage);
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
