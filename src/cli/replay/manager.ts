/** The manager's side of a replay: answers what Node asks as the recorded manager did. */

import { constants } from "node:os";
import { canonicalJson } from "../../orchestrator/canonical-json.ts";
import { HIDDEN } from "../../orchestrator/secrets.ts";
import { isObject } from "../../rpc/message.ts";
import type { RecordedMessage, Wire } from "./session-file.ts";

/** Gives the recorded answers, each kind of question's own in their order; the last one again when there are more questions. */
export class RecordedManager {
  readonly #answers = new Map<string, Wire[]>();

  constructor(messages: readonly RecordedMessage[]) {
    const asked = new Map<unknown, string>();
    for (const { to, message } of messages) {
      const { id, method, params } = message;
      if (to === "manager" && typeof method === "string" && id !== undefined) {
        asked.set(id, question(method, params));
      } else if (to === "node" && method === undefined) {
        const key = asked.get(id);
        if (key !== undefined) this.#answers.set(key, [...(this.#answers.get(key) ?? []), message]);
      }
    }
  }

  /** The result of a `mgr/…` request; throws the recorded error. */
  answer(method: string, params: Wire): unknown {
    const key = question(method, params);
    const recorded = this.#answers.get(key) ?? [];
    const next = recorded.length > 1 ? recorded.shift() : recorded[0];
    if (next === undefined) return unrecorded(method, params);
    if (isObject(next["error"])) throw new Error(String(next["error"]["message"]));
    if (next["cut"] !== undefined) throw new Error(`${method}: this answer was too large to be recorded`);
    return readable(method, next["result"]);
  }
}

/** Nobody can read the values that a recording hides, so the store is as if it did not hold them. */
function readable(method: string, result: unknown): unknown {
  if (method === "mgr/store_get") return result === HIDDEN ? null : result;
  if (method !== "mgr/store_list" || !isObject(result)) return result;
  return Object.fromEntries(Object.entries(result).filter(([, value]) => value !== HIDDEN));
}

/** Two questions with the same are one. What is kept, and what is told, differs from run to run. */
function question(method: string, params: unknown): string {
  const { val: _, value: _value, inbuf: _inbuf, ...rest } = isObject(params) ? params : {};
  return `${method} ${canonicalJson(rest)}`;
}

/** As `orchbridge dev`, which has no manager at all; what is only told is taken. */
function unrecorded(method: string, params: Wire): unknown {
  if (method === "mgr/store_list") return {};
  if (method !== "mgr/command") return null;
  if (/^config-key (?:set|rm)$/.test(String(params["prefix"]))) return { retval: 0, stdout: "", stderr: "" };
  const stderr = `this question is not in the recording: ${JSON.stringify(params["prefix"])}`;
  return { retval: -constants.errno.ENOTCONN, stdout: "", stderr };
}
