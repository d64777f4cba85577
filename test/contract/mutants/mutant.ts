/** How a backend with one planted fault is made of the memory backend. */
import type {
  Backend,
  BackendCall,
  BackendMethodName,
  BackendMethods,
  Json,
  Operation,
  WriteCall,
} from "../../../src/index.ts";
import type { BackendDefinition } from "../../../src/orchestrator/backend.ts";

export interface Mutant {
  /** What is wrong with it. */
  readonly name: string;
  readonly change?: (backend: Backend) => Backend;
  readonly define?: (definition: BackendDefinition) => BackendDefinition;
  /** Each instance of it begins anew. */
  readonly forgets?: true;
  /** Options of the memory backend, where the fault shows only under them. */
  readonly options?: { [name: string]: Json };
  /** Cases that have to fail, by how their names begin. */
  readonly caughtBy: readonly string[];
}

/** The backend with one method made anew of what it was. */
export function replacing<Name extends BackendMethodName>(
  name: Name,
  make: (original: BackendMethods[Name], backend: Backend) => BackendMethods[Name],
): (backend: Backend) => Backend {
  return (backend) => {
    const original = backend[name];
    if (original === undefined) throw new Error(`the memory backend has no ${name}`);
    // `Backend[Name]` of a Name that is not known yet is what the type checker cannot see through.
    return { ...backend, [name]: make(original as BackendMethods[Name], backend) };
  };
}

type Method = (params: never, call: WriteCall) => unknown;
export type AnyMethod = (params: unknown, call: WriteCall) => unknown;

/** The backend with all of its methods wrapped. */
export function everyMethod(make: (original: AnyMethod, name: string) => AnyMethod): (backend: Backend) => Backend {
  return (backend) =>
    Object.fromEntries(
      Object.entries(backend).map(([name, method]) => [
        name,
        name === "available" || name === "close" ? method : make(method as Method as AnyMethod, name),
      ]),
    ) as Backend;
}

/** Every method, with another second stage. */
export function otherStage(
  make: (effective: (operation: Operation) => unknown, call: WriteCall) => (operation: Operation) => Promise<void>,
): (backend: Backend) => Backend {
  return everyMethod((original) => (params, call) => {
    const persisted = (result: unknown, effective: (operation: Operation) => unknown): unknown =>
      call.persisted(result, make(effective, call));
    return original(params, { ...call, ...("persisted" in call ? { persisted } : {}) } as WriteCall);
  });
}

export const FOREVER = new Promise<never>(() => undefined);

/** A batch in the backend's own hands. */
export function batching(batch: (calls: BackendCall[]) => Promise<void>): (backend: Backend) => Backend {
  return (backend) => ({ ...backend, batch });
}
