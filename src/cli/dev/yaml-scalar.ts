/** Values of YAML that stand in a line: plain and quoted texts, numbers, `[a, b]` and `{a: b}`. */

/** What is wrong at the value; whoever reads the file adds the line. */
export class YamlProblem extends Error {}

/** The value of a text, which may be a flow collection. */
export function inlineValue(text: string): unknown {
  const reader = new InlineReader(text);
  const value = reader.value("");
  reader.end();
  return value;
}

/** The end of a quoted text that begins at `start`, behind its closing quote; undefined where it does not end. */
export function quotedEnd(text: string, start: number): number | undefined {
  const quote = text[start];
  for (let at = start + 1; at < text.length; at += 1) {
    if (quote === '"' && text[at] === "\\") at += 1;
    else if (text[at] === quote) {
      if (quote === "'" && text[at + 1] === "'") at += 1;
      else return at + 1;
    }
  }
  return undefined;
}

/** A quoted text's content. */
export function unquoted(quoted: string): string {
  if (quoted.startsWith("'")) return quoted.slice(1, -1).replaceAll("''", "'");
  return quoted
    .slice(1, -1)
    .replaceAll(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs, (_, x, u, long, one: string) => {
      const code = (x ?? u ?? long) as string | undefined;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", "0": "\0", e: "\u001b" };
      return escapes[one] ?? one;
    });
}

/** A bare text: null, a boolean, a number, or the text itself, as Python's YAML reads it. */
export function plainScalar(text: string): unknown {
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return null;
  if (/^(?:true|True|TRUE|yes|Yes|YES|on|On|ON)$/.test(text)) return true;
  if (/^(?:false|False|FALSE|no|No|NO|off|Off|OFF)$/.test(text)) return false;
  if (/^[-+]?(?:0|[1-9][\d_]*)$/.test(text)) return Number(text.replaceAll("_", ""));
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  if (/^0x[\da-fA-F]+$/.test(text)) return Number.parseInt(text, 16);
  if (/^[-+]?(?:\d+\.\d*|\.\d+)(?:[eE][-+]\d+)?$/.test(text)) return Number(text);
  if (/^[&*!|>%@`]/.test(text))
    throw new YamlProblem(`${text.split(" ", 1)[0]}: anchors, aliases, tags and the like are not read here`);
  return text;
}

class InlineReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** `stops` are the characters that end a bare text here. */
  value(stops: string): unknown {
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === "[") return this.#list();
    if (first === "{") return this.#map();
    if (first === '"' || first === "'") return this.#quoted();
    return plainScalar(this.#bare(stops));
  }

  end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) throw new YamlProblem(`${this.#text.slice(this.#at)}: not expected here`);
  }

  #list(): unknown[] {
    const items: unknown[] = [];
    this.#at += 1;
    while (!this.#took("]")) {
      items.push(this.value(",]"));
      if (!this.#took(",") && this.#peek() !== "]") throw new YamlProblem("expected , or ] in a list");
    }
    return items;
  }

  #map(): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    this.#at += 1;
    while (!this.#took("}")) {
      const first = this.#peek();
      const key = first === '"' || first === "'" ? this.#quoted() : this.#bare(":,}");
      entries.push([key, this.#took(":") ? this.value(",}") : null]);
      if (!this.#took(",") && this.#peek() !== "}") throw new YamlProblem("expected , or } in a map");
    }
    return Object.fromEntries(entries);
  }

  #quoted(): string {
    const end = quotedEnd(this.#text, this.#at);
    if (end === undefined) throw new YamlProblem("a quoted text does not end");
    const text = unquoted(this.#text.slice(this.#at, end));
    this.#at = end;
    return text;
  }

  /** A colon ends it only before a space or what ends it anyway: `h1:/dev/sdb` is one text. */
  #bare(stops: string): string {
    const start = this.#at;
    for (; this.#at < this.#text.length; this.#at += 1) {
      const character = this.#text[this.#at] ?? "";
      if (character === ":" && stops.includes(":") && !/[\s,}\]]|^$/.test(this.#text[this.#at + 1] ?? "")) continue;
      if (stops.includes(character)) break;
    }
    return this.#text.slice(start, this.#at).trim();
  }

  #peek(): string | undefined {
    this.#skipSpace();
    if (this.#at >= this.#text.length) throw new YamlProblem("a list or map does not end");
    return this.#text[this.#at];
  }

  #took(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }
}
