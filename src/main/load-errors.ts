/** What Node says about a file it cannot load, as one sentence that names file, line and cure. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { deniedAccess } from "../orchestrator/denied-access.ts";
import { isOrchestratorError, type OrchestratorError, ValidationError } from "../orchestrator/errors.ts";
import { foreignFiles, ImportFailure, OutsidePackage, UNBUILT } from "./module-hooks.ts";
import { mayRead } from "./permitted.ts";
import { findSyntaxError } from "./syntax-place.ts";

/** Turns what `import(path)` rejected with into an expected error; one that says enough already stays as it is. */
export function explainLoadError(error: unknown, path: string): OrchestratorError {
  if (isOrchestratorError(error)) return error;
  if (error instanceof ImportFailure) return new ValidationError(explainImport(error), { cause: error });
  if (!(error instanceof Error))
    return new ValidationError(`${path}: threw ${String(error)} while it was loaded`, { cause: error });
  const place = placeOf(error);
  if (place === undefined && error instanceof SyntaxError) return explainUnplaced(error, path);
  return new ValidationError(`${place ?? path}: ${explain(error)}`, { cause: error });
}

function explainUnplaced(error: SyntaxError, path: string): OrchestratorError {
  const found = findSyntaxError(new Set([path, ...foreignFiles]), error.message);
  const what =
    found !== undefined && /^\s*@\w/.test(found.source)
      ? "decorators are not JavaScript yet and cannot be stripped; call the function instead"
      : explain(error);
  return new ValidationError(`${found?.place ?? path}: ${what}`, { cause: error });
}

function explain(error: Error): string {
  const code = "code" in error ? error.code : undefined;
  const { message } = error;
  const denied = deniedAccess(error);
  if (denied !== undefined) return `threw while it was loaded: ${denied}; better: use it in create`;
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") return unsupportedSyntax(message);
  if (code === UNBUILT) return `${message}; ${BUILD_IT}`;
  const missing = /does not provide an export named '([^']+)'/.exec(message)?.[1];
  if (missing !== undefined)
    return `${message}; if ${missing} is a type, import it as a type: import { type ${missing} } from …`;
  if (error instanceof SyntaxError) return `syntax error: ${message}`;
  if (/^(require|module|exports|__dirname|__filename) is not defined/.test(message))
    return `${message}; a backend is an ES module: use import and export`;
  return `threw while it was loaded: ${error.name}: ${message}`;
}

/** Node only strips types; each of these needs code to be made, in Node's words for it. */
function unsupportedSyntax(message: string): string {
  const cures: [RegExp, string][] = [
    [/enum/, "an object with `as const` and a union type"],
    [/parameter property/, "a field, and an assignment in the constructor"],
    [/namespace|module/, "the module's own exports"],
    [/import equals/, "import … from"],
    [/export assignment/, "export default"],
    [/angle-bracket/, "`expression as Type`"],
  ];
  const cure = cures.find(([pattern]) => pattern.test(message))?.[1];
  return `${message.replace(/\.? Instead.*/s, "")}; the types are only stripped, so write ${cure ?? "it in syntax that can be erased"} instead`;
}

function explainImport({ specifier, importer, cause, message }: ImportFailure): string {
  const place = `${importer}${lineOf(importer, specifier)}`;
  const outside = cause instanceof OutsidePackage ? cause.message : deniedPath(cause);
  if (cause instanceof Error && "code" in cause && cause.code === UNBUILT)
    return `${place}: cannot import ${JSON.stringify(specifier)}: ${message}; ${BUILD_IT}`;
  if (outside !== undefined) return `${place}: cannot import ${JSON.stringify(specifier)}: ${outside} ${LIES_OUTSIDE}`;
  if (!specifier.startsWith(".")) {
    const missing = /Cannot find (package|module)/.test(message);
    return missing
      ? `${place}: the package ${JSON.stringify(specifier)} was not found; install it beside the file (npm install), or remove the import`
      : `${place}: ${message}`;
  }
  const near = nearbyFile(importer, specifier);
  const cure =
    near === undefined
      ? "there is no such file"
      : `write ${JSON.stringify(near)}: imports name the file as it is, with its ending`;
  return cause instanceof Error &&
    "code" in cause &&
    cause.code !== "ERR_MODULE_NOT_FOUND" &&
    cause.code !== "ERR_UNSUPPORTED_DIR_IMPORT"
    ? `${place}: ${message}`
    : `${place}: cannot import ${JSON.stringify(specifier)}; ${cure}`;
}

const BUILD_IT =
  "packages below node_modules must be JavaScript: build it, or import a file of your own by a relative path";

const LIES_OUTSIDE =
  "lies outside of the backend's package: move it there, or put a package.json into the folder that holds both";

function deniedPath(cause: unknown): string | undefined {
  if (!(cause instanceof Error && "code" in cause && cause.code === "ERR_ACCESS_DENIED")) return undefined;
  return "resource" in cause && typeof cause.resource === "string" ? cause.resource : "it";
}

/** The file that was probably meant by "./dep", "./dep.js" or "./folder". */
function nearbyFile(importer: string, specifier: string): string | undefined {
  const base = resolve(dirname(importer), specifier);
  const stem = base.replace(/\.(js|mjs)$/, "");
  const found = [
    `${base}.ts`,
    `${stem}.ts`,
    `${stem}.mts`,
    `${base}.mjs`,
    `${base}.js`,
    `${base}/index.ts`,
    `${base}/index.mjs`,
  ].find((file) => mayRead(file) && existsSync(file));
  if (found === undefined) return undefined;
  const path = relative(dirname(importer), found);
  return path.startsWith(".") ? path : `./${path}`;
}

function lineOf(file: string, specifier: string): string {
  const lines = readFileSync(file, "utf8").split("\n");
  const index = lines.findIndex((line) => line.includes(`"${specifier}"`) || line.includes(`'${specifier}'`));
  return index === -1 ? "" : `:${index + 1}`;
}

/** `FILE:LINE` from the head of a syntax error's stack, or the first frame in a file of ours or the author's. */
function placeOf(error: Error): string | undefined {
  const stack = error.stack ?? "";
  const head = /^((?:file:\/\/)?\/[^\n]*?)(?:\?again=\d+)?:(\d+)\n/.exec(stack);
  const [, file, line] = head ?? /\(?(file:\/\/\/[^\s)]*?)(?:\?again=\d+)?:(\d+):\d+\)?$/m.exec(stack) ?? [];
  if (file === undefined) return undefined;
  return `${file.startsWith("file:") ? fileURLToPath(file) : file}:${line}`;
}
