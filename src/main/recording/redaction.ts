/** What of a session's messages may be written down: no secrets, and nothing that is larger than a recording may hold. */

import { METHODS } from "../../orchestrator/generated/methods.ts";
import { HIDDEN, isSecretName, secretsIn, withoutSecrets } from "../../orchestrator/secrets.ts";
import { isObject } from "../../rpc/message.ts";

/** Secrets that are looked for by value. A session that names more of them is none that a person reads. */
const MOST_SECRETS = 1000;

export type Direction = "to Node" | "to the manager";

type Wire = Record<string, unknown>;

/** One session's: it remembers the secrets that went by, and which request an answer belongs to. */
export class Redaction {
  readonly #secrets = new Set<string>();
  readonly #asked = new Map<string, Wire>();

  /** A copy of a message without what must not be told. */
  shown(direction: Direction, message: Wire): Wire {
    const { id, method } = message;
    if (typeof method === "string") {
      const params = isObject(message["params"]) ? message["params"] : {};
      if (id !== undefined) this.#asked.set(`${direction} ${JSON.stringify(id)}`, { method, params });
      return { ...message, params: this.#shownParams(method, params) };
    }
    const key = `${opposite(direction)} ${JSON.stringify(id)}`;
    const asked = this.#asked.get(key) ?? {};
    this.#asked.delete(key);
    if (!("result" in message)) return this.#shown(message);
    return { ...this.#shown({ ...message, result: null }), result: this.#shownResult(asked, message["result"]) };
  }

  #shownParams(method: string, params: Wire): unknown {
    // Their `key` is a name, and their value whatever somebody keeps: the journal's entries hold the params of writes.
    if (method === "mgr/command" && String(params["prefix"]).startsWith("config-key")) {
      const { key, val, ...rest } = params;
      return this.#named({ key }, { ...rest, ...(val === undefined ? {} : { val: HIDDEN }) });
    }
    if (method === "mgr/store_get" || method === "mgr/store_set") {
      const { key, value } = params;
      return this.#named({ key }, value === undefined || value === null ? { value } : { value: HIDDEN });
    }
    const { backend, ...rest } = params;
    if (!isObject(backend)) return this.#shown(params);
    // The options are the backend's own, so nobody here knows which of them are secrets. Their values are no secrets all:
    // names of hosts stand there too.
    this.#learn(backend["options"]);
    const options = backend["options"] === null || backend["options"] === undefined ? null : HIDDEN;
    return { ...this.#shown(rest), backend: { ...this.#shown({ ...backend, options: null }), options } };
  }

  #learn(value: unknown): void {
    for (const secret of secretsIn(value)) {
      // A password that is a part of the word for it would make nonsense of that word.
      if (this.#secrets.size < MOST_SECRETS && !HIDDEN.includes(secret)) this.#secrets.add(secret);
    }
  }

  #named(names: Wire, rest: Wire): Wire {
    return { ...Object.fromEntries(Object.entries(names).filter(([, name]) => name !== undefined)), ...rest };
  }

  #shownResult({ method, params }: Wire, result: unknown): unknown {
    if (result === null) return result;
    if (METHODS[String(method)]?.secret === true) return HIDDEN;
    if (method === "mgr/store_get") return HIDDEN;
    if (method === "mgr/option" && isObject(params) && params["name"] === "backend_options") return HIDDEN;
    if (method === "mgr/store_list" && isObject(result))
      return Object.fromEntries(Object.keys(result).map((key) => [key, HIDDEN]));
    if (
      method === "mgr/command" &&
      isObject(params) &&
      isObject(result) &&
      /^(config-key|auth)\b/.test(String(params["prefix"]))
    )
      return { ...result, ...(result["stdout"] === "" ? {} : { stdout: HIDDEN }) };
    return this.#shown(result);
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

  #withoutKnown(value: string): string {
    let text = withoutSecrets(value);
    for (const secret of this.#secrets) if (text.includes(secret)) text = text.replaceAll(secret, HIDDEN);
    return text;
  }
}

function opposite(direction: Direction): Direction {
  return direction === "to Node" ? "to the manager" : "to Node";
}
