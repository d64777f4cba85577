/** What Node's permission model denied, in words that tell a backend's author what to declare. */
import type { Permissions } from "./permissions.ts";
import { CAUSES } from "./secrets.ts";

const FLAGS: Readonly<Record<string, readonly [keyof Permissions, doing: string]>> = {
  ChildProcess: ["childProcess", "start a process"],
  WorkerThreads: ["worker", "start a worker thread"],
  Addon: ["addons", "load a native addon"],
  WASI: ["wasi", "use WASI"],
  Net: ["network", "use the network"],
};

/** What was denied by Node's permission model and how to declare it, if that is what went wrong, here or in a cause; else undefined. */
export function deniedAccess(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth <= CAUSES; at = at.cause, depth += 1) {
    const { code, permission, resource } = at as { code?: unknown; permission?: unknown; resource?: unknown };
    if (code === "ERR_DLOPEN_DISABLED") return denied("Addon", "", at.message);
    if (code !== "ERR_ACCESS_DENIED") continue;
    // Errors of sockets name only the flag.
    const kind = typeof permission === "string" ? permission : /--allow-net\b/.test(at.message) ? "Net" : "";
    return denied(kind, typeof resource === "string" ? resource : "", at.message);
  }
  return undefined;
}

function denied(kind: string, resource: string, message: string): string {
  const path = /^FileSystem(Read|Write)$/.exec(kind)?.[1]?.toLowerCase();
  if (path !== undefined && resource !== "")
    return `it may not ${path} ${resource}; ${declare(`${path}: [${JSON.stringify(resource)}]`)}`;
  const flag = FLAGS[kind];
  if (flag === undefined) return `Node's permission model denied it: ${message}`;
  const [name, doing] = flag;
  return `it may not ${doing}${resource === "" ? "" : ` (${resource})`}; ${declare(`${name}: true`)}`;
}

function declare(permission: string): string {
  return `a backend that needs this declares it: defineBackend({ permissions: { ${permission} }, … })`;
}
