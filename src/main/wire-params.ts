/** Reads the params of the bridge's own methods. By hand: zod would cost more than the whole time to the first answer. */

import type { BackendConfig, Json, Session } from "../orchestrator/ports.ts";
import type { Params } from "../rpc/connection.ts";
import { RefusedRequest, WireCode } from "../rpc/errors.ts";
import { isObject } from "../rpc/message.ts";

/** `_call`: who asks, how long they wait, and where pages may go. */
export interface CallParams {
  readonly id: string | undefined;
  readonly deadlineMs: number;
  readonly partial: string | number | undefined;
}

/** `defaultMs` is the deadline of who names none: a person at `serve --stdio`, who need not send `_call`. */
export function readCall(params: Params, defaultMs: number): CallParams {
  const call = params["_call"];
  if (call === undefined) return { id: undefined, deadlineMs: defaultMs, partial: undefined };
  const given = object(call, "_call");
  const deadline = given["deadline_ms"];
  const partial = given["partial"];
  if (partial !== undefined && typeof partial !== "string" && typeof partial !== "number") {
    throw wrong("_call.partial", "a string or a number", partial);
  }
  return {
    id: text(given["id"], "_call.id"),
    deadlineMs: deadline === undefined ? defaultMs : duration(deadline, "_call.deadline_ms"),
    partial,
  };
}

export function readSession(params: Params): Session {
  const { dialect } = params;
  if (dialect !== "modern" && dialect !== "classic") throw wrong("dialect", `"modern" or "classic"`, dialect);
  const mgr = object(params["mgr"], "mgr");
  const gid = mgr["gid"] ?? null;
  if (gid !== null && typeof gid !== "number") throw wrong("mgr.gid", "a number or null", gid);
  return {
    release: text(params["release"], "release"),
    ceph_version: text(params["ceph_version"], "ceph_version"),
    dialect,
    fsid: text(params["fsid"], "fsid"),
    mgr: { name: text(mgr["name"], "mgr.name"), gid },
    owner: textOrNull(params["owner"], "owner"),
    methods: texts(params["methods"], "methods"),
  };
}

/** Seconds; null where none are set. */
export function readCallTimeout(params: Params): number | null {
  const timeout = params["call_timeout"] ?? null;
  if (timeout !== null && (typeof timeout !== "number" || timeout <= 0))
    throw wrong("call_timeout", "a number of seconds or null", timeout);
  return timeout;
}

export function readBackend(params: Params): BackendConfig {
  const backend = object(params["backend"], "backend");
  return {
    name: textOrNull(backend["name"], "backend.name"),
    // What was parsed from JSON is JSON.
    options: (backend["options"] ?? null) as Json,
    options_error: textOrNull(backend["options_error"], "backend.options_error"),
  };
}

export function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw wrong(name, "a string", value);
  return value;
}

export function texts(value: unknown, name: string): string[] {
  if (!Array.isArray(value)) throw wrong(name, "a list of strings", value);
  return value.map((item, index) => text(item, `${name}[${index}]`));
}

export function duration(value: unknown, name: string): number {
  if (typeof value !== "number" || value < 0) throw wrong(name, "a number of milliseconds", value);
  return value;
}

function textOrNull(value: unknown, name: string): string | null {
  return value === null || value === undefined ? null : text(value, name);
}

function object(value: unknown, name: string): Record<string, unknown> {
  if (!isObject(value)) throw wrong(name, "an object", value);
  return value;
}

function wrong(name: string, expected: string, got: unknown): RefusedRequest {
  const shown = (JSON.stringify(got) ?? "nothing").slice(0, 80);
  return new RefusedRequest(
    WireCode.invalidParams,
    "InvalidParams",
    `${name}: expected ${expected}, got ${shown}`,
    name,
  );
}
