/** What schemas/ says, read into memory: the one input of every generator. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A JSON Schema within the allowed subset (subset.ts refuses the rest). */
export interface Schema {
  $schema?: string;
  $ref?: string;
  title?: string;
  description?: string;
  type?: string | string[];
  const?: Json;
  enum?: Json[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: false | Schema;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  allOf?: Schema[];
  oneOf?: Schema[];
  minimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
  examples?: Json[];
  "x-default"?: Json;
  "x-secret"?: true;
  "x-since"?: Release;
  "x-until"?: Release;
  "x-tag"?: string;
  "x-extends"?: string;
  "x-interface"?: "modern" | "classic" | "bridge";
  "x-ceph-class"?: string;
  "x-ceph-source"?: string;
  "x-python"?: true;
}

export const RELEASES = ["mimic", "nautilus", "octopus", "pacific", "quincy", "reef", "squid", "tentacle"] as const;
export type Release = (typeof RELEASES)[number];

export interface Param {
  name: string;
  description: string;
  required: boolean;
  schema: Schema;
}

/** One method of openrpc.json. `params` leaves out the reserved `_call`; `context` says whether it is taken. */
export interface Method {
  name: string;
  summary: string;
  description: string;
  params: Param[];
  context: boolean;
  /** Null: a notification. */
  result: Schema | null;
  kind: "read" | "write";
  since: Release;
  until: Release | null;
  from: "shim" | "node";
  signatures: Partial<Record<Release, string>>;
  /** Releases whose answer is another than `result`. */
  results: Partial<Record<Release, Schema>>;
  translated: boolean;
  local: boolean;
  page: boolean;
  /** Any further param is taken too (`mgr/command`). */
  open: boolean;
  secretResult: boolean;
  raises: string[];
}

/** One row of `x-errors`. */
export interface ErrorRow {
  type: string;
  code: number;
  errno: string;
  /** The Python exception the shim raises. */
  python: string;
  /** A backend may throw it itself. */
  thrown: boolean;
  summary: string;
  cause: string;
  cure: string;
  /** What the `ceph` command ends with, by release; null where no command can see it. */
  exit: Partial<Record<Release, string>> | null;
}

export interface Model {
  methods: Method[];
  /** By name, in alphabetical order. */
  types: Map<string, Schema>;
  errors: ErrorRow[];
}

/** `types/HostSpec.json` and `HostSpec.json` both name the type HostSpec. */
export function refName(ref: string): string {
  return ref.replace(/^types\//, "").replace(/\.json$/, "");
}

/** The type a schema refers to: by `$ref`, or by `allOf` of one `$ref`. */
export function referred(schema: Schema): string | null {
  const ref = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
  return ref === undefined ? null : refName(ref);
}

/** `orchestrator/get_inventory` → `get_inventory`. */
export function shortName(method: string): string {
  return method.slice(method.indexOf("/") + 1);
}

/** What a backend implements: `orchestrator/` without what a dialect or the shim answers, and `backend/`. */
export function isBackendMethod(method: Method): boolean {
  return (
    method.name.startsWith("backend/") ||
    (method.name.startsWith("orchestrator/") && !method.translated && !method.local)
  );
}

export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}

/** Linux's numbers, for Ceph runs there: not those of the machine that generates. */
const ERRNO: Record<string, number> = {
  ENOENT: 2,
  EIO: 5,
  EAGAIN: 11,
  EINVAL: 22,
  ENOTSUP: 95,
  ETIMEDOUT: 110,
  ECANCELED: 125,
};

export function errnoNumber(row: ErrorRow): number {
  const number = ERRNO[row.errno];
  if (number === undefined)
    throw new Error(
      `schemas/openrpc.json: ${row.type} has the errno ${row.errno}, whose number is not in scripts/generate/model.ts`,
    );
  return number;
}
