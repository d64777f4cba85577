/** Brings a daemon's definition onto this host: everything is checked first, then its files, then the manifest, then its start. */
import { existsSync, rmSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { OrchestratorError, ValidationError } from "../index.ts";
import { checkFileNames, type Definition, differing, filesOf, makeFolder, writeFiles } from "./daemon-files.ts";
import { typeAndId } from "./launch-plan.ts";
import type { ManifestEntry } from "./manifest.ts";
import { hasStore, makeStore } from "./mon-store.ts";
import { commandLine } from "./process-table.ts";
import type { AgentSettings } from "./settings.ts";
import { takenPorts } from "./sockets.ts";
import type { Supervised } from "./supervised.ts";
import type { Supervision } from "./supervision.ts";

/**
 * Deploys it. The same definition again changes nothing. What it runs with changed: it is restarted, unless it is to be stopped;
 * where only the books changed, as its service and its labels, it runs on.
 */
export async function deployDaemon(
  definition: Definition,
  daemon: Supervised,
  settings: AgentSettings,
  site: Supervision,
): Promise<void> {
  const former = site.manifest.get(definition.name);
  check(definition, former, site);
  const folder = site.plans.folderOf(definition.name, former);
  const changed = differing(folder, filesOf(definition));
  if (former !== undefined && changed.length === 0 && isSame(former, definition)) return;
  const made = await lay(definition, folder, settings, site);
  try {
    await site.manifest.put(definition.name, entryOf(definition, former));
  } catch (error) {
    // As if it had never been asked for.
    if (made) rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  if (former?.desired === "stopped") return;
  if (former !== undefined && changed.length === 0 && runsAlike(former, definition)) return;
  await daemon.stop();
  await daemon.forgive();
  await daemon.start();
}

function check(definition: Definition, former: ManifestEntry | undefined, site: Supervision): void {
  const { name } = definition;
  if (former !== undefined && former.removing !== null) throw new OrchestratorError(`${name} is being removed`);
  const kind = site.plans.kindOf(name);
  checkFileNames(definition, kind);
  site.plans.programOf(name, former);
  site.plans.ownerOf(name);
  const folder = site.plans.folderOf(name, former);
  if (kind.prepared === "osd/prepare" && !existsSync(folder))
    throw new ValidationError(`${name} has no folder ${folder}: osd/prepare makes it, on the OSD's devices`);
  if (kind.prepared === "mkfs" && definition.mon === undefined && !hasStore(folder))
    throw new ValidationError(
      `daemon/deploy daemon.mon: ${name} has no store in ${folder} yet, so what it is made from is needed`,
    );
  if (former !== undefined) return;
  const stray = site.findStray(name);
  if (stray !== undefined)
    throw new ValidationError(
      `${name} runs already (pid ${stray.identity.pid}), and the agent did not start it: daemon/adopt takes it over`,
    );
  checkPorts(definition, site);
}

/** A port is taken by a process, or promised to another daemon that may be stopped just now. */
function checkPorts({ name, ports }: Definition, { manifest }: Supervision): void {
  for (const other of manifest.names()) {
    const port = manifest.get(other)?.ports.find((promised) => ports.includes(promised));
    if (port !== undefined && other !== name)
      throw new ValidationError(`${name}: port ${port} is taken by ${other}; choose another one`);
  }
  const [taken] = takenPorts(ports);
  if (taken === undefined) return;
  const { port, pid } = taken;
  const who = pid === undefined ? "another process" : `${commandLine(pid)[0] ?? "a process"} (pid ${pid})`;
  throw new ValidationError(`${name}: port ${port} is taken by ${who}; choose another one`);
}

/** Writes its folder; gives whether it had none before. */
async function lay(
  definition: Definition,
  folder: string,
  settings: AgentSettings,
  site: Supervision,
): Promise<boolean> {
  const { name } = definition;
  const owner = site.plans.ownerOf(name);
  const existed = existsSync(folder);
  try {
    if (site.plans.kindOf(name).prepared === "mkfs" && !hasStore(folder))
      await mkfs(definition, folder, settings, site);
    else makeFolder(folder, owner);
    await writeFiles(folder, filesOf(definition), owner);
  } catch (error) {
    if (!existed) rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return !existed;
}

async function mkfs(
  { name, mon }: Definition,
  folder: string,
  { conf, dataDir }: AgentSettings,
  { plans }: Supervision,
): Promise<void> {
  if (mon === undefined) return;
  await makeStore({
    id: typeAndId(name).id,
    folder,
    dataDir,
    conf,
    owner: plans.ownerOf(name),
    user: plans.userOf(name)?.name,
    program: plans.programOf(name),
    source: mon,
  });
}

function isSame(entry: ManifestEntry, definition: Definition): boolean {
  const { service, labels } = entry;
  return (
    isDeepStrictEqual({ service, labels }, { service: definition.service, labels: definition.labels }) &&
    runsAlike(entry, definition)
  );
}

/** Whether what the daemon runs with is the same, its files aside. */
function runsAlike({ ports, address, labels }: ManifestEntry, definition: Definition): boolean {
  return isDeepStrictEqual(
    { ports, address, config: labels["config"] },
    { ports: definition.ports, address: definition.address ?? null, config: definition.labels["config"] },
  );
}

function entryOf({ service, labels, ports, address }: Definition, former: ManifestEntry | undefined): ManifestEntry {
  const now = new Date().toISOString();
  return {
    service,
    labels,
    ports,
    address: address ?? null,
    desired: former?.desired ?? "running",
    created: former?.created ?? now,
    deployed: now,
    adopted: former?.adopted ?? null,
    removing: null,
  };
}
