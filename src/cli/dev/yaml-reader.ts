/**
 * Reads YAML as service specs are written: maps, lists, texts in all their forms, comments and several documents, JSON included.
 * What specs do not need (anchors, tags, keys that are no texts) is refused with its line.
 */

import { ValidationError } from "../../orchestrator/errors.ts";
import { inlineValue, plainScalar, quotedEnd, unquoted, YamlProblem } from "./yaml-scalar.ts";

interface Line {
  readonly indent: number;
  readonly text: string;
  readonly number: number;
}

/** The documents; empty ones are left out. */
export function readYaml(source: string): unknown[] {
  const reader = new YamlReader(source.replace(/^\uFEFF/, "").split(/\r?\n/));
  return reader.documents().filter((document) => document !== null);
}

class YamlReader {
  readonly #lines: readonly string[];
  #at = 0;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  documents(): unknown[] {
    const documents: unknown[] = [];
    while (this.#at < this.#lines.length) {
      const head = /^---(?:\s+(.*))?$/.exec(this.#lines[this.#at] ?? "");
      if (head !== null || /^\.\.\.\s*$/.test(this.#lines[this.#at] ?? "")) this.#at += 1;
      const inline = withoutComment(head?.[1] ?? "");
      documents.push(inline === "" ? this.#node(0) : this.#guarded(() => inlineValue(inline)));
      const left = this.#next();
      if (left !== undefined) this.#fail(left, "not expected at this indentation");
    }
    return documents;
  }

  /** The next line with content, in this document; it stays the next one. */
  #next(): Line | undefined {
    for (; this.#at < this.#lines.length; this.#at += 1) {
      const raw = this.#lines[this.#at] ?? "";
      if (/^(?:---|\.\.\.)(?:\s|$)/.test(raw)) return undefined;
      const text = withoutComment(raw);
      if (text === "") continue;
      if (/^ *\t/.test(raw)) this.#fail({ number: this.#at + 1 }, "a tab cannot indent");
      return { indent: raw.length - raw.trimStart().length, text, number: this.#at + 1 };
    }
    return undefined;
  }

  /** What stands at `least` columns or deeper; null for nothing. */
  #node(least: number): unknown {
    const line = this.#next();
    if (line === undefined || line.indent < least) return null;
    if (isItem(line.text)) return this.#list(line.indent);
    if (keyOf(line.text) !== undefined) return this.#map(line.indent);
    this.#at += 1;
    return this.#guarded(() => this.#value(line.text, line.indent - 1), line);
  }

  #list(indent: number): unknown[] {
    const items: unknown[] = [];
    for (let line = this.#next(); line?.indent === indent && isItem(line.text); line = this.#next()) {
      const inside = line.text.slice(1).trimStart();
      if (inside === "") {
        this.#at += 1;
        items.push(this.#node(indent + 1));
      } else if (isItem(inside) || keyOf(inside) !== undefined) {
        // What follows the dash is the first line of a block of its own.
        items.push(this.#nested(line, line.text.length - inside.length));
      } else {
        this.#at += 1;
        items.push(this.#guarded(() => this.#value(inside, indent), line));
      }
    }
    return items;
  }

  #nested({ indent, text }: Line, width: number): unknown {
    const lines = [...this.#lines];
    lines[this.#at] = " ".repeat(indent + width) + text.slice(width);
    const inner = new YamlReader(lines);
    inner.#at = this.#at;
    const value = inner.#node(indent + 1);
    this.#at = inner.#at;
    return value;
  }

  #map(indent: number): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    for (let line = this.#next(); line?.indent === indent; line = this.#next()) {
      const found = keyOf(line.text);
      if (found === undefined) this.#fail(line, "expected KEY: VALUE");
      const { key, rest } = found;
      if (entries.has(key)) this.#fail(line, `${key} is given twice`);
      this.#at += 1;
      entries.set(key, rest === "" ? this.#below(indent) : this.#guarded(() => this.#value(rest, indent), line));
    }
    return Object.fromEntries(entries);
  }

  /** The value of a key with nothing behind it; a list may stand at the key's own indentation. */
  #below(indent: number): unknown {
    const line = this.#next();
    if (line?.indent === indent && isItem(line.text)) return this.#list(indent);
    return this.#node(indent + 1);
  }

  #value(text: string, indent: number): unknown {
    const block = /^([|>])([-+]?)$/.exec(text);
    if (block !== null) return this.#block(indent, block[1] === ">", block[2] ?? "");
    if (/^["']/.test(text)) return this.#joined(text, (all) => quotedEnd(all, 0) !== undefined);
    if (/^[[{]/.test(text)) return this.#joined(text, isBalanced);
    let all = text;
    // A bare text goes on in lines that are deeper.
    for (let line = this.#next(); line !== undefined && line.indent > indent; line = this.#next()) {
      if (keyOf(line.text) !== undefined) this.#fail(line, "not expected at this indentation");
      all += ` ${line.text}`;
      this.#at += 1;
    }
    return plainScalar(all);
  }

  #joined(text: string, isWhole: (text: string) => boolean): unknown {
    let all = text;
    for (
      let line = isWhole(all) ? undefined : this.#next();
      line !== undefined;
      line = isWhole(all) ? undefined : this.#next()
    ) {
      all += ` ${line.text}`;
      this.#at += 1;
    }
    const end = /^["']/.test(all) ? quotedEnd(all, 0) : undefined;
    return end === all.length ? unquoted(all) : inlineValue(all);
  }

  #block(indent: number, folded: boolean, keep: string): string {
    const lines: string[] = [];
    let inner: number | undefined;
    for (; this.#at < this.#lines.length; this.#at += 1) {
      const raw = this.#lines[this.#at] ?? "";
      const own = raw.length - raw.trimStart().length;
      if (raw.trim() !== "" && own <= indent) break;
      if (raw.trim() !== "") inner ??= own;
      lines.push(raw.slice(inner ?? raw.length));
    }
    const text = folded ? folds(lines.join("\n")) : lines.join("\n");
    const body = text.replace(/\n+$/, "");
    return keep === "-" || body === "" ? body : keep === "+" ? `${text}\n` : `${body}\n`;
  }

  #guarded<Value>(act: () => Value, line: { number: number } = { number: this.#at }): Value {
    try {
      return act();
    } catch (error) {
      if (error instanceof YamlProblem) this.#fail(line, error.message);
      throw error;
    }
  }

  #fail({ number }: { number: number }, why: string): never {
    throw new ValidationError(`Invalid YAML received : line ${number}: ${why}`);
  }
}

/** A line break becomes a space, several become one less. */
function folds(text: string): string {
  return text.replaceAll(/(?<=[^\n])(\n+)(?=[^\n\s])/g, (breaks) => (breaks === "\n" ? " " : breaks.slice(1)));
}

function isItem(text: string): boolean {
  return text === "-" || text.startsWith("- ");
}

/** `KEY: …`, `"KEY": …` or `KEY:`; undefined where the line is none of these. */
function keyOf(text: string): { key: string; rest: string } | undefined {
  if (/^["']/.test(text)) {
    const end = quotedEnd(text, 0);
    const rest = end === undefined ? undefined : /^\s*:(?:\s+(.*))?$/s.exec(text.slice(end));
    return rest === null || rest === undefined ? undefined : { key: unquoted(text.slice(0, end)), rest: rest[1] ?? "" };
  }
  if (/^[[{]/.test(text)) return undefined;
  const [, key, rest = ""] = /^([^\s#&*!|>%@`"'[{].*?)\s*:(?:\s+(.*))?$/s.exec(text) ?? [];
  return key === undefined ? undefined : { key, rest };
}

function isBalanced(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (character === '"' || character === "'") {
      const end = quotedEnd(text, at);
      if (end === undefined) return false;
      at = end - 1;
    } else if ("[{".includes(character)) depth += 1;
    else if ("]}".includes(character)) depth -= 1;
  }
  return depth <= 0;
}

/** The line without its comment and the space around it. */
function withoutComment(raw: string): string {
  for (let at = 0; at < raw.length; at += 1) {
    const character = raw[at];
    const before = raw[at - 1] ?? " ";
    if ((character === '"' || character === "'") && /[\s[{,:-]/.test(before)) {
      const end = quotedEnd(raw, at);
      if (end !== undefined) at = end - 1;
    } else if (character === "#" && /\s/.test(before)) {
      return raw.slice(0, at).trim();
    }
  }
  return raw.trim();
}
