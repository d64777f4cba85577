/** The log of `call` and `dev`: lines for a person on stderr, and the stacks of bugs, which a manager would have in its log. */

import { fileURLToPath } from "node:url";
import { printable } from "../../main/log-values.ts";
import { ownFolder } from "../../main/own-files.ts";
import type { Logger } from "../../orchestrator/ports.ts";
import { withoutSecrets } from "../../orchestrator/secrets.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** How much of what is logged is shown. */
export type LogLevel = (typeof LEVELS)[number];

/** How many bugs' stacks wait for being shown. */
const STACKS_KEPT = 100;

/** Writes lines to a sink. */
export class AuthorLog implements Logger {
  readonly #write: (line: string, level: LogLevel) => void;
  readonly #least: number;
  readonly #fields: { readonly backend?: string; readonly method?: string };
  readonly #stacks: Map<string, string>;

  constructor(
    write: (line: string, level: LogLevel) => void,
    least: LogLevel,
    fields: { backend?: string; method?: string } = {},
    stacks = new Map<string, string>(),
  ) {
    this.#write = write;
    this.#least = LEVELS.indexOf(least);
    this.#fields = fields;
    this.#stacks = stacks;
  }

  child(fields: object): AuthorLog {
    const least = LEVELS[this.#least] ?? "info";
    return new AuthorLog(this.#write, least, { ...this.#fields, ...fields }, this.#stacks);
  }

  debug(message: string, values?: object): void {
    this.#log("debug", message, values);
  }

  info(message: string, values?: object): void {
    // The bridge's own word about what an author has just asked for.
    this.#log(/^backend \S+ created$/.test(message) ? "debug" : "info", message, values);
  }

  warn(message: string, values?: object): void {
    this.#log("warn", message, values);
  }

  error(message: string, values?: object): void {
    // Whoever asked is told these, a bug together with its stack.
    if (message.startsWith("configuration refused: ") || (values !== undefined && this.#keepStack(values))) return;
    this.#log("error", message, values);
  }

  /** The sentence without its log id, and the stack that belongs to it: there is no other log to look into here. */
  explained(sentence: string): { message: string; stack: string | undefined } {
    const id = /\(log id ([0-9a-f]{8}) in the mgr log\)/.exec(sentence)?.[1];
    const message = sentence.replaceAll(/ \(log id [0-9a-f]{8} in the mgr log\)/g, "");
    return { message, stack: id === undefined ? undefined : this.#stacks.get(id) };
  }

  #keepStack(values: object): boolean {
    if (!("log_id" in values) || typeof values.log_id !== "string") return false;
    if ("stack" in values && typeof values.stack === "string") {
      this.#stacks.set(values.log_id, authorsStack(withoutSecrets(values.stack)));
      for (const id of this.#stacks.keys()) {
        if (this.#stacks.size <= STACKS_KEPT) break;
        this.#stacks.delete(id);
      }
    }
    return true;
  }

  #log(level: LogLevel, message: string, values: object | undefined): void {
    if (LEVELS.indexOf(level) < this.#least) return;
    const { backend, method } = this.#fields;
    const where = method ?? backend;
    const shown = values === undefined ? "" : ` ${JSON.stringify(printable(values))}`;
    this.#write(withoutSecrets(`${level}: ${where === undefined ? "" : `${where}: `}${message}${shown}`), level);
  }
}

/** An exception that no call has to do with; a backend's own, as far as one can tell. */
export function strayException(error: unknown): { message: string; stack: string } {
  const what = "An exception was thrown outside of any call; in a manager the process would end and be started again.";
  const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return { message: what, stack: authorsStack(withoutSecrets(stack)) };
}

/** A stack as its author needs it: paths instead of URLs, without the frames of the bridge and of Node. */
export function authorsStack(stack: string): string {
  const own = fileURLToPath(ownFolder);
  return stack
    .replaceAll(/file:\/\/[^\s)]+/g, (url) => pathOf(url))
    .split("\n")
    .filter(
      (line) => !/^\s+at /.test(line) || !(line.includes(own) || /node:internal|at async Promise\.all /.test(line)),
    )
    .join("\n");
}

function pathOf(url: string): string {
  const [, file = url, place = ""] = /^(.*?)(?:\?[^:]*)?((?::\d+)*)$/.exec(url) ?? [];
  try {
    return fileURLToPath(file) + place;
  } catch {
    return url; // not a file's URL after all
  }
}
