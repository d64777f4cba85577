/** Reads that end with their caller, however long the agent takes to answer. */
import type { Backend, ReadCall } from "../../index.ts";

type Read = (params: unknown, call: ReadCall) => unknown;

/** The same reads. What the agent was asked it brings to its end by itself; nobody waits for it then. */
export function promptly<Reads extends Backend>(reads: Reads): Reads {
  const prompt = Object.entries(reads).map(([name, read]): [string, Read] => [
    name,
    // Names and parameters stay paired as they were.
    (params, call) => untilGone((read as Read)(params, call), call.signal),
  ]);
  return Object.fromEntries(prompt) as unknown as Reads;
}

async function untilGone(answer: unknown, signal: AbortSignal): Promise<unknown> {
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([answer, gone]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
