/** Runs the lines of the prompt, typed or read from a script. */

import { readFileSync } from "node:fs";
import { isOrchestratorError, messageOf, ValidationError } from "../../orchestrator/errors.ts";
import { METHODS } from "../../orchestrator/generated/methods.ts";
import { InvalidCommand, readArguments, usageOf } from "./orch/arguments.ts";
import type { Orch, OrchCommand } from "./orch/command.ts";
import { completions, findCommand, nearestCommand, ORCH_COMMANDS } from "./orch/commands.ts";
import type { AuthorSession } from "./session.ts";
import { wordsOf } from "./words.ts";

/** What a line came to: `status` is 0 or the name of an errno, as `ceph` shows it. */
export interface LineResult {
  readonly status: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the shell needs of its surroundings. */
export interface ShellSetup {
  readonly session: AuthorSession;
  readonly features: () => readonly string[];
  /** The words that `ceph orch` does not have. */
  readonly own: readonly OrchCommand[];
}

const READ_TIMEOUT_MS = 10_000;
const WRITE_TIMEOUT_MS = 60_000;
const EINVAL = "EINVAL";

/** The commands of Ceph and our own words, over one session. */
export class Shell {
  readonly commands: readonly OrchCommand[];
  readonly #setup: ShellSetup;

  constructor(setup: ShellSetup) {
    this.#setup = setup;
    this.commands = [...ORCH_COMMANDS, ...setup.own];
  }

  /** Runs one line; the signal gives its calls up. Never rejects. */
  async run(line: string, signal: AbortSignal): Promise<LineResult> {
    let words: string[];
    try {
      words = withoutCeph(wordsOf(line));
    } catch (error) {
      return refused(messageOf(error));
    }
    if (words.length === 0) return done("");
    const found = findCommand(this.commands, words);
    if (found === undefined) return this.#unknown(words);
    const { command, rest } = found;
    try {
      return done(await command.run(readArguments(command.params, rest), this.#orch(signal)));
    } catch (error) {
      return this.#failed(error, command);
    }
  }

  /** What the word at the end of the line may become. */
  complete(line: string): [completions: string[], begun: string] {
    const begun = /\S*$/.exec(line)?.[0] ?? "";
    const words = withoutCeph([
      ...line
        .slice(0, line.length - begun.length)
        .split(/\s+/)
        .filter((word) => word !== ""),
      begun,
    ]);
    return [completions(this.commands, words).map((word) => `${word} `), begun];
  }

  #orch(signal: AbortSignal): Orch {
    const { session, features } = this.#setup;
    return {
      async call<Result>(method: string, params: object = {}): Promise<Result> {
        const wire = `orchestrator/${method}`;
        const timeoutMs = METHODS[wire]?.kind === "write" ? WRITE_TIMEOUT_MS : READ_TIMEOUT_MS;
        try {
          const { result } = await session.call(wire, params, { timeoutMs, signal });
          return result as Result; // it was checked against the method's schema
        } catch (error) {
          throw new CallFailed(wire, error);
        }
      },
      readFile,
      signal,
      status: () => session.orchestrator.status(),
      features,
      now: Date.now(),
    };
  }

  #unknown(words: string[]): LineResult {
    const near = nearestCommand(this.commands, words);
    const hint = near === undefined ? "help lists the commands" : `did you mean ${near}?`;
    return refused(`no valid command found: ${words.join(" ")}; ${hint}`);
  }

  #failed(error: unknown, command: OrchCommand): LineResult {
    if (error instanceof InvalidCommand) {
      const usage = `${command.words} ${usageOf(command.params)}`.trimEnd();
      return refused(`${error.message}\n${usage} :  ${command.about}`);
    }
    const { wire, cause } = error instanceof CallFailed ? error : { wire: command.words, cause: error };
    if (cause instanceof Interruption) return { status: "EINTR", stdout: "", stderr: cause.message };
    if (isOrchestratorError(cause) && cause.type === "NotSupportedError")
      return failed("ENOENT", `This Orchestrator does not support \`orch ${command.words}\``);
    const { errno, message, stack } = this.#setup.session.failure(cause, wire);
    return failed(errno, message, stack);
  }
}

/** Ctrl-C gave up what was under way. */
export class Interruption extends Error {
  override message = "interrupted";
}

/** Keeps which call of the interface a failure came from. */
class CallFailed extends Error {
  readonly wire: string;

  constructor(wire: string, cause: unknown) {
    super(messageOf(cause), { cause });
    this.wire = wire;
  }
}

function withoutCeph(words: string[]): string[] {
  const rest = words[0] === "ceph" ? words.slice(1) : words;
  return rest[0] === "orch" || (rest[0] === "orchbridge" && words[0] === "ceph") ? rest.slice(1) : rest;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ValidationError(`Can't open input file ${path}: ${messageOf(cause)}`, { cause });
  }
}

function done(stdout: string): LineResult {
  return { status: "0", stdout, stderr: "" };
}

function refused(why: string): LineResult {
  return { status: EINVAL, stdout: "", stderr: `Invalid command: ${why}\nError EINVAL: invalid command` };
}

function failed(errno: string, message: string, stack?: string): LineResult {
  return { status: errno, stdout: "", stderr: `Error ${errno}: ${message}${stack === undefined ? "" : `\n${stack}`}` };
}
