/** What must be the same when a session is recorded again: docs/recordings.md names what need not. */

import { steady } from "../../src/cli/replay/compare.ts";
import type { RecordedSession, Wire } from "../../src/cli/replay/session-file.ts";

/** Requests of the manager's side, each with its answer. */
interface Exchange {
  readonly method: string;
  readonly params: unknown;
  answer?: unknown;
}

/** One line an exchange, in the order of the requests, then how each operation ended. */
export function essence({ header, messages }: RecordedSession): string[] {
  const exchanges = new Map<unknown, Exchange>();
  const ends: string[] = [];
  const names = new Map<string, string>();
  for (const { to, message } of messages) {
    const { id, method, params } = message as { id?: unknown; method?: string; params?: Wire };
    if (to === "node" && method !== undefined) {
      if (isOwn(method)) continue;
      for (const call of callsIn(method, params ?? {})) names.set(call, `call ${names.size + 1}`);
      exchanges.set(id ?? Symbol(method), { method, params: withoutDeadline(params ?? {}) });
    } else if (to === "manager" && method === undefined) {
      const exchange = exchanges.get(id);
      if (exchange !== undefined) exchange.answer = message["error"] ?? message["result"];
    } else if (method === "bridge/effective" || method === "bridge/failed") {
      ends.push(`${method} ${JSON.stringify(steady(params))}`);
    }
  }
  const lines = [...exchanges.values()].map(({ method, params, answer }) =>
    JSON.stringify(steady({ method, params, answer })),
  );
  const about = `${header.release} ${header.ceph_version} ${header.commands.join("; ")}`;
  return [about, ...[...lines, ...ends.toSorted()].map((line) => renamed(line, names))];
}

/** About the process, not about what it serves. */
function isOwn(method: string): boolean {
  return method === "initialize" || method.startsWith("$/") || /^bridge\/(?:check|configure|status|drop)$/.test(method);
}

function callsIn(method: string, params: Wire): string[] {
  const call = params["_call"] as { id?: unknown } | undefined;
  if (typeof call?.id === "string") return [call.id];
  return method === "bridge/submit" && typeof params["call"] === "string" ? [params["call"]] : [];
}

function withoutDeadline(params: Wire): Wire {
  return Object.fromEntries(Object.entries(params).filter(([name]) => name !== "_call" && name !== "timeout_ms"));
}

function renamed(line: string, names: ReadonlyMap<string, string>): string {
  return line.replace(/[\w-]{6,}/g, (word) => names.get(word) ?? word);
}
