/** Prints what became of a call. */

import type { InFlight } from "../dev/in-flight.ts";
import type { CallFailure } from "../dev/session.ts";
import { toYaml } from "../dev/yaml-writer.ts";
import { ownStdout } from "../own-stdout.ts";

/** What became of a call and of the second stages it began. */
export interface CallReport {
  readonly result: unknown;
  /** In the order in which they ended. */
  readonly operations: (InFlight & {
    readonly failure: CallFailure | undefined;
    /** Nobody waited for its end. */
    readonly left?: true;
  })[];
  readonly failure: CallFailure | undefined;
}

/** The result on stdout, the rest on stderr. */
export function printReadable({ result, operations, failure }: CallReport): void {
  if (failure !== undefined) return complain(failure);
  const text = readable(result);
  if (text !== "") ownStdout().write(text.endsWith("\n") ? text : `${text}\n`);
  for (const operation of operations) {
    if (operation.failure === undefined) continue;
    process.stderr.write(`The operation ${JSON.stringify(operation.title)} failed.\n`);
    complain(operation.failure);
  }
}

/** One document on stdout. */
export function printJson({ result, operations, failure }: CallReport): void {
  const answer =
    failure === undefined
      ? { result, operations: operations.map((operation) => ({ ...operationJson(operation) })) }
      : { error: errorJson(failure) };
  ownStdout().write(`${JSON.stringify(answer, null, 2)}\n`);
}

/** The error as `ceph` prints it; a bug with its stack. */
export function complain({ errno, message, stack }: CallFailure): void {
  process.stderr.write(`Error ${errno}: ${message}\n`);
  if (stack !== undefined) process.stderr.write(`${stack}\n`);
}

function operationJson({ call, title, failure, left }: CallReport["operations"][number]): object {
  if (left === true) return { call, title, state: "running" };
  return failure === undefined
    ? { call, title, state: "effective" }
    : { call, title, state: "failed", error: errorJson(failure) };
}

function errorJson({ type, errno, message, stack }: CallFailure): object {
  return { type, errno, message, ...(stack === undefined ? {} : { stack }) };
}

function readable(result: unknown): string {
  if (result === null || result === undefined) return "";
  if (typeof result === "string") return result;
  if (Array.isArray(result) && result.length > 0 && result.every((item) => typeof item === "string"))
    return result.join("\n");
  return toYaml(result);
}
