/** The errors a backend throws on purpose, how they are recognised, and how any error crosses the wire. */
import { randomUUID } from "node:crypto";
import { constants } from "node:os";
import { inspect } from "node:util";
import { deniedAccess } from "./denied-access.ts";
import { ERRORS } from "./generated/methods.ts";
import { pathText } from "./issues.ts";
import type { Logger, WireError } from "./ports.ts";
import { CAUSES, withoutSecrets } from "./secrets.ts";

/** Recognises our errors across bundled copies, where `instanceof` fails. */
const brand = Symbol.for("orchbridge.error");

export interface OrchestratorErrorOptions {
  /** A positive errno for the caller of `ceph`, instead of the type's own. */
  errno?: number;
  cause?: unknown;
}

/** An expected failure: a user or configuration error. The operator sees the message as it is, in several lines if it has them. */
export class OrchestratorError extends Error {
  readonly [brand] = true;
  /** The name of its row in the error table (`x-errors` in schemas/openrpc.json). */
  readonly type: string = "OrchestratorError";
  readonly errno: number | undefined;

  constructor(message: string, options: OrchestratorErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.errno = options.errno;
    this.name = new.target.name;
  }
}

/** The request itself is wrong: a bad spec, a bad argument (EINVAL). */
export class ValidationError extends OrchestratorError {
  override readonly type = "ValidationError";
}

/** What the request names does not exist: a host, service, daemon, device (ENOENT). */
export class NotFoundError extends OrchestratorError {
  override readonly type = "NotFoundError";
}

/** The backend cannot do this at all; `ceph orch` answers "does not support". */
export class NotSupportedError extends OrchestratorError {
  override readonly type = "NotSupportedError";
}

/** The orchestrator cannot be reached now; the same call may succeed later (EAGAIN). */
export class UnavailableError extends OrchestratorError {
  override readonly type = "UnavailableError";
}

/** The caller's deadline passed (ETIMEDOUT). Made by the bridge. */
export class DeadlineError extends OrchestratorError {
  override readonly type = "TimeoutError";
}

/** The backend answered something that the schema does not allow (EIO). Made by the bridge. */
export class InvalidAnswerError extends OrchestratorError {
  override readonly type = "InvalidAnswerError";
}

/** True for every error above, from this or another loaded copy of the package. Anything else thrown is a bug. */
export function isOrchestratorError(error: unknown): error is OrchestratorError {
  return typeof error === "object" && error !== null && brand in error;
}

/** The backend's method that threw, of errors that tell it to nobody. */
const origins = new WeakMap<object, string>();

/** Notes which of the backend's methods threw an error: a call of the interface may be several of them, under other names. */
export function thrownIn(where: string, error: unknown): unknown {
  if (typeof error === "object" && error !== null && !origins.has(error)) origins.set(error, where);
  return error;
}

/**
 * An error as the shim gets it. Expected errors keep their message; anything else is a bug of the backend: one line with a
 * log id for the operator, the stack under that id in the manager's log.
 */
export function toWireError(error: unknown, log: Logger, fallback: string): WireError {
  if (isOrchestratorError(error)) {
    const { type, code, errno } = row(error.type);
    return { code, message: withoutSecrets(error.message), data: { type, errno: error.errno ?? errno } };
  }
  const where = (typeof error === "object" && error !== null ? origins.get(error) : undefined) ?? fallback;
  const id = randomUUID().slice(0, 8);
  const message = withoutSecrets(errorText(error));
  log.error(`${where} failed unexpectedly (log id ${id}): ${message}`, {
    log_id: id,
    stack: error instanceof Error ? stackWithCauses(error) : undefined,
  });
  const denied = deniedAccess(error);
  if (denied !== undefined) {
    const { type, code } = row("OrchestratorError");
    const told = `${where} was denied: ${withoutSecrets(denied)} (log id ${id} in the mgr log)`;
    return { code, message: told, data: { type, errno: constants.errno.EACCES, log_id: id } };
  }
  const { type, code, errno } = row("InternalError");
  return {
    code,
    message: `${where} failed unexpectedly: ${oneLine(error, message)} (log id ${id} in the mgr log)`,
    data: { type, errno, log_id: id },
  };
}

/** The message of what was thrown, which need not be an Error, for a sentence of ours. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What was thrown, which need not be an Error, as text. */
export function errorText(error: unknown): string {
  if (typeof error === "string") return error;
  return error instanceof Error ? `${error.name}: ${error.message}` : inspect(error, { depth: 1 });
}

/** An error type of another version counts as the general one. */
function row(type: string): { type: string; code: number; errno: number } {
  const info = ERRORS[type];
  return info === undefined ? row("OrchestratorError") : { type, code: info.code, errno: info.errno };
}

function oneLine(error: unknown, text: string): string {
  const lines = (issuesOf(error) ?? text).split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "")
    .join("; ")
    .slice(0, 500);
}

/** What a schema of the backend's own found wrong: the message of zod's errors is JSON over many lines. */
function issuesOf(error: unknown): string | undefined {
  if (!(error instanceof Error && "issues" in error && Array.isArray(error.issues))) return undefined;
  const issues = error.issues as ({ message?: unknown; path?: unknown } | null)[];
  const texts = issues.flatMap((issue) =>
    typeof issue?.message === "string" && Array.isArray(issue.path)
      ? [`${pathText("input", issue.path as PropertyKey[])}: ${issue.message}`]
      : [],
  );
  return texts.length === 0 ? undefined : withoutSecrets(`${error.name}: ${texts.join("; ")}`);
}

function stackWithCauses(error: Error, depth = 0): string {
  const own = error.stack ?? String(error);
  const { cause } = error;
  return cause instanceof Error && depth < CAUSES ? `${own}\ncaused by ${stackWithCauses(cause, depth + 1)}` : own;
}
