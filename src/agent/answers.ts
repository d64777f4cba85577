/** Checks what is asked and turns what went wrong into what the caller gets. */
import type { z } from "zod";

import { isOrchestratorError, messageOf, ValidationError, withoutSecrets } from "../index.ts";
import type { Connection } from "../rpc/connection.ts";
import { type ErrorObject, WireCode } from "../rpc/errors.ts";
import type { Handlers } from "./handlers.ts";
import type { AgentLog } from "./log.ts";
import { AGENT_ERRORS, METHODS, type Method } from "./protocol.ts";

/** Has a connection answer all of the agent's methods. */
export function answerOn(connection: Connection, handlers: Handlers<Method>, log: AgentLog): void {
  for (const method of Object.keys(METHODS) as Method[]) {
    connection.onRequest(method, async (params, { signal }) => {
      const began = performance.now();
      const result = await (handlers[method] as Handler)(checked(method, params), signal);
      log.debug("answered", { method, ms: Math.round(performance.now() - began) });
      return { result };
    });
  }
}

/** Each handler's params were checked by the schema that its type comes from. */
type Handler = (params: unknown, signal: AbortSignal) => unknown;

function checked(method: Method, params: unknown): unknown {
  const parsed = METHODS[method].params.safeParse(params);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ValidationError(`${[method, fieldOf(issue)].join(" ").trim()}: ${issue?.message ?? "not as expected"}`);
}

function fieldOf(issue: z.core.$ZodIssue | undefined): string {
  return (issue?.path ?? []).reduce<string>((field, step) => {
    if (typeof step === "number") return `${field}[${step}]`;
    return field === "" ? String(step) : `${field}.${String(step)}`;
  }, "");
}

/** An expected failure keeps its message; anything else is a bug of the agent, and is told to its log with the stack. */
export function toWireError(error: unknown, method: string, log: AgentLog): ErrorObject {
  if (isOrchestratorError(error)) {
    const type = error.type in AGENT_ERRORS ? (error.type as keyof typeof AGENT_ERRORS) : "OrchestratorError";
    const reason = "reason" in error && typeof error.reason === "string" ? { reason: error.reason } : {};
    return { code: AGENT_ERRORS[type], message: withoutSecrets(error.message), data: { type, ...reason } };
  }
  const message = withoutSecrets(messageOf(error));
  log.error(`${method} failed unexpectedly: ${message}`, { stack: error instanceof Error ? error.stack : undefined });
  return {
    code: WireCode.internal,
    message: `${method} failed unexpectedly: ${message} (see the agent's log)`,
    data: { type: "InternalError" },
  };
}
