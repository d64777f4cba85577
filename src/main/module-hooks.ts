/** How modules are found for backend files that lie outside the package: one `.ts` anywhere works, without node_modules. */

import { realpathSync } from "node:fs";
import { type ResolveFnOutput, type ResolveHookContext, registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { checkTrusted } from "./backend-file.ts";
import { ownFolder, ownModule } from "./own-files.ts";
import { mayRead } from "./permitted.ts";

/** The query that makes Node load a file again, which it read before and keeps as it was. */
const againQuery = /\?again=\d+$/;

let installed = false;

/** The files outside the package that were looked for as modules: where to look when one of them does not parse. */
export const foreignFiles = new Set<string>();

/** An import that failed, and where it stands. */
export class ImportFailure extends Error {
  readonly specifier: string;
  readonly importer: string;

  constructor(specifier: string, importer: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.specifier = specifier;
    this.importer = importer;
  }
}

/** The import of a file that Node's permission model does not let this process read. */
export class OutsidePackage extends Error {}

/** Node's code for TypeScript below node_modules. */
export const UNBUILT = "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING";

/** The import of TypeScript below node_modules, which Node refuses without a word on where it is imported. */
class UnbuiltPackage extends Error {
  readonly code = UNBUILT;

  constructor(url: string) {
    super(`${fileURLToPath(url)} is TypeScript below node_modules`);
  }
}

/** From now on `orchbridge`, `orchbridge/contract` and `zod` mean the running copies for files outside node_modules. Once is enough. */
export function installModuleHooks(): void {
  if (installed) return;
  installed = true;
  const own = new Map([
    ["orchbridge", ownModule("orchbridge")],
    ["orchbridge/contract", ownModule("orchbridge/contract")],
    ["zod", ownModule("zod")],
  ]);
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const { parentURL } = context;
      if (parentURL === undefined || isOwn(parentURL)) return withFormat(nextResolve(specifier, context));
      if (parentURL.includes("/node_modules/")) return nextResolve(specifier, context);
      const url = own.get(specifier);
      if (url !== undefined) return { url, shortCircuit: true };
      return resolveForeign(specifier, context, nextResolve);
    },
  });
}

type NextResolve = (specifier: string, context?: Partial<ResolveHookContext>) => ResolveFnOutput;

/** An import in a backend's own file: trusted like the file itself, and read again together with it. */
function resolveForeign(specifier: string, context: ResolveHookContext, nextResolve: NextResolve): ResolveFnOutput {
  const parentURL = context.parentURL ?? "";
  const fail = (cause: unknown): never => {
    throw new ImportFailure(specifier, fileURLToPath(parentURL.replace(againQuery, "")), cause);
  };
  const found = attempt(() => nextResolve(specifier, context), fail);
  if (!found.url.startsWith("file:") || isOwn(found.url)) return found;
  if (/\/node_modules\/.*\.m?ts$/.test(found.url)) fail(new UnbuiltPackage(found.url));
  const path = fileURLToPath(found.url);
  const file = mayRead(path) ? realpathSync(path) : fail(new OutsidePackage(path));
  checkTrusted(file);
  foreignFiles.add(file);
  const again = againQuery.exec(parentURL)?.[0];
  const relative = specifier.startsWith(".") || specifier.startsWith("/");
  return withFormat(again !== undefined && relative ? { ...found, url: found.url + again } : found);
}

function attempt<T>(act: () => T, fail: (cause: unknown) => never): T {
  try {
    return act();
  } catch (cause) {
    return fail(cause);
  }
}

/** A lone .ts is a module whatever package.json stands above it: npm init now writes "type": "commonjs". */
function withFormat(found: ResolveFnOutput): ResolveFnOutput {
  if (isOwn(found.url) || !/\.ts(\?|$)/.test(found.url) || found.url.includes("/node_modules/")) return found;
  return { ...found, format: "module-typescript" };
}

function isOwn(url: string): boolean {
  return url.startsWith(ownFolder.href);
}
