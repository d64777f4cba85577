/**
 * The rolling restart onto the installed programs. Each round looks at what runs, and does one step towards what is wanted;
 * so a round may be the first of a new process, after the death of the former one at any point.
 */
import { DAEMON_TYPES } from "../../../agent/client.ts";
import { isOrchestratorError, UnavailableError } from "../../../index.ts";
import { readMgrMap, readOsdMap, versionsInMaps } from "../ceph-maps.ts";
import { isPaused } from "../control.ts";
import { type Left, Rounds } from "../rounds.ts";
import type { Site } from "../site.ts";
import { left, nextOf, type VersionedDaemon, versionedDaemons } from "./daemons.ts";
import { putFileSystemsBack, putNooutBack, setNoout } from "./flags.ts";
import { whatIsMissing, whyNotYet } from "./gates.ts";
import { tellHealth } from "./health.ts";
import { changeUpgrade, readUpgrade, type UpgradeError, type UpgradeRecord } from "./record.ts";
import { majorOf, releaseOf } from "./versions.ts";

/** When a restarted daemon counts as one that does not come back. */
export interface Patience {
  readonly ms: number;
  /** So often it may end by itself: some releases abort at a few of a hundred starts. */
  readonly crashes: number;
}

const PATIENCE: Patience = { ms: 600_000, crashes: 5 };

/** So often the active mgr is failed over; more often means that no new one stays active. */
const FAILOVERS = 3;

/** The module that this backend works for, which the next active mgr has to be able to run. */
const MODULE = "orchbridge";

export class Upgrade {
  readonly rounds: Rounds;
  readonly #site: Site;
  readonly #patience: Patience;
  /** What the round that runs waits for, for people, and what the last one did. */
  #reason: string | null = null;
  #waiting: string | null = null;

  constructor(site: Site, patience: Patience = PATIENCE) {
    this.#site = site;
    this.#patience = patience;
    this.rounds = new Rounds("upgrade", site.log, async () => {
      this.#reason = null;
      const rest = await this.#round();
      this.#waiting = this.#reason;
      return rest;
    });
  }

  /** What it waits for at present; null when it goes on or rests. */
  get waiting(): string | null {
    return this.rounds.failure ?? this.#waiting;
  }

  async #round(): Promise<Left> {
    const upgrade = await readUpgrade(this.#site);
    await tellHealth(this.#site, upgrade);
    if (upgrade === undefined) return this.#putBack();
    // By its own pause, or with all background work.
    const all = await isPaused(this.#site);
    const paused = upgrade.paused || all;
    if (upgrade.current !== null) return this.#follow({ ...upgrade, paused }, upgrade.current);
    if (!paused) return this.#goOn(upgrade);
    await putNooutBack(this.#site); // a pause may last; an OSD that is lost meanwhile has to be made good for
    if (all) this.#reason = "paused with all background work; 'ceph orch resume' lets it go on";
    return "nothing";
  }

  async #goOn(upgrade: UpgradeRecord): Promise<Left> {
    const daemons = await versionedDaemons(this.#site);
    const candidates = upgrade.done.length < upgrade.total ? left(upgrade, daemons) : [];
    const starting = candidates.find(({ state }) => state === "starting");
    if (starting !== undefined) return this.#wait(`${starting.name} is starting`);
    const next = await nextOf(this.#site, candidates);
    await this.#prepareFor(upgrade, next);
    if (next === undefined) return this.#finish(upgrade);
    if (next.type === "mgr" && (await this.#failOver(upgrade, next))) return "more";
    const reason = await whyNotYet(this.#site, next);
    if (reason !== null) return this.#wait(reason);
    return this.#restart(upgrade, next);
  }

  /** Sets what the next daemon needs, and puts back what only those before it needed. */
  async #prepareFor(upgrade: UpgradeRecord, next: VersionedDaemon | undefined): Promise<void> {
    if (next?.type === "osd") await setNoout(this.#site);
    else await putNooutBack(this.#site);
    if (next?.type !== "mds") await putFileSystemsBack(this.#site);
    if (next === undefined || DAEMON_TYPES.indexOf(next.type) > DAEMON_TYPES.indexOf("osd"))
      await this.#requireRelease(upgrade.version);
  }

  /** From then on the cluster uses what only the new OSDs know, and lets no older one in. */
  async #requireRelease(version: string): Promise<void> {
    const release = releaseOf(version);
    const map = await readOsdMap(this.#site);
    if (release === undefined || map.require_osd_release === release) return;
    const up = map.osds.filter((osd) => osd.up === 1);
    const told = await versionsInMaps(this.#site, "osd");
    const isNew = ({ osd }: { osd: number }): boolean => majorOf(told.get(String(osd)) ?? "0") >= majorOf(version);
    if (up.length > 0 && up.every(isNew)) await this.#site.mon({ prefix: "osd require-osd-release", release });
  }

  /** Leaves the old active mgr, with which this process ends, for a standby of the new version, where there is one. */
  async #failOver(upgrade: UpgradeRecord, next: VersionedDaemon): Promise<boolean> {
    const { active_name: active, standbys } = await readMgrMap(this.#site);
    if (active !== next.id) return false;
    const told = await versionsInMaps(this.#site, "mgr");
    const fresh = standbys.filter(({ name }) => told.get(name) === upgrade.version);
    if (fresh.length === 0) return false; // the agent restarts the only one, though this process ends with it
    const problems = fresh.map(({ name, available_modules: modules }) => {
      const own = modules.find((module) => module.name === MODULE);
      return own?.can_run === true ? undefined : `mgr.${name}: ${own?.error_string ?? "it does not have it"}`;
    });
    if (!problems.includes(undefined)) {
      return this.#pause(upgrade, {
        check: "UPGRADE_NO_STANDBY_MGR",
        summary: `no upgraded mgr can run the module ${MODULE}`,
        detail: `Nothing would go on after a fail-over from mgr.${active}. ${problems.join("; ")}`,
      });
    }
    if (upgrade.failovers >= FAILOVERS) {
      return this.#pause(upgrade, {
        check: "UPGRADE_NO_STANDBY_MGR",
        summary: "no upgraded mgr stays active",
        detail: `mgr.${active} was failed over ${FAILOVERS} times and is active again with its old version`,
      });
    }
    await this.#change(upgrade, (record) => ({ ...record, failovers: record.failovers + 1 }));
    this.#site.log.info(`upgrade: failing over from mgr.${active} to a mgr of ${upgrade.version}`);
    await this.#site.mon({ prefix: "mgr fail", who: active });
    return true;
  }

  async #restart(upgrade: UpgradeRecord, { name, pid, crashes }: VersionedDaemon): Promise<Left> {
    const since = new Date().toISOString();
    // Of two processes that come here, one writes it; the other follows the daemon that stands there then.
    const after = await this.#change(upgrade, (record) =>
      record.current !== null || record.paused ? undefined : { ...record, current: { name, pid, crashes, since } },
    );
    if (after?.current?.since !== since) return "more";
    this.#site.log.info(`upgrade: restarting ${name} with ${upgrade.version}`);
    return this.#act(upgrade, name);
  }

  /** Sees the daemon that is being restarted through to the end, also while the upgrade is paused. */
  async #follow(upgrade: UpgradeRecord, current: NonNullable<UpgradeRecord["current"]>): Promise<Left> {
    const daemons = await versionedDaemons(this.#site);
    const daemon = daemons.find(({ name }) => name === current.name);
    if (daemon === undefined || daemon.desired === "stopped") return this.#drop(upgrade); // removed or stopped meanwhile
    const untouched = daemon.pid !== null && daemon.pid === current.pid;
    if (untouched && daemon.state !== "stopping" && !upgrade.paused) return this.#act(upgrade, daemon.name);
    if (untouched && upgrade.paused) return this.#drop(upgrade);
    const problem = this.#problemOf(daemon, upgrade, current);
    if (problem !== undefined) return this.#giveUp(upgrade, daemon.name, problem);
    const missing = await whatIsMissing(this.#site, daemon, upgrade.version);
    if (missing !== null) {
      const waited = Date.now() - Date.parse(current.since);
      if (waited > this.#patience.ms) return this.#giveUp(upgrade, daemon.name, `after ${waited / 1000} s: ${missing}`);
      return this.#wait(missing);
    }
    await this.#change(upgrade, (record) =>
      record.current?.name === current.name
        ? { ...record, current: null, done: [...new Set([...record.done, current.name])], error: null }
        : undefined,
    );
    this.#site.log.info(`upgrade: ${daemon.name} runs ${upgrade.version}`);
    return "more";
  }

  /** Why it is no use to wait on. */
  #problemOf(
    { name, state, runs, crashes, last_exit: exit, version }: VersionedDaemon,
    upgrade: UpgradeRecord,
    current: NonNullable<UpgradeRecord["current"]>,
  ): string | undefined {
    const said = exit === null ? "" : `: ${exit}`;
    if (state === "failed") return `${name} could not be started${said}`;
    if (crashes - current.crashes >= this.#patience.crashes)
      return `${name} ended ${crashes - current.crashes} times by itself${said}`;
    // What the process says itself, not what its forerunner told the monitors.
    if (state === "running" && version !== null && runs !== upgrade.version)
      return `${name} was restarted and runs ${runs}, not ${upgrade.version}: the installed programs have changed`;
    return undefined;
  }

  async #act(upgrade: UpgradeRecord, name: VersionedDaemon["name"]): Promise<Left> {
    try {
      await this.#site.agent.request("daemon/act", { name, action: "restart" });
      return "more";
    } catch (error) {
      if (!isOrchestratorError(error) || error instanceof UnavailableError) throw error;
      return this.#giveUp(upgrade, name, error.message);
    }
  }

  async #giveUp(upgrade: UpgradeRecord, name: string, reason: string): Promise<Left> {
    const summary = `upgrading ${name} to ${upgrade.version} failed`;
    await this.#pause(upgrade, { check: "UPGRADE_REDEPLOY_DAEMON", summary, detail: reason });
    return "more";
  }

  async #pause(upgrade: UpgradeRecord, error: UpgradeError): Promise<true> {
    const text = `upgrade paused: ${error.summary}: ${error.detail}`;
    if (!upgrade.paused || upgrade.error === null) this.#site.log.error(text);
    await this.#change(upgrade, (record) => ({ ...record, paused: true, current: null, error }));
    return true;
  }

  async #drop(upgrade: UpgradeRecord): Promise<Left> {
    await this.#change(upgrade, (record) => ({ ...record, current: null }));
    return "more";
  }

  async #finish(upgrade: UpgradeRecord): Promise<Left> {
    await this.#change(upgrade, () => null);
    this.#site.log.info(`upgrade to ${upgrade.version}: complete, ${upgrade.done.length} daemons restarted`);
    return "more";
  }

  async #putBack(): Promise<Left> {
    await putNooutBack(this.#site);
    await putFileSystemsBack(this.#site);
    return "nothing";
  }

  #wait(reason: string): Left {
    this.#reason = reason;
    return "more";
  }

  #change(
    { id }: UpgradeRecord,
    change: (record: UpgradeRecord) => UpgradeRecord | null | undefined,
  ): Promise<UpgradeRecord | undefined> {
    return changeUpgrade(this.#site, id, change);
  }
}
