/** `ceph orch upgrade …`. */
import { DAEMON_TYPES } from "../../../agent/client.ts";
import { type Backend, OrchestratorError, type ParamsOf, type Persisted, ValidationError } from "../../../index.ts";
import type { Site } from "../site.ts";
import { completeTypes, left, tellsVersion, versionedDaemons } from "./daemons.ts";
import { beginUpgrade, changeUpgrade, endUpgrade, readUpgrade, type UpgradeRecord } from "./record.ts";
import { newUpgrade } from "./start.ts";
import { installedVersions, targetFor } from "./target.ts";
import type { Upgrade } from "./upgrade.ts";
import { compareVersions } from "./versions.ts";

export function upgradeReads(site: Site, upgrade: Upgrade) {
  return {
    async upgradeCheck({ image, version }) {
      const daemons = await versionedDaemons(site);
      const target = await targetFor(site, { image, version }, new Set(daemons.map(({ type }) => type)));
      const ceph = daemons.filter(tellsVersion);
      const old = ceph.filter(({ runs }) => runs !== target);
      const report = {
        needs_update: Object.fromEntries(old.map(({ name, runs }) => [name, { current_version: runs }])),
        up_to_date: ceph.filter(({ runs }) => runs === target).map(({ name }) => name),
        non_ceph_image_daemons: daemons.filter((daemon) => !tellsVersion(daemon)).map(({ name }) => name),
        target_name: target,
        target_version: `ceph version ${target}`,
      };
      return JSON.stringify(report, undefined, 4);
    },
    /** There is one source of versions: the packages that are installed on the host. */
    upgradeLs: ({ show_all_versions: all }) => versions(site, all),
    upgradeAvailable: async () => (await versions(site, false)).versions,
    async upgradeStatus() {
      const record = await readUpgrade(site);
      if (record === undefined) return { in_progress: false };
      const daemons = await versionedDaemons(site);
      const { fraction: _fraction, text } = progressOf(record, left(record, daemons).length);
      return {
        in_progress: true,
        target_image: record.version,
        which: whichOf(record),
        services_complete: completeTypes(record, daemons),
        progress: text,
        message: messageOf(record, upgrade.waiting, left(record, daemons)),
        is_paused: record.paused,
      };
    },
  } satisfies Backend;
}

export function upgradeWrites(site: Site, upgrade: Upgrade) {
  const until = async (id: string): Promise<readonly [number, string] | null> => {
    const record = await readUpgrade(site);
    if (record?.id !== id) return null;
    const open = left(record, await versionedDaemons(site));
    const { fraction, text } = progressOf(record, open.length);
    return [fraction, `${text}: ${messageOf(record, upgrade.waiting, open)}`];
  };
  return {
    async upgradeStart(params, call) {
      const running = await readUpgrade(site);
      if (call.resumed) {
        if (running === undefined || running.version !== (params.version ?? running.version))
          return `The upgrade to ${params.version ?? "it"} is over`;
        const text = running.id === call.id ? "Initiating upgrade to" : "Joined the upgrade to";
        return waiting(`${text} ${running.version}`, running.id);
      }
      const begun = running ?? (await beginUpgrade(site, named(params, await newUpgrade(site, call.id, params))));
      const id = begun?.id ?? call.id;
      const text =
        begun === undefined || id === call.id
          ? `Initiating upgrade to ${begun?.version ?? ""}`
          : await joined(site, upgrade, begun, params);
      return waiting(text, id);

      function waiting(result: string, upgradeId: string): Persisted<string> {
        upgrade.rounds.kick();
        return call.persisted(result, (operation) => upgrade.rounds.until(operation, () => until(upgradeId)));
      }
    },
    async upgradePause() {
      const { id, version } = await current(site);
      await changeUpgrade(site, id, (record) => ({ ...record, paused: true }));
      upgrade.rounds.kick();
      return `Paused upgrade to ${version}`;
    },
    async upgradeResume() {
      const { id, version } = await current(site);
      await resume(site, id);
      upgrade.rounds.kick();
      return `Resumed upgrade to ${version}`;
    },
    async upgradeStop() {
      const running = await readUpgrade(site);
      if (running === undefined) return "No upgrade in progress";
      await endUpgrade(site);
      upgrade.rounds.kick();
      return `Stopped upgrade to ${running.version}`;
    },
  } satisfies Backend;
}

/** What is installed against what runs: there is one source of versions, the host's packages. */
async function versions(site: Site, all: boolean) {
  const installed = await installedVersions(site);
  const daemons = (await versionedDaemons(site)).filter(tellsVersion);
  const running = new Set(daemons.flatMap(({ runs }) => (runs === null ? [] : [runs])));
  return {
    versions: [...new Set(installed.values())]
      .filter((version) => all || [...running].some((runs) => compareVersions(version, runs) > 0))
      .toSorted((one, other) => compareVersions(other, one)),
    installed: Object.fromEntries(installed),
    running: Object.fromEntries(daemons.map(({ name, runs }) => [name, runs])),
  };
}

/** Why the host may not enter maintenance because of an upgrade; null when it may. */
export async function whyUpgradeHinders(site: Site): Promise<string | null> {
  const upgrade = await readUpgrade(site);
  return upgrade === undefined
    ? null
    : `the upgrade to ${upgrade.version} is ${upgrade.paused ? "paused" : "in progress"}`;
}

async function current(site: Site): Promise<UpgradeRecord> {
  const record = await readUpgrade(site);
  if (record === undefined) throw new OrchestratorError("No upgrade in progress");
  return record;
}

/** A daemon that was being restarted is taken up as it is; the time it has begins anew, and so do the fail-overs. */
async function resume(site: Site, id: string): Promise<void> {
  await changeUpgrade(site, id, (record) => ({
    ...record,
    paused: false,
    error: null,
    failovers: 0,
    current: record.current === null ? null : { ...record.current, since: new Date().toISOString() },
  }));
}

/** As cephadm, an upgrade goes nowhere that was not named. */
function named({ image, version }: ParamsOf<"upgradeStart">, upgrade: UpgradeRecord): UpgradeRecord {
  if ((image ?? "") !== "" || version !== null) return upgrade;
  throw new ValidationError(`an upgrade needs a version: give --ceph-version ${upgrade.version}, which is installed`);
}

/** Asked for again, it is the same upgrade; its text tells so. */
async function joined(
  site: Site,
  upgrade: Upgrade,
  running: UpgradeRecord,
  { version, daemon_types: types, services, hosts, limit }: ParamsOf<"upgradeStart">,
): Promise<string> {
  if (version !== null && version !== running.version)
    throw new OrchestratorError(`Upgrade to ${running.version} (not ${version}) already in progress`);
  const other = { types, services, hosts: hosts === null ? null : [hosts] };
  const asked = types !== null || services !== null || hosts !== null || limit !== null;
  const same = JSON.stringify([running.types, running.services]) === JSON.stringify([other.types, other.services]);
  if (asked && !same)
    throw new OrchestratorError(
      `Cannot set daemon_types, services, hosts or limit while the upgrade to ${running.version} is in progress`,
    );
  if (!running.paused) return `Upgrade to ${running.version} in progress`;
  await resume(site, running.id);
  upgrade.rounds.kick();
  return `Resumed upgrade to ${running.version}`;
}

/** A daemon may get the new version without the upgrade's doing, by a restart of its own: that counts, too. */
function progressOf({ done, total }: UpgradeRecord, open: number): { fraction: number; text: string } {
  const count = Math.min(total, Math.max(done.length, total - open));
  return { fraction: total === 0 ? 1 : count / total, text: `${count}/${total} daemons upgraded` };
}

function messageOf(
  { paused, error, current: at }: UpgradeRecord,
  waiting: string | null,
  open: readonly { type: string }[],
): string {
  if (error !== null) return `Error: ${error.check}: ${error.summary}: ${error.detail}`;
  if (paused) return at === null ? "Upgrade paused" : `Upgrade paused; ${at.name} is still being restarted`;
  const type =
    at === null ? DAEMON_TYPES.find((one) => open.some((daemon) => daemon.type === one)) : at.name.split(".", 1)[0];
  const now = type === undefined ? "Finalizing upgrade" : `Currently upgrading ${type} daemons`;
  return waiting === null ? now : `${now}: ${waiting}`;
}

function whichOf({ types, services, hosts }: UpgradeRecord): string {
  const ofServices = services === null ? "all daemon types" : `daemons in service(s) ${services.join(",")}`;
  const what = types === null ? ofServices : `daemons of type(s) ${types.join(",")}`;
  return `Upgrading ${what} on ${hosts === null ? "all hosts" : `host(s) ${hosts.join(",")}`}`;
}
