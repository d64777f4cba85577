/** Methods that misbehave on purpose, so that the bridge's answers to that can be seen. */
import { writeSync } from "node:fs";
import { type Backend, OrchestratorError, type WriteCall } from "../../index.ts";
import { reasonOf } from "./gate.ts";

export const FAULTS = ["throw", "hang", "exit", "block", "nonsense", "print", "fail"] as const;

export type Fault = (typeof FAULTS)[number];

type Method = (params: unknown, call: WriteCall) => unknown;

const BEHAVIOUR: Record<Fault, (name: string, method: Method) => Method> = {
  throw: (name) => () => {
    throw new TypeError(`a fault of ${name}, as configured`);
  },
  hang: () => (_params, call: WriteCall | undefined) => hang(call?.signal),
  exit: () => () => process.exit(3),
  block: () => () => {
    for (;;);
  },
  nonsense: () => () => 42,
  print: (name, method) => (params, call) => {
    print(name);
    return method(params, call);
  },
  fail: (name, method) => (params, call) => method(params, failing(name, call)),
};

/** The backend, with the methods named replaced by misbehaving ones. */
export function withFaults(backend: Backend, faults: { readonly [method: string]: Fault }): Backend {
  const methods = Object.entries(backend).map(([name, method]: [string, unknown]) => {
    const fault = faults[name];
    // The pairing of names and parameters stays as it was in `backend`.
    return [name, fault === undefined ? method : BEHAVIOUR[fault](name, method as Method)];
  });
  return Object.fromEntries(methods) as Backend;
}

/** Settles only when the caller gives up; without a signal (`available`) never. */
function hang(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal?.aborted === true) reject(reasonOf(signal));
    signal?.addEventListener("abort", () => reject(reasonOf(signal)), { once: true });
  });
}

/** By every way to stdout that a careless backend might take. */
function print(name: string): void {
  // oxlint-disable-next-line no-console -- stray output is what this fault is for
  console.log(`stray line of ${name} by console.log`);
  process.stdout.write(`stray line of ${name} by process.stdout\n`);
  writeSync(1, `stray line of ${name} by descriptor 1\n`);
}

function failing(name: string, call: WriteCall): WriteCall {
  return {
    ...call,
    persisted: (result) =>
      call.persisted(result, () => {
        throw new OrchestratorError(`a fault of the second stage of ${name}, as configured`);
      }),
  };
}
