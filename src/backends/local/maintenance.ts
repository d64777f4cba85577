/**
 * Maintenance: every daemon of the host is stopped but its mons and mgrs, which are what serves `ceph orch host maintenance
 * exit` where there is no other host.
 */
import { z } from "zod";

import { DAEMON_TYPES, type Daemon } from "../../agent/client.ts";
import { type Backend, OrchestratorError, ValidationError } from "../../index.ts";
import { crushName } from "./hosts/methods.ts";
import { objections } from "./hosts/ok-to-stop.ts";
import { changeHost, type HostRecord, readHost } from "./hosts/record.ts";
import { type Left, Rounds } from "./rounds.ts";
import type { Site } from "./site.ts";

const EBUSY = 16;

const flags = z.object({ crush_node_flags: z.record(z.string(), z.array(z.string())).default({}) });

export class Maintenance {
  readonly rounds: Rounds;
  readonly #site: Site;
  readonly #changed: () => void;
  /** Says why an upgrade stands in the way, null when none does. */
  readonly #upgrade: () => Promise<string | null>;

  /** `changed` tells the other parts when the host came to rest or woke. */
  constructor(site: Site, options: { changed: () => void; upgrade: () => Promise<string | null> }) {
    this.#site = site;
    this.#changed = options.changed;
    this.#upgrade = options.upgrade;
    this.rounds = new Rounds("maintenance", site.log, () => this.#round());
  }

  writes() {
    return {
      enterHostMaintenance: async ({ hostname, force, yes_i_really_mean_it: really }, call) => {
        await this.#site.checkHost(hostname);
        if (really && !force) throw new ValidationError("--yes-i-really-mean-it needs --force");
        const { maintenance } = await readHost(this.#site);
        const text = `Daemons for Ceph cluster ${this.#site.ceph.fsid} stopped on host ${hostname}. Host ${hostname} moved to maintenance mode`;
        if (call.resumed && !maintenance) return text; // left again meanwhile
        if (!maintenance) await this.#check(hostname, force, really);
        await changeHost(this.#site, (record) => ({ ...record, maintenance: true }));
        this.#changed();
        return call.persisted(text, (operation) => this.rounds.until(operation, () => this.#untilResting()));
      },
      exitHostMaintenance: async ({ hostname }, call) => {
        await this.#site.checkHost(hostname);
        const record = await readHost(this.#site);
        const text = `Ceph cluster ${this.#site.ceph.fsid} on ${hostname} has exited maintenance mode`;
        if (call.resumed && record.maintenance) return text; // entered again meanwhile
        if (!record.maintenance && !call.resumed && isAwake(record))
          throw new ValidationError(`host ${hostname} is not in maintenance mode`);
        await changeHost(this.#site, (before) => ({ ...before, maintenance: false }));
        this.#changed();
        return call.persisted(text, (operation) => this.rounds.until(operation, () => this.#untilAwake()));
      },
    } satisfies Backend;
  }

  async #check(hostname: string, force: boolean, really: boolean): Promise<void> {
    if (really) return;
    const upgrade = await this.#upgrade();
    if (upgrade !== null)
      throw new OrchestratorError(`host ${hostname} does not enter maintenance: ${upgrade}`, { errno: EBUSY });
    const daemons = await this.#site.agent.request("daemon/list", {});
    const { unsafe, warnings } = await objections(
      this.#site,
      daemons.filter((daemon) => mayRest(daemon)),
    );
    const foreign = daemons.filter((daemon) => !KEPT.has(daemon.type) && daemon.state === "foreign");
    const left = foreign.map(({ name }) => `${name} is not run by the agent and would go on`);
    // Up to Pacific there is one flag for both.
    const harmless = force && this.#site.ceph.release === "pacific";
    const reasons = harmless ? [] : force ? unsafe : [...unsafe, ...warnings, ...left];
    if (reasons.length === 0) return;
    const flag =
      unsafe.length > 0 && this.#site.ceph.release !== "pacific" ? "--force --yes-i-really-mean-it" : "--force";
    throw new OrchestratorError(`${reasons.join("; ")}\nNote: ${flag} does it all the same`, { errno: EBUSY });
  }

  async #round(): Promise<Left> {
    const record = await readHost(this.#site);
    return record.maintenance ? this.#rest(record) : this.#wake(record);
  }

  /** The flag comes first, so that no data begins to move because of the stopped OSDs. */
  async #rest(record: HostRecord): Promise<Left> {
    const daemons = await this.#site.agent.request("daemon/list", {});
    if (daemons.some(({ type }) => type === "osd")) await this.#setNoout(record);
    const awake = daemons.filter((daemon) => mayRest(daemon) && daemon.desired === "running").toSorted(clientsFirst);
    if (awake.length === 0) return "nothing";
    // Written before they are stopped: who dies in between still knows what to start again.
    await changeHost(this.#site, (before) => ({
      ...before,
      resting: [...new Set([...before.resting, ...awake.map(({ name }) => name)])],
    }));
    for (const { name } of awake) await this.#site.agent.request("daemon/act", { name, action: "stop" });
    return "more";
  }

  async #wake(record: HostRecord): Promise<Left> {
    if (isAwake(record)) return "nothing";
    const daemons = await this.#site.agent.request("daemon/list", {});
    const resting = daemons.filter(({ name, desired }) => desired === "stopped" && record.resting.includes(name));
    for (const { name } of resting.toSorted((one, other) => clientsFirst(other, one)))
      await this.#site.agent.request("daemon/act", { name, action: "start" });
    if (record.noout !== null) await this.#site.mon({ prefix: "osd unset-group", flags: "noout", who: [record.noout] });
    // A daemon that rests again meanwhile, because maintenance was entered again, stays in the record.
    await changeHost(this.#site, (before) =>
      before.maintenance ? undefined : { ...before, resting: [], noout: null },
    );
    return "nothing";
  }

  /** A flag that the operator had set stays after maintenance, too. */
  async #setNoout(record: HostRecord): Promise<void> {
    const node = crushName(await this.#site.hostname());
    const { crush_node_flags: set } = await this.#site.monJson({ prefix: "osd dump" }, flags);
    if (set[node]?.includes("noout") === true) return;
    if (record.noout === null) await changeHost(this.#site, (before) => ({ ...before, noout: node }));
    await this.#site.mon({ prefix: "osd set-group", flags: "noout", who: [node] });
  }

  async #untilResting(): Promise<readonly [number, string] | null> {
    if (!(await readHost(this.#site)).maintenance) return null;
    const daemons = (await this.#site.agent.request("daemon/list", {})).filter((daemon) => mayRest(daemon));
    const running = daemons.filter(({ state, desired }) => desired === "running" || state === "stopping");
    if (running[0] === undefined) return null;
    return [1 - running.length / daemons.length, `stopping ${running[0].name}`];
  }

  async #untilAwake(): Promise<readonly [number, string] | null> {
    const record = await readHost(this.#site);
    if (record.maintenance) return null;
    if (!isAwake(record)) return [0, `starting ${record.resting[0] ?? "the host's daemons"}`];
    const daemons = await this.#site.agent.request("daemon/list", {});
    const starting = daemons.filter(({ state }) => state === "starting");
    if (starting[0] === undefined) return null;
    return [1 - starting.length / daemons.length, `starting ${starting[0].name}`];
  }
}

const KEPT: ReadonlySet<string> = new Set(["mon", "mgr"]);

function mayRest({ type, state }: Daemon): boolean {
  return !KEPT.has(type) && state !== "foreign";
}

function isAwake({ resting, noout }: HostRecord): boolean {
  return resting.length === 0 && noout === null;
}

/** Gateways and metadata servers go before the OSDs that they use. */
function clientsFirst(one: Daemon, other: Daemon): number {
  return DAEMON_TYPES.indexOf(other.type) - DAEMON_TYPES.indexOf(one.type);
}
