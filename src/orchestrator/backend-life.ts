/** Which backend runs: configured, created, created again when that failed, replaced, closed; one at a time. */

import type { BatchTarget } from "./attempt.ts";
import {
  type Availability,
  BACKEND_METHODS,
  type BackendContext,
  type BackendDefinition,
  type BackendState,
} from "./backend.ts";
import { toWireError, UnavailableError, ValidationError } from "./errors.ts";
import type { BackendMethodName } from "./generated/methods.ts";
import type { BackendConfig, Json, Logger, MgrPort, Session } from "./ports.ts";
import { RunningBackend } from "./running-backend.ts";
import { withSignal } from "./with-signal.ts";

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

export const NO_BACKEND =
  "no backend is set; choose one: ceph config set mgr mgr/orchbridge/backend NAME (a built-in name, or the absolute path of a .ts or .mjs file)";

interface Dependencies {
  readonly session: Session;
  readonly mgr: MgrPort;
  readonly log: Logger;
  readonly load: (name: string) => Promise<BackendDefinition>;
  /** Told at every change of `availability` or of the backend itself. */
  readonly changed: () => void;
  /** Told of a new instance, before any call reaches it. */
  readonly created: (target: BatchTarget) => void;
  readonly strict: boolean;
}

/** A configuration that was accepted. */
interface Accepted {
  readonly definition: BackendDefinition;
  readonly options: unknown;
  readonly generation: number;
}

export class BackendLife {
  readonly #deps: Dependencies;
  #running: RunningBackend | undefined;
  /** Why nothing runs, while nothing does. */
  #down = NO_BACKEND;
  /** Why the newest configuration is not in force, while the one before it is. */
  #refusal: string | undefined;
  /** The configurations, one after another: two backends of one kind must never run side by side. Calls wait for its end. */
  #work: Promise<void> = Promise.resolve();
  /** Ends a `create` under way when it is no longer wanted. */
  #creation: AbortController | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Counts configurations, so that what belongs to a former one is dropped. */
  #generation = 0;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Checks the configuration before it replaces a working one. Never rejects. */
  configure(config: BackendConfig): Promise<void> {
    const generation = this.#supersede("a newer configuration");
    this.#work = this.#work.then(() => this.#apply(config, generation));
    return this.#work;
  }

  get availability(): Availability {
    const availability = this.#running?.availability ?? { ok: false, reason: this.#down };
    if (this.#refusal === undefined) return availability;
    return { ...availability, ok: false, reason: `${this.#refusal}; the former configuration stays in use` };
  }

  get name(): string | null {
    return this.#running?.target.name ?? null;
  }

  /** The backend methods that are defined: the features. */
  get methods(): readonly BackendMethodName[] {
    const backend = this.#running?.target.backend;
    return backend === undefined ? [] : BACKEND_METHODS.filter((name) => backend[name] !== undefined);
  }

  /** The backend to call, once a configuration under way has ended; UnavailableError when there is none. */
  async target(signal: AbortSignal): Promise<BatchTarget> {
    if (this.#running === undefined) await withSignal(this.#work, signal);
    if (this.#running === undefined) throw new UnavailableError(this.#down);
    return this.#running.target;
  }

  /** After an error that smells of a lost connection. */
  askSoon(): void {
    void this.#running?.ask();
  }

  async close(): Promise<void> {
    this.#supersede("the end of the process");
    await this.#work;
    await this.#stop();
  }

  /** Makes whatever is under way stale. */
  #supersede(reason: string): number {
    clearTimeout(this.#retry);
    this.#creation?.abort(new Error(`superseded by ${reason}`));
    return ++this.#generation;
  }

  async #apply(config: BackendConfig, generation: number): Promise<void> {
    if (generation !== this.#generation) return;
    if (config.name === null) {
      await this.#stop();
      this.#refusal = undefined;
      this.#tellDown(NO_BACKEND);
      return;
    }
    const accepted = await this.#accept(config.name, config, generation);
    if (accepted === undefined || generation !== this.#generation) return;
    await this.#stop();
    this.#refusal = undefined;
    await this.#start(accepted, FIRST_RETRY_MS);
  }

  /** Loads the backend and checks its options; what is wrong with them leaves the former one in use. */
  async #accept(name: string, config: BackendConfig, generation: number): Promise<Accepted | undefined> {
    try {
      if (config.options_error !== null) throw new UnavailableError(config.options_error);
      const definition = await this.#deps.load(name);
      return { definition, options: await definition.parseOptions(config.options), generation };
    } catch (error) {
      const reason = this.#sentence(error, name);
      this.#deps.log.error(`configuration refused: ${reason}`);
      if (generation !== this.#generation) return undefined;
      if (this.#running === undefined) {
        this.#tellDown(reason);
      } else {
        this.#refusal = reason;
        this.#deps.changed();
      }
      return undefined;
    }
  }

  async #start(accepted: Accepted, retryMs: number): Promise<void> {
    if (accepted.generation !== this.#generation) return;
    const { name } = accepted.definition;
    this.#down = `the backend ${name} is being created`;
    try {
      const running = await this.#create(accepted);
      this.#running = running;
      this.#deps.created(running.target);
      running.target.log.info(`backend ${name} created`);
      await running.ask();
      this.#deps.changed();
    } catch (error) {
      if (accepted.generation !== this.#generation) return;
      this.#tellDown(this.#sentence(error, `${name}.create`));
      this.#retry = setTimeout(() => {
        this.#work = this.#work.then(() => this.#start(accepted, Math.min(retryMs * 2, LONGEST_RETRY_MS)));
      }, retryMs);
      this.#retry.unref();
    }
  }

  async #create({ definition, options }: Accepted): Promise<RunningBackend> {
    const { session, strict, changed } = this.#deps;
    const mgr = withoutOwnKeys(this.#deps.mgr);
    const { name } = definition;
    const log = this.#deps.log.child({ backend: name });
    const stop = new AbortController();
    this.#creation = stop;
    let running: RunningBackend | undefined;
    let said: Availability | undefined;
    const context: BackendContext<unknown> = {
      options,
      ceph: { release: session.release, fsid: session.fsid, mgr: session.mgr },
      mgr,
      log,
      state: backendState(name, mgr),
      signal: stop.signal,
      setAvailable(availability) {
        said = availability;
        running?.take(availability);
      },
    };
    const creating = definition.create(context);
    try {
      const backend = await withSignal(creating, stop.signal);
      running = new RunningBackend(backend, { name, log, strict, stop, changed });
      if (said !== undefined) running.take(said);
      return running;
    } catch (error) {
      stop.abort(error);
      // One that comes into being after all has nobody to serve.
      void creating
        .then((late) => new RunningBackend(late, { name, log, strict, stop, changed }).end())
        .catch(() => {});
      throw error;
    } finally {
      this.#creation = undefined;
    }
  }

  #tellDown(reason: string): void {
    this.#down = reason;
    this.#deps.changed();
  }

  #sentence(error: unknown, where: string): string {
    return toWireError(error, this.#deps.log, where).message;
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.end();
  }
}

/** Keys that are the bridge's own: a slip of a backend must not end in the journal. */
const OWN_KEYS = ["op/", "owner"];

/** The manager as a backend gets it. */
function withoutOwnKeys(mgr: MgrPort): MgrPort {
  const refuse = (key: string): void => {
    if (!OWN_KEYS.some((own) => key.startsWith(own))) return;
    throw new ValidationError(`the key ${key} belongs to orchbridge itself; choose one that begins otherwise`);
  };
  return {
    ...mgr,
    async storeSet(key, value) {
      refuse(key);
      await mgr.storeSet(key, value);
    },
  };
}

/** The backend's own corner of the monitors' key-value store. */
function backendState(name: string, mgr: MgrPort): BackendState {
  const prefix = `backend/${name}/`;
  return {
    async get(key) {
      const text = await mgr.storeGet(prefix + key);
      return text === null ? null : (JSON.parse(text) as Json);
    },
    set: (key, value) => mgr.storeSet(prefix + key, JSON.stringify(value)),
    delete: (key) => mgr.storeSet(prefix + key, null),
    async list(start = "") {
      const values = await mgr.storeList(prefix + start);
      return Object.fromEntries(
        Object.entries(values).map(([key, text]) => [key.slice(prefix.length), JSON.parse(text) as Json]),
      );
    },
  };
}
