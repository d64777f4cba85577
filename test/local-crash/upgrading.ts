/** An upgrade of a whole host from 16.2.15 to 18.2.7, its mon and mgrs too: its state, its end, and what then has to hold. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { type Release, until } from "../../testbed/cluster.ts";
import { ROOTED_TYPES } from "../../testbed/host.ts";
import type { LocalCluster } from "../ceph/local/local-cluster.ts";
import { lostData, unclean } from "./kept-data.ts";

export const [OLD, NEW] = ["16.2.15", "18.2.7"];

/** What all of it may take on a busy machine. */
export const UPGRADED_MS = 480_000;

interface Present {
  readonly current: { readonly name: string; readonly pid: number | null } | null;
  readonly done: readonly string[];
}

interface Manifest {
  readonly daemons: Readonly<Record<string, unknown>>;
  readonly records: { readonly upgrade?: Present; readonly "upgrade/undo"?: unknown };
}

/** The agent's manifest, which tells more, and sooner, than a manager that is being replaced. */
function manifestOf(at: LocalCluster): Manifest {
  return JSON.parse(readFileSync(join(at.cluster.dir, "host/var-lib-orchbridge/manifest.json"), "utf8")) as Manifest;
}

/** The upgrade that is under way, undefined when there is none. */
export function upgradeOf(at: LocalCluster): Present | undefined {
  return manifestOf(at).records.upgrade;
}

/** The pid of a daemon by the name that `ceph orch ps` shows. */
export function pidOf(at: LocalCluster, name: string): number | undefined {
  const pids = at.daemons();
  return pids[name] ?? pids[`client.${name}`];
}

/** By the operator's commands: the mon and the mgrs, which were there before the agent, become the agent's. */
export async function takeOver(at: LocalCluster): Promise<void> {
  for (const service of ["mgr", "mon"]) await at.ok(`orch redeploy ${service}`);
  const names = Object.keys(at.daemons()).filter((name) => /^(mon|mgr)\./.test(name));
  const before = new Map(names.map((name) => [name, pidOf(at, name)]));
  await at.eventually("the mon and the mgrs to be the agent's", async () => {
    const { daemons } = manifestOf(at);
    const rows = await at.read<{ daemon_name: string; created?: string; status_desc: string }[]>("orch ps");
    const own = rows.filter(({ daemon_name: name, created }) => before.has(name) && created !== undefined);
    const running = own.length === names.length && own.every(({ status_desc: status }) => status === "running");
    return (running && names.every((name) => name in daemons) && (await at.journalKeys()).length === 0) || undefined;
  });
}

/** Stands for the installation of a release's packages; null: of the cluster's first ones. */
export function install(at: LocalCluster, release: Release | null): void {
  for (const type of ROOTED_TYPES) at.agent.setInstalled(type, release);
}

/** Waits until the upgrade is over, and all that it changed for its time is put back. */
export async function untilUpgraded(at: LocalCluster): Promise<void> {
  await until(
    () => `the upgrade to be over; it is at ${JSON.stringify(upgradeOf(at))}\n${at.agent.log().slice(-3000)}`,
    UPGRADED_MS,
    () => {
      const { upgrade, "upgrade/undo": undo } = manifestOf(at).records;
      return (upgrade === undefined && undo === undefined) || undefined;
    },
    200,
  );
}

interface DaemonRow {
  readonly daemon_name: string;
  readonly status_desc: string;
  readonly version: string;
}

/** Waits until all daemons, of which there are so many, are as an upgrade leaves them. */
export async function allNew(at: LocalCluster, count: number): Promise<void> {
  let last = "";
  await until(
    () => `all daemons to be of ${NEW}; ${last}\n${at.agent.log().slice(-3000)}`,
    180_000,
    async () => {
      last = await whyNotNew(at, count).catch((error: unknown) => String(error));
      return last === "" || undefined;
    },
    500,
  );
}

/** What is not yet as an upgrade leaves it; empty when everything is. */
async function whyNotNew(at: LocalCluster, count: number): Promise<string> {
  const rows = await at.read<DaemonRow[]>("orch ps");
  const wrong = rows.filter(({ version, status_desc: status }) => version !== NEW || status !== "running");
  if (wrong.length > 0 || rows.length !== count)
    return `orch ps: ${rows.length} daemons; ${wrong.map((row) => `${row.daemon_name} ${row.version} ${row.status_desc}`).join(", ")}`;
  const versions = await at.mon<Record<string, Record<string, number>>>("versions");
  const old = Object.keys(versions["overall"] ?? {}).filter((text) => text.split(" ")[2] !== NEW);
  if (old.length > 0) return `the monitors still know ${old.join(", ")}`;
  const osdMap = await at.mon<{ require_osd_release: string; flags_set: string[] }>("osd dump");
  if (osdMap.require_osd_release !== "reef") return `require_osd_release is ${osdMap.require_osd_release}`;
  if (osdMap.flags_set.includes("noout")) return "noout is set";
  const journal = await at.journalKeys();
  if (journal.length > 0) return `the journal has ${journal.join(", ")}`;
  return (await unclean(at)) ?? "";
}

/** The promises about an upgrade that were not kept, of a host with the data of `keepData`. */
export async function brokenAfter(at: LocalCluster, count: number): Promise<string[]> {
  try {
    await untilUpgraded(at);
    await allNew(at, count);
    return (await lostData(at)).map((name) => `lost: ${name}`);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
