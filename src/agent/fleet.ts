/** All daemons of the manifest under supervision, and what may be asked of them. */
import { messageOf, NotFoundError, OrchestratorError } from "../index.ts";
import { adoptable } from "./adoption.ts";
import { daemonShape, foreignShape } from "./daemon-shape.ts";
import { deployDaemon } from "./deployment.ts";
import { type ForeignDaemon, findForeign } from "./foreign.ts";
import { typeAndId } from "./launch-plan.ts";
import type { ManifestEntry } from "./manifest.ts";
import type { CheckedParams, Daemon, DaemonName } from "./protocol.ts";
import { removeDaemon } from "./removal.ts";
import type { AgentSettings } from "./settings.ts";
import { Supervised } from "./supervised.ts";
import type { Supervision } from "./supervision.ts";

/** After a boot the others need what comes before them. */
const START_ORDER = ["mon", "mgr", "osd"];

const LOOK_MS = 1000;
const CLOSE_MS = 5000;

export class Fleet {
  readonly #settings: AgentSettings;
  readonly #site: Supervision;
  readonly #daemons = new Map<DaemonName, Supervised>();
  #looking: NodeJS.Timeout | undefined;
  #isLooking = false;
  #closed = false;

  constructor(settings: AgentSettings, site: Supervision) {
    this.#settings = settings;
    this.#site = site;
  }

  /** Finds again what runs, then goes on to bring everything to what the manifest says. */
  async start(): Promise<void> {
    const names = this.#site.manifest.names().toSorted((a, b) => startRank(a) - startRank(b));
    for (const name of names) {
      const daemon = this.#daemon(name);
      await daemon.inTurn(() => daemon.findAgain());
    }
    await this.#look();
    void this.#settleAll(names);
    this.#looking = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** Watches no more; the daemons run on. What is being done now gets a little time: cut short, it is found out again. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looking);
    const { promise, resolve } = Promise.withResolvers<void>();
    const late = setTimeout(resolve, CLOSE_MS);
    await Promise.race([Promise.all([...this.#daemons.values()].map((daemon) => daemon.close())), promise]);
    clearTimeout(late);
  }

  async list(): Promise<Daemon[]> {
    const { manifest } = this.#site;
    const own = manifest.names().map((name) => this.#shape(name));
    const foreign = findForeign(this.#settings, (name) => manifest.has(name)).map(foreignShape);
    return (await Promise.all([...own, ...foreign])).filter((daemon) => daemon !== undefined);
  }

  async deploy(definition: CheckedParams<"daemon/deploy">["daemon"]): Promise<Daemon> {
    await this.#inTurn(definition.name, (daemon) => deployDaemon(definition, daemon, this.#settings, this.#site));
    return this.#present(definition.name);
  }

  async act({ name, action }: CheckedParams<"daemon/act">): Promise<Daemon> {
    this.#entry(name);
    await this.#inTurn(name, async (daemon) => {
      const entry = this.#entry(name);
      const desired = action === "stop" ? "stopped" : "running";
      if (entry.desired !== desired) await this.#site.manifest.put(name, { ...entry, desired });
      if (action !== "start") await daemon.stop();
      if (action === "stop") return;
      await daemon.forgive();
      await daemon.start();
    });
    return this.#present(name);
  }

  /** Asked again, it goes on where it failed. */
  async remove({ name, keep_data }: CheckedParams<"daemon/remove">): Promise<Record<string, never>> {
    const { manifest } = this.#site;
    if (!manifest.has(name)) throw unknown(name);
    await this.#inTurn(name, async (daemon) => {
      const entry = manifest.get(name);
      if (entry === undefined) throw unknown(name);
      const removing = keep_data ? "keep_data" : "drop_data";
      await manifest.put(name, { ...entry, desired: "stopped", removing });
      await removeDaemon(daemon, this.#site);
      this.#daemons.delete(name);
    });
    return {};
  }

  async adopt({ name, service, check_only }: CheckedParams<"daemon/adopt">): Promise<Daemon> {
    const { manifest } = this.#site;
    if (manifest.has(name)) return this.#present(name);
    if (check_only) {
      const { found } = await this.#adoptable(name, service);
      return foreignShape(found);
    }
    await this.#inTurn(name, async (daemon) => {
      if (manifest.has(name)) return;
      const { found, entry } = await this.#adoptable(name, service);
      await manifest.put(name, entry);
      await daemon.takeOver(found.identity, found.argv, "adopted");
    });
    return this.#present(name);
  }

  /** A daemon that somebody else started, and its entry; throws where it cannot be had. */
  async #adoptable(name: DaemonName, service: string): Promise<{ found: ForeignDaemon; entry: ManifestEntry }> {
    const found = this.#site.findStray(name);
    if (found === undefined)
      throw new NotFoundError(`${name} does not run on this host as a daemon of this cluster: it cannot be adopted`);
    const entry = { ...(await adoptable(found)), service };
    this.#site.plans.programOf(name, entry); // what is to start it next time has to be there
    return { found, entry };
  }

  async #settleAll(names: readonly DaemonName[]): Promise<void> {
    for (const name of names) {
      if (this.#closed) return;
      // What hinders one is told, and does not keep the others from being started.
      await this.#settle(name).catch((error: unknown) => this.#site.log.error(`${name}: ${messageOf(error)}`));
    }
  }

  /** Brings one to what the manifest says, which was found after a start of the agent. */
  async #settle(name: DaemonName): Promise<void> {
    await this.#inTurn(name, async (daemon) => {
      const entry = this.#site.manifest.get(name);
      if (entry === undefined) return;
      if (entry.removing !== null) {
        await removeDaemon(daemon, this.#site);
        this.#daemons.delete(name);
      } else if (entry.desired === "running") await daemon.start();
      else await daemon.stop();
    });
  }

  /** One look at a time: a daemon that hangs may take longer to answer than the time between two. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    await Promise.all(
      [...this.#daemons.values()].map((daemon) =>
        daemon.look().catch((error: unknown) => this.#site.log.error(`${daemon.name}: ${messageOf(error)}`)),
      ),
    );
    this.#isLooking = false;
  }

  #daemon(name: DaemonName): Supervised {
    const known = this.#daemons.get(name);
    if (known !== undefined) return known;
    const fresh = new Supervised(name, this.#site);
    this.#daemons.set(name, fresh);
    return fresh;
  }

  /** Does work on a daemon after all that was asked for before. A removal among that ends its supervision: then another one begins. */
  async #inTurn<T>(name: DaemonName, work: (daemon: Supervised) => Promise<T>): Promise<T> {
    const daemon = this.#daemon(name);
    return daemon.inTurn(() => (this.#daemon(name) === daemon ? work(daemon) : this.#inTurn(name, work)));
  }

  #entry(name: DaemonName): ManifestEntry {
    const entry = this.#site.manifest.get(name);
    if (entry === undefined) throw unknown(name);
    if (entry.removing !== null) throw new OrchestratorError(`${name} is being removed`);
    return entry;
  }

  async #present(name: DaemonName): Promise<Daemon> {
    const shape = await this.#shape(name);
    if (shape === undefined) throw new NotFoundError(`${name} was removed meanwhile`);
    return shape;
  }

  async #shape(name: DaemonName): Promise<Daemon | undefined> {
    const entry = this.#site.manifest.get(name);
    return entry === undefined ? undefined : daemonShape(this.#daemon(name), entry);
  }
}

function unknown(name: DaemonName): NotFoundError {
  return new NotFoundError(`${name} is none of this agent's daemons`);
}

function startRank(name: DaemonName): number {
  const rank = START_ORDER.indexOf(typeAndId(name).type);
  return rank === -1 ? START_ORDER.length : rank;
}
