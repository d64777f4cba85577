/** The memory backend's option that makes each of its reads hang. */
import memory from "../../src/backends/memory/index.ts";
import { METHODS } from "../../src/orchestrator/generated/methods.ts";

type Faults = Readonly<Record<string, "hang">>;

let faults: Promise<Faults> | undefined;

/** `faults` for `backend_options`. */
export function hangingReads(): Promise<Faults> {
  faults ??= find();
  return faults;
}

async function find(): Promise<Faults> {
  const reads = Object.values(METHODS).flatMap(({ kind, backend }) =>
    kind === "read" && backend !== null ? [backend] : [],
  );
  const own: [string, "hang"][] = [];
  for (const name of new Set(reads)) if (await has(name)) own.push([name, "hang"]);
  return Object.fromEntries(own);
}

/** It refuses a fault of a method that it does not have. */
async function has(name: string): Promise<boolean> {
  try {
    await memory.parseOptions({ faults: { [name]: "hang" } });
    return true;
  } catch {
    return false;
  }
}
