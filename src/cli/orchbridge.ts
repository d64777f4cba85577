#!/usr/bin/env node

/** The `orchbridge` command. */

import { nodeProblem } from "../main/node-version.ts";
import { VERSION } from "../main/version.ts";
import { nearestWord } from "../orchestrator/nearest-word.ts";
import { type Command, commands } from "./commands.ts";
import { finished } from "./ending.ts";
import { CommandError, UsageError } from "./errors.ts";
import { end, ownStdout } from "./own-stdout.ts";

const exitUsage = 2;

function usage(): string {
  const width = Math.max(...Object.keys(commands).map((word) => word.length));
  const words = Object.entries(commands).map(([word, { summary }]) => `  ${word.padEnd(width)}  ${summary}`);
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
  if (word === "help" && rest[0] !== undefined) return print(commandNamed(rest[0]).usage);
  if (word === "--help" || word === "-h" || word === "help") return print(usage());
  if (word === undefined) throw new UsageError("a command is missing", usage());
  const command = commandNamed(word);
  if (rest.includes("--help") || rest.includes("-h")) return print(command.usage);
  await command.run(rest);
}

function commandNamed(word: string): Command {
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (command !== undefined) return command;
  const near = nearestWord(word, [...Object.keys(commands), "--version", "--help"]);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  throw new UsageError(`there is no command ${JSON.stringify(word)}${hint}`, usage());
}

function print(text: string): void {
  ownStdout().write(text);
}

function complain(error: unknown): void {
  if (error instanceof UsageError) {
    process.stderr.write(`orchbridge: ${error.message}\n${error.usage}`);
    end(exitUsage);
  } else if (error instanceof CommandError) {
    process.stderr.write(`orchbridge: ${error.message}\n`);
    end(error.status);
  } else {
    // A bug of the command's own, which is not for a backend's author to be told of.
    process.removeAllListeners("uncaughtException");
    throw error;
  }
}

main(process.argv.slice(2)).catch(complain).finally(finished);
