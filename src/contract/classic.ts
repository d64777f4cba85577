/** Calls as Nautilus makes them: completions, of which those waited for together are one batch. */
import { deepEqual } from "node:assert/strict";
import type { BackendMethodName, Json } from "../index.ts";
import type { WireError } from "../orchestrator/ports.ts";
import type { Bench } from "./bench.ts";
import { steady } from "./state.ts";

export interface ClassicCall {
  /** Without its prefix. */
  readonly method: string;
  readonly params: object;
}

/** What a completion came to. */
export type Outcome = { readonly value: unknown } | { readonly error: WireError };

interface Settled {
  readonly call: string;
  readonly result?: unknown;
  readonly error?: WireError;
}

let completions = 0;

/** One batch; its outcomes in the order of the calls, once all of its writes are effective. */
export async function wait(bench: Bench, calls: readonly ClassicCall[]): Promise<Outcome[]> {
  const { orchestrator, facts } = bench;
  const ids = calls.map(({ method, params }) => {
    const id = `completion-${++completions}`;
    orchestrator.submit(id, `classic/${method}`, params);
    return id;
  });
  const answer = await orchestrator.wait(ids, facts.answersWithin * calls.length, new AbortController().signal);
  const { settled, pending } = answer.result as { settled: Settled[]; pending: string[] };
  answer.answered();
  const open = pending.map((id) => calls[ids.indexOf(id)]?.method);
  deepEqual(open, [], "these completions were not answered");
  const results = ids.map((id) => settled.find(({ call }) => call === id));
  await bench.settled(results.flatMap((result) => operationsOf(result?.result)));
  return results.map(
    (result): Outcome => (result?.error === undefined ? { value: valueOf(result?.result) } : { error: result.error }),
  );
}

function isWrite(result: unknown): result is { value: unknown; operations: { call: string }[] } {
  return typeof result === "object" && result !== null && "operations" in result && Array.isArray(result.operations);
}

function operationsOf(result: unknown): string[] {
  return isWrite(result) ? result.operations.map(({ call }) => call) : [];
}

function valueOf(result: unknown): unknown {
  return isWrite(result) ? result.value : result;
}

const READS: readonly (readonly [method: string, needs: BackendMethodName])[] = [
  ["get_hosts", "getHosts"],
  ["get_inventory", "getInventory"],
  ["describe_service", "listDaemons"],
];

/** What the classic reads tell of the world, without the names that an orchestrator may choose freely. */
export async function classicOutline(bench: Bench): Promise<{ [method: string]: Json }> {
  const reads = READS.filter(([, needs]) => bench.has(needs));
  const outcomes = await wait(
    bench,
    reads.map(([method]) => ({ method, params: {} })),
  );
  return Object.fromEntries(
    reads.map(([method], index) => {
      const outcome = outcomes[index];
      return [
        method,
        steady(bench, outcome === undefined || "error" in outcome ? outcome?.error : unnamed(outcome.value)),
      ];
    }),
  );
}

function unnamed(rows: unknown): unknown {
  if (!Array.isArray(rows)) return rows;
  return (rows as object[]).map((row) => ({ ...row, service_instance: undefined, container_id: undefined }));
}
