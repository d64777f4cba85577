/** Makes a monitor's store, once. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

import { OrchestratorError } from "../index.ts";
import { keyringFolder, makeFolder } from "./daemon-files.ts";
import { type FileOwner, writeDurably } from "./durable-file.ts";
import { cleanEnvironment } from "./launching.ts";
import { runProgram } from "./program.ts";
import type { CheckedParams } from "./protocol.ts";

const WITHIN_MS = 60_000;

export interface MonStore {
  readonly id: string;
  readonly folder: string;
  /** For the keyring while it is read. */
  readonly dataDir: string;
  readonly conf: string;
  readonly owner: FileOwner;
  /** As whom ceph-mon shall run; undefined for the agent's own user. */
  readonly user: string | undefined;
  /** The program, with what has to come before it. */
  readonly program: readonly [string, ...string[]];
  readonly source: NonNullable<CheckedParams<"daemon/deploy">["daemon"]["mon"]>;
}

/** Whether there is a store. */
export function hasStore(folder: string): boolean {
  return existsSync(join(folder, "store.db"));
}

/** Made beside its place and moved there whole, so that one whose making was interrupted is never started. */
export async function makeStore(store: MonStore): Promise<void> {
  const fresh = `${store.folder}.new`;
  const keyring = join(keyringFolder(store.dataDir), `mon.${store.id}.keyring`);
  rmSync(fresh, { recursive: true, force: true });
  try {
    makeFolder(fresh, store.owner);
    makeFolder(dirname(keyring), store.owner);
    await writeDurably(keyring, store.source.keyring, 0o600, store.owner);
    await mkfs(store, fresh, keyring);
    mkdirSync(dirname(store.folder), { recursive: true });
    rmSync(store.folder, { recursive: true, force: true });
    renameSync(fresh, store.folder);
  } finally {
    rmSync(keyring, { force: true });
    rmSync(fresh, { recursive: true, force: true });
  }
}

async function mkfs(store: MonStore, folder: string, keyring: string): Promise<void> {
  const { fsid, hosts } = store.source;
  const user = store.user === undefined ? [] : ["--setuser", store.user, "--setgroup", String(store.owner.gid)];
  const where = ["--conf", store.conf, "--mon-data", folder, "--keyring", keyring];
  const args = ["--mkfs", "--id", store.id, ...where, "--fsid", fsid, "--mon-host", hosts, ...user];
  const argv = [...store.program, ...args] as const;
  const { status, stderr } = await runProgram(argv, cleanEnvironment(store.dataDir), WITHIN_MS);
  if (status === 0) return;
  throw new OrchestratorError(
    `the store of mon.${store.id} was not made: ceph-mon --mkfs: ${firstError(stderr, status)}`,
  );
}

function firstError(stderr: string, status: number | string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => /error|fail|not|unable/i.test(line)) ?? lines.at(-1) ?? `it ended with ${status}`;
}
