/** One command of the prompt: its words, its parameters, and what it asks of the interface. */

import type { Json } from "../../../orchestrator/ports.ts";
import { type Arguments, type Param, paramsOf } from "./arguments.ts";

/** What a command may use. */
export interface Orch {
  /** Calls a method of the interface by Ceph's name of it. */
  call<Result>(method: string, params?: object): Promise<Result>;
  /** The text of a file that an operator names with `-i`. */
  readFile(path: string): string;
  /** What the bridge says of itself and the backend. */
  status(): { [key: string]: Json };
  /** The interface methods that the backend can serve. */
  features(): readonly string[];
  readonly now: number;
  /** Ends when the command is given up. */
  readonly signal: AbortSignal;
}

/** A command of `ceph orch`. */
export interface OrchCommand {
  readonly words: string;
  readonly about: string;
  readonly params: readonly Param[];
  run(args: Arguments, orch: Orch): Promise<string>;
}

/** Declares a command. */
export function command(
  words: string,
  params: string,
  about: string,
  run: (args: Arguments, orch: Orch) => Promise<string>,
): OrchCommand {
  return { words, about, params: paramsOf(params), run };
}

/** A command that is one call: its parameters go by the names of the command's, or by those that `rename` gives. */
export function oneCall(
  words: string,
  params: string,
  about: string,
  method: string,
  rename: Readonly<Record<string, string>> = {},
): OrchCommand {
  const declared = paramsOf(params);
  return {
    words,
    about,
    params: declared,
    run: async (args, orch) => {
      const given = declared
        .filter(({ name }) => args.has(name))
        .map(({ name, kind }): [string, unknown] => [
          rename[name] ?? name.replaceAll("-", "_"),
          kind === "flag"
            ? args.flag(name)
            : kind === "list"
              ? args.list(name)
              : (args.integer(name) ?? args.text(name)),
        ]);
      return resultText(await orch.call(method, Object.fromEntries(given)));
    },
  };
}

/** A result as Ceph's own commands print it. */
export function resultText(result: unknown): string {
  if (result === null || result === undefined) return "";
  if (Array.isArray(result)) return result.map(resultText).join("\n");
  return typeof result === "string" ? result : JSON.stringify(result);
}
