/** `orchbridge install`: puts the module folder made by the build into a manager's module folder. */

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeProblem } from "../main/node-version.ts";
import { ownFolder } from "../main/own-files.ts";
import { VERSION } from "../main/version.ts";
import { messageOf } from "../orchestrator/errors.ts";
import { CommandError } from "./errors.ts";
import { checkBackendFile, copyBackend, keepBackends, OWN_BACKENDS } from "./install/backend.ts";
import { agentUnit, type Installed, nextSteps } from "./install/next-steps.ts";

const moduleName = "orchbridge";

export interface InstallOptions {
  readonly mgrDir: string;
  readonly node: string | undefined;
  /** A file of the operator's, to be put into the module. */
  readonly backend?: string | undefined;
}

/** Installs or replaces the module; gives what was done, and what to do next. */
export function install({ mgrDir, node, backend }: InstallOptions, source: string = builtModule()): Installed {
  const folder = checkedMgrDir(mgrDir);
  if (node !== undefined && statSync(node, { throwIfNoEntry: false })?.isFile() !== true)
    throw new CommandError(`--node ${node}: not a file; give the path of a node binary`);
  if (backend !== undefined) checkBackendFile(backend);
  const target = join(folder, moduleName);
  const former = formerVersion(target);
  removeLeftovers(folder);
  const fresh = join(folder, `.${moduleName}-new-${process.pid}`);
  let nodeVersion: string | null = null;
  try {
    copyModule(source, fresh);
    if (node !== undefined) nodeVersion = checkedNode(node, copyNode(node, fresh));
    keepBackends(target, fresh);
    if (backend !== undefined) copyBackend(backend, fresh);
    pointUnit(fresh, target, node === undefined ? process.execPath : join(target, "bin/node"));
    replace(target, fresh, join(folder, `.${moduleName}-old-${process.pid}`));
  } catch (cause) {
    rmSync(fresh, { recursive: true, force: true });
    if (cause instanceof CommandError) throw cause;
    throw new CommandError(`${target} was not written: ${messageOf(cause)}`, {
      cause,
    });
  }
  const own = backend === undefined ? null : join(target, OWN_BACKENDS, basename(backend));
  const files = readdirSync(target, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return {
    target,
    version: VERSION,
    replaced: former ?? null,
    node: nodeVersion,
    files: files.map((entry) => join(entry.parentPath, entry.name)).toSorted(),
    next: nextSteps(target, former !== undefined, own),
  };
}

function checkedMgrDir(mgrDir: string): string {
  const folder = resolve(mgrDir);
  if (!existsSync(folder))
    throw new CommandError(`--mgr-dir ${mgrDir}: there is no such folder; on packaged Ceph it is /usr/share/ceph/mgr`);
  if (!statSync(folder).isDirectory()) throw new CommandError(`--mgr-dir ${mgrDir}: not a folder`);
  // In the folder of another root it may be a link that holds only in there.
  if (lstatSync(join(folder, "mgr_module.py"), { throwIfNoEntry: false }) === undefined) {
    throw new CommandError(
      `--mgr-dir ${mgrDir}: not a Ceph manager's module folder (it has no mgr_module.py); on packaged Ceph it is /usr/share/ceph/mgr`,
    );
  }
  return folder;
}

/** dist/module, from dist (built) or src (unbuilt). */
function builtModule(): string {
  const candidates = [new URL("module/", ownFolder), new URL("../dist/module/", ownFolder)].map((url) =>
    fileURLToPath(url),
  );
  const found = candidates.find((path) => existsSync(join(path, "manifest.json")));
  if (found === undefined)
    throw new CommandError(`the module is not built: run npm run build (looked in ${candidates.join(" and ")})`);
  return found;
}

/** The version of the copy, which is what will run: a shim of snap or volta works only where it is, or starts another Node. */
function checkedNode(path: string, copy: string): string {
  const script = "process.version + ' ' + process.execPath";
  const { stdout, error } = spawnSync(copy, ["-p", script], { encoding: "utf8", timeout: 10_000 });
  const [, version, running] = /^v(\d+\.\d+\.\d+)(?: (.+))?$/m.exec(stdout ?? "") ?? [];
  if (version === undefined) {
    const why = error === undefined ? "" : ` (${error.message})`;
    throw new CommandError(
      `--node ${path}: a copy of it does not run as Node${why}; give the path of the binary itself`,
    );
  }
  if (nodeProblem(version) !== undefined)
    throw new CommandError(`--node ${path}: is Node ${version}; 22.18 or later is needed`);
  if (running !== realpathSync(copy))
    throw new CommandError(`--node ${path}: only starts another Node; give that one: ${running}`);
  return version;
}

/** The version of ours that is there; undefined when nothing is. Anything else is somebody else's and stays. */
function formerVersion(target: string): string | undefined {
  const stat = lstatSync(target, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.isSymbolicLink())
    throw new CommandError(`${target} is a link, which install does not replace: remove it first`);
  const version = stat.isDirectory() ? manifestVersion(join(target, "manifest.json")) : undefined;
  if (version === undefined)
    throw new CommandError(`${target} exists and was not made by orchbridge install: move it away first`);
  return version;
}

function manifestVersion(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof manifest !== "object" || manifest === null || !("name" in manifest) || manifest.name !== moduleName)
      return undefined;
    return "version" in manifest ? String(manifest.version) : undefined;
  } catch {
    return undefined; // not JSON, so not our manifest
  }
}

/** What an install that was killed left behind. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /^\.orchbridge-(?:new|old)-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** The mgr runs as another user, so everybody may read, whatever the umask was at the build or is now. */
function copyModule(source: string, fresh: string): void {
  cpSync(source, fresh, { recursive: true, dereference: true });
  chmodSync(fresh, 0o755);
  for (const entry of readdirSync(fresh, { recursive: true, withFileTypes: true })) {
    const program = entry.isDirectory() || entry.name.endsWith(".sh");
    chmodSync(join(entry.parentPath, entry.name), program ? 0o755 : 0o644);
  }
}

function copyNode(path: string, fresh: string): string {
  const folder = join(fresh, "bin");
  mkdirSync(folder, { mode: 0o755 });
  chmodSync(folder, 0o755);
  const copy = join(folder, "node");
  copyFileSync(realpathSync(path), copy, constants.COPYFILE_FICLONE);
  chmodSync(copy, 0o755);
  return copy;
}

/** The host agent's unit runs it from where it is installed, by the Node that is there or that runs this. */
function pointUnit(fresh: string, target: string, node: string): void {
  const unit = join(fresh, agentUnit);
  const words = [node, join(target, "js/agent.mjs")].map((path) => `"${path.replaceAll("%", "%%")}"`);
  writeFileSync(
    unit,
    readFileSync(unit, "utf8").replace(/^ExecStart=.*$/m, () => `ExecStart=${words.join(" ")}`),
  );
}

/** A rename cannot replace a folder that has files, so the former one steps aside; it comes back if the new one cannot take its place. */
function replace(target: string, fresh: string, aside: string): void {
  const hadFormer = existsSync(target);
  if (hadFormer) renameSync(target, aside);
  try {
    renameSync(fresh, target);
  } catch (error) {
    if (hadFormer) renameSync(aside, target);
    throw error;
  }
  rmSync(aside, { recursive: true, force: true });
}
