/** What this host has: the installed binary of each type of daemon, and what can be done here. */
import { existsSync, readdirSync } from "node:fs";

import { DAEMON_KINDS, programPath } from "../daemon-types.ts";
import type { HostDescription } from "../handlers.ts";
import { DAEMON_TYPES, type DaemonType } from "../protocol.ts";
import { type AgentSettings, rootOf } from "../settings.ts";
import { abilities } from "./abilities.ts";
import { firstProblem } from "./first-problem.ts";
import { notInstalled, runAny } from "./programs.ts";

type Binary = HostDescription["binaries"][DaemonType];

/** Probed anew each time: packages come and go. */
export async function describeHost(settings: AgentSettings): Promise<HostDescription> {
  const entries = await Promise.all(DAEMON_TYPES.map(async (type) => [type, await binary(settings, type)] as const));
  return {
    binaries: Object.fromEntries(entries) as HostDescription["binaries"],
    abilities: await abilities(settings),
  };
}

async function binary(settings: AgentSettings, type: DaemonType): Promise<Binary> {
  const root = rootOf(settings, type);
  const name = DAEMON_KINDS[type].binary;
  const path = programPath(name, root);
  if (path === undefined) return { path: name, version: null, problem: notInstalled(name, root) };
  const problem = type === "nfs" ? ganeshaProblem(root) : null;
  // ceph-crash is a script that knows no --version; it and this tool are of one source package.
  const asked = type === "crash" ? programPath("ceph-conf", root) : path;
  if (asked === undefined) return { path, version: null, problem };
  const { code, stdout, stderr } = await runAny(asked, [type === "nfs" ? "-v" : "--version"], {
    root,
    timeoutMs: 20_000,
  });
  const version = versionIn(`${stdout}\n${stderr}`);
  if (version === null)
    return { path, version, problem: `${path} does not tell its version: ${firstProblem(stderr, code)}` };
  return { path, version, problem };
}

/** Ganesha's part for CephFS is a package of its own. */
function ganeshaProblem(root: string | undefined): string | null {
  const libraries = `${root ?? ""}/usr/lib`;
  const folders = existsSync(libraries) ? ["", ...readdirSync(libraries)] : [];
  if (folders.some((folder) => existsSync(`${libraries}/${folder}/ganesha/libfsalceph.so`))) return null;
  return "NFS-Ganesha's part for CephFS is not installed (package nfs-ganesha-ceph)";
}

/** `18.2.7` of `ceph version 18.2.7 (…) reef (stable)`, `6.5` of `NFS-Ganesha Release = V6.5`. */
export function versionIn(text: string): string | null {
  return /ceph version (\d+\.\d+\.\d+\S*)/.exec(text)?.[1] ?? /Release = V(\d[\w.]*)/.exec(text)?.[1] ?? null;
}
