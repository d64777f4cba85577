#!/usr/bin/env node

/** The `orchbridge` command. */

import { nodeProblem } from "../main/node-version.ts";
import { VERSION } from "../main/version.ts";
import { nearestWord } from "../orchestrator/nearest-word.ts";
import { commands } from "./commands.ts";
import { CommandError, UsageError } from "./errors.ts";

const exitUsage = 2;

function usage(): string {
  const words = Object.entries(commands).map(([word, { summary }]) => `  ${word.padEnd(10)}${summary}`);
  return [
    "usage: orchbridge COMMAND …",
    "",
    "Runs backends of Ceph's orchestrator interface, written in TypeScript, outside the manager.",
    "",
    ...words,
    "",
    "orchbridge COMMAND --help tells more. orchbridge --version prints the version.",
    "",
  ].join("\n");
}

async function main([word, ...rest]: string[]): Promise<void> {
  const problem = nodeProblem();
  if (problem !== undefined) throw new CommandError(problem);
  if (word === "--version" || word === "-V") return print(`orchbridge ${VERSION}\n`);
  if (word === "--help" || word === "-h" || word === "help") return print(usage());
  if (word === undefined) throw new UsageError("a command is missing", usage());
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (command === undefined) throw new UsageError(unknownWord(word), usage());
  if (rest.includes("--help") || rest.includes("-h")) return print(command.usage);
  await command.run(rest);
}

function unknownWord(word: string): string {
  const near = nearestWord(word, [...Object.keys(commands), "--version", "--help"]);
  return `there is no command ${JSON.stringify(word)}${near === undefined ? "" : `; did you mean ${near}?`}`;
}

function print(text: string): void {
  process.stdout.write(text);
}

function complain(error: unknown): void {
  if (error instanceof UsageError) {
    process.stderr.write(`orchbridge: ${error.message}\n${error.usage}`);
    process.exitCode = exitUsage;
  } else if (error instanceof CommandError) {
    process.stderr.write(`orchbridge: ${error.message}\n`);
    process.exitCode = error.status;
  } else {
    throw error;
  }
}

main(process.argv.slice(2)).catch(complain);
