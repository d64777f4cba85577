/** Tells of each call that reaches the backend, with what came of it and how long it took. */

import { BACKEND_METHODS, type Backend, type BackendDefinition } from "../../orchestrator/backend.ts";
import { messageOf } from "../../orchestrator/errors.ts";
import { asPersisted } from "../../orchestrator/operation.ts";
import { shownParams } from "../../orchestrator/secrets.ts";

const LONGEST_PARAMS = 200;

/** Whether calls are traced, and where to. */
export interface Trace {
  on: boolean;
  tell(line: string): void;
}

/** The definition, whose backends are traced while the trace is on. */
export function traced(definition: BackendDefinition, trace: Trace): BackendDefinition {
  return { ...definition, create: async (context) => tracedBackend(await definition.create(context), trace) };
}

const TRACED: ReadonlySet<PropertyKey> = new Set([...BACKEND_METHODS, "close"]);

function tracedBackend(backend: Backend, trace: Trace): Backend {
  return new Proxy(backend, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      // A backend may be of a class with private fields: `this` has to be itself.
      const method = (value as (...args: unknown[]) => unknown).bind(target);
      return TRACED.has(name) ? tracedMethod(String(name), method, trace) : method;
    },
  });
}

function tracedMethod(name: string, method: (...args: unknown[]) => unknown, trace: Trace) {
  return async (params: unknown, ...rest: unknown[]): Promise<unknown> => {
    if (!trace.on) return method(params, ...rest);
    const began = performance.now();
    const call = `${name}(${paramsText(params)})`;
    const tell = (what: string): void => trace.tell(`${call} ${what} after ${milliseconds(performance.now() - began)}`);
    try {
      const answer = await method(params, ...rest);
      tell(answerText(answer));
      return answer;
    } catch (error) {
      tell(`threw ${error instanceof Error ? error.name : "something"}: ${messageOf(error)}`);
      throw error;
    }
  };
}

function paramsText(params: unknown): string {
  if (params === undefined) return "";
  const text = JSON.stringify(shownParams(params)) ?? "";
  if (text === "{}") return "";
  return text.length > LONGEST_PARAMS ? `${text.slice(0, LONGEST_PARAMS)}…` : text;
}

function answerText(answer: unknown): string {
  const write = asPersisted(answer);
  if (write !== undefined) return `→ persistent, ${answerText(write.result).slice(2)}`;
  if (answer === undefined || answer === null) return "→ nothing";
  if (Array.isArray(answer)) return `→ ${answer.length} ${answer.length === 1 ? "item" : "items"}`;
  return typeof answer === "string" ? `→ ${JSON.stringify(answer.slice(0, LONGEST_PARAMS))}` : `→ ${typeof answer}`;
}

function milliseconds(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
