/** What of a session's messages may be written down: no secrets. */

import { METHODS } from "../../orchestrator/generated/methods.ts";
import { decodeEntries } from "../../orchestrator/journal/entry.ts";
import { HIDDEN, isSecretName, secretsIn, withoutSecrets } from "../../orchestrator/secrets.ts";
import { isObject } from "../../rpc/message.ts";

/** Secrets that are looked for by value. A session that names more of them is none that a person reads. */
const MOST_SECRETS = 1000;

export type Direction = "to Node" | "to the manager";

/** A message as it is on the wire. */
export type Wire = Record<string, unknown>;

/** One session's: it remembers the secrets that went by, and which request an answer belongs to. */
export class Redaction {
  readonly #secrets = new Set<string>();
  /** The same, in the order in which they are looked for: one that begins another would leave the other's end. */
  #longestFirst: readonly string[] = [];
  readonly #asked = new Map<string, Wire>();

  /** A copy of a message without what must not be told. */
  shown(direction: Direction, message: Wire): Wire {
    const { id, method } = message;
    if (typeof method === "string") {
      const params = isObject(message["params"]) ? message["params"] : {};
      this.#ask(direction, id, { method, params });
      return { ...message, params: this.#shownParams(method, params) };
    }
    const asked = this.#answered(direction, id);
    if (!("result" in message)) return this.#shown(message);
    return { ...this.#shown({ ...message, result: null }), result: this.#shownResult(asked, message["result"]) };
  }

  /** Remembers the same of a message that is not shown. Of what is sent only the envelope is known. */
  passOver(direction: Direction, { id, method, params, result }: Wire): void {
    if (typeof method === "string") this.#ask(direction, id, { method });
    const asked = method === undefined ? this.#answered(direction, id) : {};
    if (direction === "to the manager") return;
    this.#learn(params);
    this.#learnResult(asked, result);
  }

  #ask(direction: Direction, id: unknown, asked: Wire): void {
    if (id !== undefined) this.#asked.set(`${direction} ${JSON.stringify(id)}`, asked);
  }

  #answered(direction: Direction, id: unknown): Wire {
    const key = `${opposite(direction)} ${JSON.stringify(id)}`;
    const asked = this.#asked.get(key) ?? {};
    this.#asked.delete(key);
    return asked;
  }

  #shownParams(method: string, params: Wire): unknown {
    // The token of a page is the name of its call.
    if (method === "$/progress") return { ...params, value: this.#shown(params["value"]) };
    if (method === "mgr/command") return this.#shownCommand(params);
    // The `key` of the store is a name, and its value whatever somebody keeps: the journal's entries hold the params of writes.
    if (method === "mgr/store_get" || method === "mgr/store_set") {
      const { key, value } = params;
      this.#learnKept(String(key), value);
      return named({ key }, value === undefined || value === null ? { value } : { value: HIDDEN });
    }
    const { backend, ...rest } = params;
    if (!isObject(backend)) return this.#shown(params);
    // The options are the backend's own, so nobody here knows which of them are secrets. Their values are no secrets all:
    // names of hosts stand there too.
    this.#learn(backend["options"]);
    const options = backend["options"] === null || backend["options"] === undefined ? null : HIDDEN;
    return { ...this.#shown(rest), backend: { ...this.#shown({ ...backend, options: null }), options } };
  }

  #shownCommand(params: Wire): Wire {
    const { key, ...rest } = params;
    const { inbuf, val, value } = rest;
    const name = nameOf(params);
    for (const text of [inbuf, val, value]) this.#learnKept(name, text);
    const hidden = {
      inbuf: isThere(inbuf),
      val: isThere(val) && isOfStore(params),
      value: isThere(value) && isSecretName(last(name)),
    };
    for (const [field, isHidden] of Object.entries(hidden)) if (isHidden) rest[field] = HIDDEN;
    // Elsewhere than in the configuration and the store a `key` is a secret.
    return isOfConfig(params) ? named({ key }, this.#shown(rest)) : this.#shown(named({ key }, rest));
  }

  #shownResult(asked: Wire, result: unknown): unknown {
    this.#learnResult(asked, result);
    const { method } = asked;
    const params = isObject(asked["params"]) ? asked["params"] : {};
    if (result === null) return result;
    if (METHODS[String(method)]?.secret === true) return HIDDEN;
    if (method === "mgr/store_get") return HIDDEN;
    if (method === "mgr/option" && (params["name"] === "backend_options" || isSecretName(nameOf(params))))
      return HIDDEN;
    if (method === "mgr/store_list" && isObject(result))
      return Object.fromEntries(Object.keys(result).map((key) => [key, HIDDEN]));
    if (method === "mgr/command" && isObject(result) && answersSecret(params))
      return { ...this.#shown(result), ...(result["stdout"] === "" ? {} : { stdout: HIDDEN }) };
    return this.#shown(result);
  }

  /** What is hidden as a whole holds secrets that turn up elsewhere: after a restart they come from the store, and from nowhere else. */
  #learnResult(asked: Wire, result: unknown): void {
    const { method } = asked;
    const params = isObject(asked["params"]) ? asked["params"] : {};
    if (METHODS[String(method)]?.secret === true) this.#learnKept(typeof result === "string" ? "secret" : "", result);
    if (method === "mgr/store_get" || method === "mgr/option") this.#learnKept(nameOf(params), result);
    if (method === "mgr/store_list" && isObject(result)) this.#learnStored(result);
    if (method !== "mgr/command" || !isObject(result) || typeof result["stdout"] !== "string") return;
    if (isOfConfig(params) || answersSecret(params)) this.#learnKept(nameOf(params), result["stdout"].trim());
  }

  #learnStored(values: Wire): void {
    for (const [key, value] of Object.entries(values)) this.#learnKept(key, value);
    const texts = Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === "string");
    for (const { params, result } of decodeEntries(Object.fromEntries(texts)).entries) this.#learn([params, result]);
  }

  /** Learns from what is kept under a name: it may be JSON, which may hold such texts in turn. */
  #learnKept(name: string, value: unknown, within = false): void {
    const isSecret = within || isSecretName(last(name));
    if (typeof value === "string") this.#remember(secretsIn(value, isSecret));
    const inner = typeof value === "string" ? parsed(value) : value;
    if (typeof inner !== "object" || inner === null) return;
    for (const [key, item] of Object.entries(inner)) this.#learnKept(key, item, isSecret);
    // A row of `config dump`.
    if ("name" in inner && "value" in inner) this.#learnKept(String(inner.name), inner.value);
  }

  #learn(value: unknown): void {
    this.#remember(secretsIn(value));
  }

  #remember(secrets: readonly string[]): void {
    const known = this.#secrets.size;
    for (const secret of secrets) {
      // As it is, and as it stands in JSON within a text.
      for (const text of [secret, JSON.stringify(secret).slice(1, -1)]) {
        // A password that is a part of the word for it would make nonsense of that word.
        if (this.#secrets.size < MOST_SECRETS && !HIDDEN.includes(text)) this.#secrets.add(text);
      }
    }
    if (this.#secrets.size > known) this.#longestFirst = [...this.#secrets].toSorted((a, b) => b.length - a.length);
  }

  #shown<T>(value: T): T {
    this.#learn(value);
    return this.#hidden(value, false) as T;
  }

  /** What is hidden keeps its shape, so that a replay's schemas and Ceph's classes take it. */
  #hidden(value: unknown, isSecret: boolean): unknown {
    if (typeof value === "string") return isSecret ? HIDDEN : this.#withoutKnown(value);
    if (typeof value === "number") return isSecret ? 0 : value;
    if (Array.isArray(value)) return value.map((item) => this.#hidden(item, isSecret));
    if (!isObject(value)) return value;
    const fields = Object.entries(value);
    return Object.fromEntries(fields.map(([name, item]) => [name, this.#hidden(item, isSecret || isSecretName(name))]));
  }

  /** The known ones first: a pattern may end within one of them. */
  #withoutKnown(value: string): string {
    let text = value;
    for (const secret of this.#longestFirst) if (text.includes(secret)) text = text.replaceAll(secret, HIDDEN);
    return withoutSecrets(text);
  }
}

function opposite(direction: Direction): Direction {
  return direction === "to Node" ? "to the manager" : "to Node";
}

function named(names: Wire, rest: Wire): Wire {
  return { ...Object.fromEntries(Object.entries(names).filter(([, name]) => name !== undefined)), ...rest };
}

/** Whether the command is about the configuration or the store, where `key` is a name. */
function isOfConfig({ prefix }: Wire): boolean {
  return /^config\b/.test(String(prefix));
}

function isOfStore({ prefix }: Wire): boolean {
  return /^config-key\b/.test(String(prefix));
}

/** Also where the command was too large to be looked at. */
function answersSecret(params: Wire): boolean {
  return (
    !("prefix" in params) || /^(config-key|auth)\b/.test(String(params["prefix"])) || isSecretName(last(nameOf(params)))
  );
}

/** The name of what is read or written. */
function nameOf(params: Wire): string {
  const { key, name } = params;
  if (typeof key === "string" && (!("prefix" in params) || isOfConfig(params))) return key;
  return typeof name === "string" ? name : "";
}

/** Names in the store and of modules' options are paths. */
function last(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // It is no JSON, as most texts.
  }
}
