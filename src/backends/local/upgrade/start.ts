/** What has to be true before an upgrade may start, and the record it starts with. */
import { DAEMON_TYPES, type DaemonType } from "../../../agent/client.ts";
import { OrchestratorError, type ParamsOf, ValidationError } from "../../../index.ts";
import { readMgrMap, readMons, versionsInMaps } from "../ceph-maps.ts";
import { readHost } from "../hosts/record.ts";
import type { Site } from "../site.ts";
import { concerns, left, tellsVersion, type VersionedDaemon, versionedDaemons } from "./daemons.ts";
import type { UpgradeRecord } from "./record.ts";
import { targetFor } from "./target.ts";
import { compareVersions, whyNoJump } from "./versions.ts";

const EBUSY = 16;

type StartParams = ParamsOf<"upgradeStart">;

/** The record of an upgrade that was asked for, all of it checked. */
export async function newUpgrade(site: Site, id: string, params: StartParams): Promise<UpgradeRecord> {
  const { maintenance } = await readHost(site);
  if (maintenance) throw new OrchestratorError("the host is in maintenance; leave that first", { errno: EBUSY });
  const daemons = await versionedDaemons(site);
  const scope = await scopeOf(site, params, daemons);
  const concerned = daemons.filter((daemon) => concerns(scope, daemon));
  const version = await targetFor(site, params, new Set(concerned.map(({ type }) => type)));
  for (const { name, runs } of daemons) {
    const reason = runs === null || compareVersions(runs, version) === 0 ? undefined : whyNoJump(runs, version);
    if (reason !== undefined) throw new ValidationError(`${name}: ${reason}`);
  }
  const old = concerned.some((daemon) => tellsVersion(daemon) && daemon.runs !== version);
  const named = scope.types !== null || scope.services !== null;
  const upgrade: UpgradeRecord = {
    ...scope,
    id,
    version,
    total: 0,
    done: [],
    // They bring nothing new when nothing else is old, unless they were asked for.
    unversioned: concerned.filter((daemon) => !tellsVersion(daemon) && (old || named)).map(({ name }) => name),
    paused: false,
    error: null,
    current: null,
    failovers: 0,
  };
  const candidates = left(upgrade, daemons);
  refuseOutOfOrder(scope, candidates, daemons, version);
  await refuseUnmanaged(site, daemons, version, !named);
  return { ...upgrade, total: Math.min(candidates.length, params.limit ?? Number.POSITIVE_INFINITY) };
}

type Scope = Pick<UpgradeRecord, "types" | "services" | "hosts">;

async function scopeOf(
  site: Site,
  { daemon_types: types, services, hosts, limit }: StartParams,
  daemons: readonly VersionedDaemon[],
): Promise<Scope> {
  if (types !== null && services !== null) throw new ValidationError("daemon_types and services exclude each other");
  if (limit !== null && limit < 1) throw new ValidationError(`limit ${limit} is below 1`);
  const unknown = (types ?? []).filter((type) => !DAEMON_TYPES.includes(type as DaemonType));
  if (unknown.length > 0)
    throw new ValidationError(`${unknown.join(", ")} cannot be upgraded; daemon types are ${DAEMON_TYPES.join(", ")}`);
  for (const service of services ?? []) {
    if (!daemons.some((daemon) => daemon.service === service))
      throw new ValidationError(`service ${service} has no daemons; 'ceph orch ls' lists the services`);
  }
  const names = hosts?.split(/[\s,;]+/).filter((name) => name !== "") ?? null;
  for (const name of names ?? []) await site.checkHost(name);
  return { types, services, hosts: names };
}

/** With part of the daemons chosen, none may overtake the types that go before it. */
function refuseOutOfOrder(
  { types, services }: Scope,
  candidates: readonly VersionedDaemon[],
  daemons: readonly VersionedDaemon[],
  version: string,
): void {
  if (types === null && services === null) return;
  const last = Math.max(...candidates.map(({ type }) => DAEMON_TYPES.indexOf(type)));
  const chosen = new Set(candidates.map(({ name }) => name));
  const before = daemons.filter(
    (daemon) =>
      DAEMON_TYPES.indexOf(daemon.type) < last &&
      tellsVersion(daemon) &&
      daemon.runs !== version &&
      daemon.desired === "running" &&
      !chosen.has(daemon.name),
  );
  if (before.length === 0) return;
  throw new ValidationError(
    `Cannot start upgrade. Daemons of types earlier in the upgrade order need upgrading first: ${before.map(({ name }) => name).join(", ")}`,
  );
}

/**
 * Old ones that the agent cannot restart would be overtaken by the others: mons and mgrs always, since they come first; of the
 * other types those on this host, unless part of the daemons was chosen, which has an order of its own.
 */
async function refuseUnmanaged(
  site: Site,
  daemons: readonly VersionedDaemon[],
  version: string,
  isWhole: boolean,
): Promise<void> {
  const [mons, mgrs] = [await readMons(site), await readMgrMap(site)];
  const living = {
    mon: mons.all,
    mgr: [mgrs.active_name, ...mgrs.standbys.map(({ name }) => name)].filter((name) => name !== ""),
  };
  const foreign = daemons.filter(({ state }) => state === "foreign");
  const here = foreign
    .filter((daemon) => tellsVersion(daemon) && daemon.runs !== version && (isWhole || daemon.type in living))
    .map(({ name, runs }) => ({ name: String(name), runs }));
  const elsewhere: typeof here = [];
  for (const [type, ids] of Object.entries(living)) {
    const away = ids.filter((id) => !daemons.some(({ name }) => name === `${type}.${id}`));
    const told = away.length === 0 ? new Map<string, string>() : await versionsInMaps(site, type);
    const named = away.map((id) => ({ name: `${type}.${id}`, runs: told.get(id) ?? null }));
    elsewhere.push(...named.filter(({ runs }) => runs !== version));
  }
  refuseOld(
    "Not started by the agent",
    here,
    version,
    `'ceph orch daemon redeploy ${here[0]?.name}' lets it take over`,
  );
  refuseOld("Not on this host", elsewhere, version, "restart them where they were started");
}

function refuseOld(
  what: string,
  old: readonly { readonly name: string; readonly runs: string | null }[],
  version: string,
  cure: string,
): void {
  if (old.length === 0) return;
  const list = old.map(({ name, runs }) => `${name} (${runs ?? "unknown"})`).join(", ");
  throw new ValidationError(`Cannot start upgrade. ${what}, and not of ${version}: ${list}; ${cure}`);
}
