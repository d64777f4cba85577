/** What a backend author writes, and how a definition becomes a running backend. */

import type { Log, MaybePromise, Operation, ReadCall, WriteCall } from "./call.ts";
import { NotSupportedError, ValidationError } from "./errors.ts";
import { type BackendFeatures, type BackendMethodName, type BackendMethods, METHODS } from "./generated/methods.ts";
import { describeValue, formatIssues } from "./issues.ts";
import { type DescribesItself, markedSecrets } from "./marked-secrets.ts";
import { nearestWord } from "./nearest-word.ts";
import { checkedPermissions, type DeclaredPermissions, type Permissions } from "./permissions.ts";
import type { Json, MgrPort } from "./ports.ts";

/** Whether the orchestrator can be reached now. `reason` is one sentence that tells the operator what to do. */
export interface Availability {
  ok: boolean;
  reason?: string;
  /** Shown by `ceph orch status --detail`. */
  details?: { [key: string]: Json };
}

/** A running backend: every method is optional, and a method left out is a feature not supported. */
export interface Backend extends BackendFeatures {
  /** Asked every 10 s and after connection errors. Left out: available. */
  available?(): MaybePromise<Availability>;
  /** Called before a new configuration takes over, and at the end. */
  close?(): MaybePromise<void>;
  /**
   * For orchestrators where ten operations cost as much as one: gets the calls of one batch and settles each of them.
   * One that is left unsettled when the promise ends is an error. The writes of one `apply` come together: settle those
   * behind a failed one with `reject`, since the operator is told of the first failure only.
   */
  batch?(calls: BackendCall[]): Promise<void>;
}

/** One call of a batch: a union by `method`. */
export type BackendCall = {
  [Name in BackendMethodName]: BatchedCall<
    Name,
    Parameters<BackendMethods[Name]>[0],
    Parameters<BackendMethods[Name]>[1],
    ResultOf<Name>
  >;
}[BackendMethodName];

interface BatchedCall<Name, Params, Context, Result> {
  readonly method: Name;
  readonly params: Params;
  readonly call: Context & {
    resolve(result: Result): void;
    reject(error: unknown): void;
    /** Settles the write as persistent; `effective` runs once the answer has left. */
    persisted(result: Result, effective: (operation: Operation) => MaybePromise<void>): void;
    /** Falls back to the backend's method of that name. */
    run(): Promise<void>;
  };
}

/** What a method is handed besides the call. */
export type ParamsOf<Name extends BackendMethodName> = Parameters<BackendMethods[Name]>[0];

/** The plain result of a method, without promise and without `Persisted`. */
export type ResultOf<Name extends BackendMethodName> = Exclude<
  Awaited<ReturnType<BackendMethods[Name]>>,
  { readonly [key: symbol]: unknown }
>;

/** JSON kept by the monitors for this backend; it survives the manager. A value has at most 65,536 bytes. */
export interface BackendState {
  get(key: string): Promise<Json>;
  set(key: string, value: Json): Promise<void>;
  delete(key: string): Promise<void>;
  /** The values of all keys that start with `prefix`. */
  list(prefix?: string): Promise<Record<string, Json>>;
}

/** What `create` is handed. */
export interface BackendContext<Options> {
  options: Options;
  ceph: { release: string; fsid: string; mgr: { name: string; gid: number | null } };
  mgr: MgrPort;
  log: Log;
  state: BackendState;
  /** Ends when the backend is to stop. */
  signal: AbortSignal;
  /** Tells at once that availability changed, instead of at the next question. */
  setAvailable(availability: Availability): void;
}

/** The part of Standard Schema (standardschema.dev) that options need; zod, valibot and arktype have it. */
export interface OptionsSchema<Output> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => MaybePromise<OptionsResult<Output>>;
    /** Standard JSON Schema, where the library has it: a value under `secret: true` is never printed. */
    readonly jsonSchema?: DescribesItself["jsonSchema"];
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type OptionsResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<OptionsIssue> };

export interface OptionsIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

const definitionBrand: unique symbol = Symbol.for("orchbridge.backend");

/** A backend file's default export. */
export interface BackendDefinition {
  readonly [definitionBrand]: true;
  readonly name: string;
  /** Checks `backend_options`; throws ValidationError naming each wrong place. */
  readonly parseOptions: (value: unknown) => Promise<unknown>;
  /** What the process needs to run it with these parsed options; throws ValidationError where the declaration is wrong. */
  readonly permissionsFor: (options: unknown) => DeclaredPermissions;
  readonly create: (context: BackendContext<unknown>) => Promise<Backend>;
}

/**
 * Declares a backend; the default export of its file. Annotate what `create` gives with `: Backend`, as the examples do: then a
 * misspelt method is a compile error, and not only an error at load. Throws ValidationError where the declaration itself is wrong.
 */
export function defineBackend<Options = undefined>(definition: {
  /** What operators read, and under which its state and its unfinished writes are kept: letters, digits, `.`, `_`, `-`. */
  name: string;
  /** An option marked as secret, in zod by `.meta({ secret: true })`, is never printed. */
  options?: OptionsSchema<Options>;
  /** What the backend's process needs beyond its own files; as a function, when that depends on the options. */
  permissions?: Permissions | ((options: NoInfer<Options>) => Permissions);
  create(context: BackendContext<Options>): MaybePromise<Backend>;
}): BackendDefinition {
  refuseMisdeclared(definition);
  const { name, permissions } = definition;
  // Here and in `create`, the options were made by parseOptions of the same definition.
  const permissionsFor = (options: unknown): DeclaredPermissions =>
    checkedPermissions(name, typeof permissions === "function" ? permissions(options as Options) : permissions);
  return {
    [definitionBrand]: true,
    name,
    async parseOptions(value) {
      const options = await parseOptions(definition.options, value);
      permissionsFor(options); // a wrong declaration is found before anything is replaced
      return options;
    },
    permissionsFor,
    async create(context) {
      const backend = await definition.create(context as BackendContext<Options>);
      refuseMalformed(name, backend);
      refuseUnknownMethods(name, backend);
      return backend;
    },
  };
}

/** True for what `defineBackend` made, also by another loaded copy of the package. */
export function isBackendDefinition(value: unknown): value is BackendDefinition {
  return typeof value === "object" && value !== null && definitionBrand in value;
}

async function parseOptions<Options>(schema: OptionsSchema<Options> | undefined, value: unknown): Promise<unknown> {
  if (schema === undefined) {
    if (value === null || (typeof value === "object" && Object.keys(value).length === 0)) return undefined;
    throw new ValidationError("backend_options: this backend takes none; remove them");
  }
  const result = await schema["~standard"].validate(value ?? {});
  if (result.issues === undefined) return result.value;
  const isMarked = markedSecrets(schema["~standard"]);
  throw new ValidationError(formatIssues(result.issues, "backend_options", value ?? {}, isMarked).join("; "));
}

const OWN_METHODS = ["available", "close", "batch"];

/** The names a backend may define, beside `available`, `close` and `batch`. */
export const BACKEND_METHODS: readonly BackendMethodName[] = [
  ...new Set(Object.values(METHODS).flatMap((method) => (method.backend === null ? [] : [method.backend]))),
];

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const DECLARED = ["name", "options", "permissions", "create"];

/** Node only strips types: without this, a misspelt `permissions` would be none. */
function refuseMisdeclared(definition: Readonly<Record<string, unknown>>): void {
  const { name, create } = definition;
  if (typeof name !== "string" || !NAME.test(name)) {
    const rule = "a name of up to 64 letters, digits, dots, underscores and dashes";
    throw new ValidationError(`defineBackend({ name }): expected ${rule}, got ${describeValue(name)}`);
  }
  if (typeof create !== "function")
    throw new ValidationError(`backend ${name}: create: expected a function, got ${describeValue(create)}`);
  for (const key of Object.keys(definition)) {
    if (DECLARED.includes(key)) continue;
    const near = nearestWord(key, DECLARED);
    const hint = near === undefined ? `what there is: ${DECLARED.join(", ")}` : `did you mean ${near}?`;
    throw new ValidationError(`backend ${name}: defineBackend knows no ${key}; ${hint}`);
  }
}

function refuseMalformed(name: string, backend: unknown): void {
  if (typeof backend !== "object" || backend === null) {
    throw new ValidationError(
      `backend ${name}: create gave ${backend === null ? "null" : typeof backend}, not an object of methods`,
    );
  }
  for (const method of [...BACKEND_METHODS, ...OWN_METHODS]) {
    const value: unknown = Reflect.get(backend, method);
    if (value !== undefined && typeof value !== "function") {
      throw new ValidationError(`backend ${name}: ${method} is ${typeof value}, not a method`);
    }
  }
}

/** Node only strips types, so a misspelt method must be found at load, not silently be a missing feature. */
function refuseUnknownMethods(name: string, backend: Backend): void {
  const known: readonly string[] = [...BACKEND_METHODS, ...OWN_METHODS];
  for (const [key, value, own] of methodEntries(backend)) {
    if (known.includes(key) || typeof value !== "function") continue;
    const near = nearestWord(key, known);
    if (!own && near === undefined) continue; // a class may have methods of its own
    throw new ValidationError(
      `backend ${name} defines a method ${key} that the interface does not have` +
        (near === undefined ? "" : `; did you mean ${near}?`),
    );
  }
}

/** Own and inherited members, so that a class instance is checked like an object literal; private ones start with # or _. */
function methodEntries(backend: object): [name: string, value: unknown, own: boolean][] {
  const entries: [string, unknown, boolean][] = [];
  for (
    let at: object | null = backend;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    for (const key of Object.getOwnPropertyNames(at)) {
      if (key !== "constructor" && !key.startsWith("_")) entries.push([key, Reflect.get(backend, key), at === backend]);
    }
  }
  return entries;
}

/** The method a call needs, bound to the backend; NotSupportedError where it was left out. */
export function backendMethod(
  backend: Backend,
  backendName: string,
  name: BackendMethodName,
): (params: unknown, call: ReadCall | WriteCall) => unknown {
  const method = backend[name];
  if (method === undefined) throw new NotSupportedError(`the ${backendName} backend does not support ${name}`);
  // One place where the table's pairing of name and parameters is trusted: the params were validated against it.
  return (method as (params: unknown, call: ReadCall | WriteCall) => unknown).bind(backend);
}
