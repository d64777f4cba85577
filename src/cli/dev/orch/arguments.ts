/** The arguments of a command: declared as its usage, read as the `ceph` command reads them. */

import { nearestWord } from "../../../orchestrator/nearest-word.ts";

/** One parameter. */
export interface Param {
  readonly name: string;
  readonly required: boolean;
  /** By its place; every parameter can also be given as `--name VALUE`. */
  readonly positional: boolean;
  readonly kind: "text" | "integer" | "flag" | "list";
  readonly choices: readonly string[] | undefined;
}

/** A command line that Ceph would call invalid. */
export class InvalidCommand extends Error {}

/**
 * The parameters that a declaration names: `hostname` (needed), `[addr]`, `[labels...]` (all that follow), `[--force]` (a flag),
 * `[--limit=integer]`, `[--format=plain|json]`, `action=start|stop` (one of these).
 */
export function paramsOf(declaration: string): Param[] {
  return declaration
    .split(" ")
    .filter((token) => token !== "")
    .map((token) => {
      const [, open = "", dashes = "", name = "", dots = "", type = ""] =
        /^(\[?)(--|-)?([a-z][\w-]*)(\.\.\.)?(?:=([^\]]+))?\]?$/i.exec(token) ?? [];
      if (name === "") throw new Error(`${token}: not the declaration of a parameter`);
      const choices = type.includes("|") ? type.split("|") : undefined;
      const kind =
        dots !== "" ? "list" : type === "integer" ? "integer" : dashes !== "" && type === "" ? "flag" : "text";
      return { name, required: open === "", positional: dashes === "", kind, choices };
    });
}

/** The values given, by their parameters' names. */
export class Arguments {
  readonly #values: ReadonlyMap<string, string | number | boolean | string[]>;

  constructor(values: ReadonlyMap<string, string | number | boolean | string[]>) {
    this.#values = values;
  }

  /** A text that is needed. */
  text(name: string): string {
    return this.optional(name) ?? "";
  }

  optional(name: string): string | undefined {
    const value = this.#values.get(name);
    return value === undefined ? undefined : String(value);
  }

  integer(name: string): number | undefined {
    const value = this.#values.get(name);
    return typeof value === "number" ? value : undefined;
  }

  flag(name: string): boolean {
    return this.#values.get(name) === true;
  }

  list(name: string): string[] {
    const value = this.#values.get(name);
    return Array.isArray(value) ? value : [];
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }
}

/** Reads the words behind a command's own. */
export function readArguments(params: readonly Param[], words: readonly string[]): Arguments {
  const values = new Map<string, string | number | boolean | string[]>();
  const waiting = [...words];
  for (let word = waiting.shift(); word !== undefined; word = waiting.shift()) {
    const named = /^(?:--([^=]+)|-(\D))(?:=(.*))?$/s.exec(word);
    if (named === null) takePositional(params, values, word);
    else takeNamed(params, values, named, waiting);
  }
  const missing = params.find(({ name, required }) => required && !values.has(name));
  if (missing !== undefined) throw new InvalidCommand(`missing required parameter ${missing.name}${typeText(missing)}`);
  return new Arguments(values);
}

type Values = Map<string, string | number | boolean | string[]>;

function takePositional(params: readonly Param[], values: Values, word: string): void {
  const param = params.find(({ name, positional, kind }) => positional && (kind === "list" || !values.has(name)));
  if (param === undefined) throw new InvalidCommand(`unused arguments: ['${word}']`);
  set(param, values, word);
}

function takeNamed(params: readonly Param[], values: Values, named: RegExpExecArray, waiting: string[]): void {
  const [, long, short, joined] = named;
  const given = (long ?? (short === "i" ? "in-file" : (short ?? ""))).replaceAll("_", "-");
  const param = params.find(({ name }) => name.replaceAll("_", "-") === given);
  if (param === undefined) {
    const near = nearestWord(
      given,
      params.map(({ name }) => name.replaceAll("_", "-")),
    );
    throw new InvalidCommand(
      `unused arguments: ['${named[0]}']${near === undefined ? "" : `; did you mean --${near}?`}`,
    );
  }
  if (param.kind === "flag") {
    values.set(param.name, joined === undefined || /^(?:true|yes|1)$/i.test(joined));
    return;
  }
  const value = joined ?? waiting.shift();
  if (value === undefined) throw new InvalidCommand(`--${given} needs a value`);
  set(param, values, value);
}

function set({ name, kind, choices }: Param, values: Values, value: string): void {
  if (choices !== undefined && !choices.includes(value))
    throw new InvalidCommand(`${value} not in ${choices.join("|")}`);
  if (kind === "integer") {
    if (!/^-?\d+$/.test(value)) throw new InvalidCommand(`${name}: ${value} doesn't represent an int`);
    values.set(name, Number(value));
  } else if (kind === "list") {
    const former = values.get(name);
    values.set(name, [...(Array.isArray(former) ? former : []), value]);
  } else {
    values.set(name, value);
  }
}

function typeText({ kind, choices }: Param): string {
  if (choices !== undefined) return `(${choices.join("|")})`;
  return kind === "integer" ? "(<int>)" : "(<string>)";
}

/** The parameters as a usage line shows them. */
export function usageOf(params: readonly Param[]): string {
  return params
    .map(({ name, required, positional, kind, choices }) => {
      const shown = name.replaceAll("_", "-");
      const value = choices?.join("|") ?? `<${shown}${kind === "integer" ? ":int" : ""}>`;
      const text = kind === "flag" ? `--${shown}` : positional ? value : `--${shown} ${value}`;
      const repeated = kind === "list" ? `${text}...` : text;
      return required ? repeated : `[${repeated}]`;
    })
    .join(" ");
}
