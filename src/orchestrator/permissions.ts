/** What a backend's process may do: declared by the backend, and checked here. */
import { isAbsolute, normalize } from "node:path";
import { ValidationError } from "./errors.ts";

/**
 * What a backend needs beyond its own files; nothing, unless declared. The process that the mgr module starts gets these and no more, and
 * `ceph orchbridge status` shows them. Paths are absolute; a folder stands for all that is in it.
 */
export interface Permissions {
  /** Files and folders to read, besides the backend's own package and the node_modules above it. */
  readonly read?: readonly string[];
  /** Files and folders to write; reading them is another permission. */
  readonly write?: readonly string[];
  /** Starting processes. These can do whatever the manager's user can. */
  readonly childProcess?: boolean;
  /** Worker threads. */
  readonly worker?: boolean;
  /** Native addons. */
  readonly addons?: boolean;
  /** WebAssembly System Interface. */
  readonly wasi?: boolean;
  /** Sockets of any kind, Unix sockets included. Node 24 and older cannot deny them; from 25 on this is needed. */
  readonly network?: boolean;
  /** Names of environment variables to hand on, besides PATH, HOME, LANG, TZ and ORCHBRIDGE_*. */
  readonly environment?: readonly string[];
}

/** Every permission, with what was not declared filled in; the shape in which it crosses the wire. */
export type DeclaredPermissions = { readonly [Name in keyof Permissions]-?: NonNullable<Permissions[Name]> };

export const NO_PERMISSIONS: DeclaredPermissions = {
  read: [],
  write: [],
  childProcess: false,
  worker: false,
  addons: false,
  wasi: false,
  network: false,
  environment: [],
};

/** The declaration, complete; a ValidationError names what in it is wrong. */
export function checkedPermissions(backend: string, declared: unknown): DeclaredPermissions {
  const refuse = (place: string, problem: string): never => {
    throw new ValidationError(`backend ${backend}: permissions${place}: ${problem}`);
  };
  if (declared === undefined) return NO_PERMISSIONS;
  if (typeof declared !== "object" || declared === null || Array.isArray(declared))
    return refuse("", `expected an object, got ${shown(declared)}`);
  const result: Record<string, unknown> = { ...NO_PERMISSIONS };
  for (const [name, value] of Object.entries(declared)) {
    if (!Object.hasOwn(NO_PERMISSIONS, name))
      refuse(`.${name}`, `there is no such permission (there are: ${Object.keys(NO_PERMISSIONS).join(", ")})`);
    if (value === undefined) continue;
    result[name] =
      typeof result[name] === "boolean"
        ? checkedFlag(value, (problem) => refuse(`.${name}`, problem))
        : checkedList(value, name === "environment" ? wrongVariable : wrongPath, (place, problem) =>
            refuse(`.${name}${place}`, problem),
          );
  }
  // Each of its names was checked above.
  return result as unknown as DeclaredPermissions;
}

function checkedFlag(value: unknown, refuse: (problem: string) => never): boolean {
  return typeof value === "boolean" ? value : refuse(`expected true or false, got ${shown(value)}`);
}

function checkedList(
  value: unknown,
  wrong: (item: string) => string | undefined,
  refuse: (place: string, problem: string) => never,
): string[] {
  if (!Array.isArray(value)) return refuse("", `expected a list, got ${shown(value)}`);
  const items = value.map((item: unknown, index) => {
    const problem = typeof item === "string" ? wrong(item) : "expected a string";
    return problem === undefined ? String(item) : refuse(`[${index}]`, `${problem}, got ${shown(item)}`);
  });
  return [...new Set(items)].sort();
}

/** Node takes `*` for a wildcard: a path that holds one would allow more than it says. */
function wrongPath(path: string): string | undefined {
  if (!isAbsolute(path)) return "expected an absolute path";
  if (/[*\0\n]/.test(path)) return "expected a path without wildcards";
  const plain = normalize(path);
  return plain === path || plain === `${path}/` ? undefined : "expected a path without . and ..";
}

function wrongVariable(name: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return "expected the name of an environment variable";
  return name === "NODE_OPTIONS" ? "expected a variable that does not change Node itself" : undefined;
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? typeof value).slice(0, 80);
}
