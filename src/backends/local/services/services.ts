/** The background work on services: the difference between records and daemons gets done, one small step after the other. */
import { setTimeout } from "node:timers/promises";

import type { Daemon } from "../../../agent/client.ts";
import { messageOf, type PlaceableHost, type ServiceSpec } from "../../../index.ts";
import { readHost } from "../hosts/record.ts";
import { type Left, Rounds } from "../rounds.ts";
import type { Site } from "../site.ts";
import { act, type Outcome } from "./act.ts";
import { activeDaemons } from "./active.ts";
import { configOf, deploy } from "./deploy.ts";
import { dropIntent, type Intent, readIntents } from "./intents.ts";
import { readMons } from "./mon.ts";
import { prepare, unprepare } from "./prepare.ts";
import { changeService, readServices, type ServiceRecord, withEvent } from "./record.ts";
import { retire } from "./retire.ts";
import { daemonsOf, difference, type Planned, planOf, serviceOfDaemon } from "./wanted.ts";

/** So long a round waits for steps; those that take longer go on, and the next round leaves them alone. */
const ROUND_MS = 2000;

const RESTARTS: readonly Intent["action"][] = ["restart", "redeploy", "rotate-key"];

/** All that a round looks at, read once. */
export interface Present {
  readonly host: PlaceableHost;
  readonly daemons: readonly Daemon[];
  readonly active: ReadonlySet<string>;
}

export class Services {
  readonly rounds: Rounds;
  readonly #site: Site;
  /** Why the last step of a service, or of a daemon, failed. */
  readonly #failures = new Map<string, string>();
  readonly #running = new Map<string, Promise<void>>();
  /** What the last step of each service left. */
  readonly #left = new Map<string, Left>();
  /** What the wish for a daemon waits for, and why the last one for it was refused. */
  readonly #waits = new Map<string, string>();
  readonly #refusals = new Map<string, string>();

  constructor(site: Site) {
    this.#site = site;
    this.rounds = new Rounds("services", site.log, () => this.#round());
  }

  /** Why the last step for the service of this name, or for that of a daemon of this name, failed; undefined when it did not. */
  failure(name: string): string | undefined {
    return [...this.#failures].find(([service]) => name === service || name.startsWith(`${service}.`))?.[1];
  }

  /** What the wish for the daemon of this name waits for; undefined when for nothing. */
  waitsFor(daemon: string): string | undefined {
    return this.#waits.get(daemon);
  }

  /** Why the last wish for the daemon of this name was refused; undefined when it was not. */
  refusal(daemon: string): string | undefined {
    return this.#refusals.get(daemon);
  }

  async #round(): Promise<Left> {
    const { maintenance } = await readHost(this.#site);
    if (maintenance) return "nothing";
    const [records, intents, { daemons }] = await Promise.all([
      readServices(this.#site),
      readIntents(this.#site),
      readPresent(this.#site),
    ]);
    const wishes = Map.groupBy(intents, ([name]) => {
      const daemon = daemons.find((one) => one.name === name);
      return daemon === undefined ? name : serviceOfDaemon(daemon);
    });
    const names = new Set([...wishes.keys(), ...records.keys()]);
    for (const known of [this.#left, this.#failures])
      for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    for (const name of names) this.#begin(name, () => this.#service(name, records.get(name), wishes.get(name) ?? []));
    await Promise.race([Promise.all(this.#running.values()), setTimeout(ROUND_MS, undefined, { ref: false })]);
    return this.#running.size > 0 || [...this.#left.values()].includes("more") ? "more" : "nothing";
  }

  /** Services are worked on side by side, since a daemon may take a minute to stop; each by one step at a time. */
  #begin(name: string, step: () => Promise<Left>): void {
    if (this.#running.has(name)) return;
    const running = this.#step(name, step).then((left) => {
      this.#left.set(name, left);
      this.#running.delete(name);
    });
    this.#running.set(name, running);
  }

  /** A failure of one service does not hinder the others. */
  async #step(name: string, step: () => Promise<Left>): Promise<Left> {
    try {
      const left = await step();
      this.#failures.delete(name);
      return left;
    } catch (error) {
      const reason = messageOf(error);
      const known = this.#failures.get(name) === reason || this.#site.signal.aborted;
      this.#failures.set(name, reason);
      if (known) return "more";
      this.#site.log.error(`${name}: ${reason}`, { error });
      await this.#note(name, reason).catch((cause: unknown) => this.#site.log.warn(String(cause)));
      return "more";
    }
  }

  async #note(name: string, reason: string): Promise<void> {
    await changeService(this.#site, name, (record) =>
      record === undefined ? undefined : withEvent(record, "ERROR", reason),
    );
  }

  async #service(name: string, record: ServiceRecord | undefined, wishes: readonly Wish[]): Promise<Left> {
    const waits = await this.#intend(name, wishes);
    if (record === undefined || record.spec.service_type === "osd") return waits; // the OSDs' own rounds make those
    const left = await this.#converge(name, record);
    return waits === "more" ? waits : left;
  }

  /** What was asked for single daemons, one after the other: the next one is restarted when the cluster has the one before it again. */
  async #intend(service: string, wishes: readonly Wish[]): Promise<Left> {
    let left: Left = "nothing";
    const open: Daemon[] = [];
    for (const [name, intent] of wishes.toSorted(byTurn)) {
      const { daemons } = await readPresent(this.#site);
      const daemon = daemons.find((one) => one.name === name);
      const outcome = hasToWait(intent, open) ? LATER : await this.#act(service, name, daemon, intent);
      if (outcome.is !== "waiting" || daemon === undefined) continue;
      left = "more";
      if (RESTARTS.includes(intent.action)) open.push(daemon);
      // The next one may be that to which this one has just handed over.
      if (daemon.type === "mgr" && intent.begun === null && outcome !== LATER) break;
    }
    return left;
  }

  /** One step for one wish, which is dropped once it is done or refused. */
  async #act(service: string, name: string, daemon: Daemon | undefined, intent: Intent): Promise<Outcome> {
    const outcome: Outcome = daemon === undefined ? { is: "done" } : await act(this.#site, daemon, intent);
    for (const known of [this.#waits, this.#refusals]) known.delete(name);
    if (outcome.is === "waiting") this.#waits.set(name, outcome.what);
    else {
      if (outcome.is === "refused") await this.#refuse(service, name, outcome.why);
      await dropIntent(this.#site, name, intent);
    }
    return outcome;
  }

  async #refuse(service: string, daemon: string, why: string): Promise<void> {
    this.#refusals.set(daemon, why);
    this.#site.log.error(why);
    await this.#note(service, why);
  }

  async #converge(name: string, record: ServiceRecord): Promise<Left> {
    const present = await readPresent(this.#site);
    if (record.deleted) return this.#remove(name, record, present);
    if (record.spec.unmanaged === true) return "nothing";
    await prepare(this.#site, name, record);
    const own = daemonsOf(record.spec, present.daemons);
    const { add, remove, keep } = difference(record.spec, present.host, own, {
      all: present.daemons,
      active: present.active,
    });
    const next = record.spec.service_type === "mon" ? await nextMons(this.#site, add, keep) : add;
    for (const planned of next) await this.#deploy(record.spec, planned);
    const changed = await this.#change(record.spec, present.host.hostname, keep);
    await this.#retire(name, remove);
    return add.length + remove.length + changed === 0 ? "nothing" : "more";
  }

  async #deploy(spec: ServiceSpec, planned: Planned): Promise<void> {
    await deploy(this.#site, spec, planned);
    this.#site.log.info(`deployed ${planned.name}`);
  }

  /** Daemons that were made for another form of their spec; gives how many. */
  async #change(spec: ServiceSpec, hostname: string, daemons: readonly Daemon[]): Promise<number> {
    let changed = 0;
    for (const daemon of daemons) {
      const planned = daemon.state === "foreign" ? undefined : planOf(spec, hostname, daemon);
      if (planned === undefined || (await configOf(this.#site, spec, planned)) === daemon.labels["config"]) continue;
      changed += 1;
      await this.#deploy(spec, planned);
    }
    return changed;
  }

  async #remove(name: string, record: ServiceRecord, { daemons }: Present): Promise<Left> {
    const own = daemonsOf(record.spec, daemons).filter(({ state }) => state !== "foreign");
    await this.#retire(name, own);
    if (own.length > 0) return "more";
    await unprepare(this.#site, record);
    await changeService(this.#site, name, (now) => (now?.deleted === true ? null : undefined));
    return "nothing";
  }

  /** Side by side, but monitors and managers: each of them counts on the others. */
  async #retire(service: string, daemons: readonly Daemon[]): Promise<void> {
    const one = async (daemon: Daemon): Promise<void> => {
      if (await retire(this.#site, daemon)) this.#site.log.info(`removed ${daemon.name} of ${service}`);
    };
    const alone = daemons.filter(({ type }) => type === "mon" || type === "mgr");
    for (const daemon of alone) await one(daemon);
    await Promise.all(daemons.filter((daemon) => !alone.includes(daemon)).map(one));
  }
}

const LATER: Outcome = { is: "waiting", what: "its turn" };

type Wish = readonly [daemon: string, Intent];

/** What is started helps the others; then restarts that are under way, then those of single daemons, then all the rest. */
function byTurn([, one]: Wish, [, other]: Wish): number {
  const turn = ({ action, begun, force }: Intent): number => {
    if (action === "start") return 0;
    if (begun !== null) return 1;
    return force ? 2 : 3;
  };
  return turn(one) - turn(other);
}

/** Whether the restart waits for that of others. One that ends again and again hinders only the turn of the whole service. */
function hasToWait({ action, begun, force }: Intent, open: readonly Daemon[]): boolean {
  return RESTARTS.includes(action) && begun === null && open.some(({ crashes }) => !force || crashes === 0);
}

/** A monitor takes the first free ports of the map, so it has to be in the map before another one looks for some. */
async function nextMons(site: Site, add: readonly Planned[], present: readonly Daemon[]): Promise<readonly Planned[]> {
  if (add.length === 0) return add;
  const { mons } = await readMons(site);
  return present.every(({ id }) => mons.some(({ name }) => name === id)) ? add.slice(0, 1) : [];
}

/** The host as placements see it, and what runs on it. */
export async function readPresent(site: Site): Promise<Present> {
  const [hostname, { labels }, daemons, active] = await Promise.all([
    site.hostname(),
    readHost(site),
    site.agent.request("daemon/list", {}),
    activeDaemons(site),
  ]);
  return { host: { hostname, labels }, daemons, active };
}
