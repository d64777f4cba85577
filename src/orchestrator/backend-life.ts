/** Which backend runs: configured, created, created again when that failed, replaced, closed; one at a time. */

import type { BatchTarget } from "./attempt.ts";
import { type Availability, BACKEND_METHODS, type BackendContext, type BackendDefinition } from "./backend.ts";
import { canonicalJson } from "./canonical-json.ts";
import { toWireError, UnavailableError } from "./errors.ts";
import type { BackendMethodName } from "./generated/methods.ts";
import { backendState, InstancePort, Shown } from "./instance-port.ts";
import type { BackendConfig, Json, Logger, MgrPort, Session } from "./ports.ts";
import { RunningBackend } from "./running-backend.ts";
import { hideSecretsOf } from "./secrets.ts";
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
  /** The options as they were given. */
  readonly given: Json;
  readonly generation: number;
}

function creationReason(name: string): string {
  return `the backend ${name} is being created`;
}

export class BackendLife {
  readonly #deps: Dependencies;
  readonly #shown = new Shown();
  #running: RunningBackend | undefined;
  /** The newest configuration that was accepted: what runs, or is tried again. */
  #accepted: Accepted | undefined;
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
    const former = this.#running === undefined ? ` (${this.#down})` : "";
    return { ...availability, ok: false, reason: `${this.#refusal}; the former configuration stays in use${former}` };
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
    for (let work; this.#running === undefined && work !== this.#work; ) {
      work = this.#work;
      await withSignal(work, signal);
    }
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
      this.#accepted = undefined;
      this.#tellDown(NO_BACKEND);
      return;
    }
    const accepted = await this.#accept(config.name, config, generation);
    if (accepted === undefined || generation !== this.#generation) return;
    this.#refusal = undefined;
    if (this.#running !== undefined && this.#isInForce(accepted)) return this.#deps.changed();
    const replaced = this.#running;
    await this.#stop();
    this.#accepted = accepted;
    // What was told last is of a backend that is gone, and the next one may take long.
    if (replaced !== undefined) this.#tellDown(creationReason(accepted.definition.name));
    await this.#start(accepted, FIRST_RETRY_MS);
  }

  /** Not one of a file that was loaded anew, which has another definition. */
  #isInForce({ definition, given }: Accepted): boolean {
    const { definition: former, given: before } = this.#accepted ?? {};
    return definition === former && canonicalJson(given) === canonicalJson(before);
  }

  /** Loads the backend and checks its options; what is wrong with them leaves the former one in use. */
  async #accept(name: string, config: BackendConfig, generation: number): Promise<Accepted | undefined> {
    try {
      if (config.options_error !== null) throw new UnavailableError(config.options_error);
      const definition = await this.#deps.load(name);
      const options = await definition.parseOptions(config.options);
      return { definition, options, given: config.options, generation };
    } catch (error) {
      const reason = this.#sentence(error, name, config.options);
      this.#deps.log.error(`configuration refused: ${reason}`);
      if (generation === this.#generation) await this.#goOnWithout(reason, generation);
      return undefined;
    }
  }

  /** A configuration was refused: the one before it runs on, or is tried again. */
  async #goOnWithout(refusal: string, generation: number): Promise<void> {
    if (this.#running === undefined && this.#accepted === undefined) return this.#tellDown(refusal);
    this.#refusal = refusal;
    this.#deps.changed();
    if (this.#running === undefined && this.#accepted !== undefined)
      await this.#start({ ...this.#accepted, generation }, FIRST_RETRY_MS);
  }

  async #start(accepted: Accepted, retryMs: number): Promise<void> {
    if (accepted.generation !== this.#generation) return;
    const { name } = accepted.definition;
    this.#down = creationReason(name);
    try {
      const running = await this.#create(accepted);
      this.#running = running;
      this.#deps.created(running.target);
      running.target.log.info(`backend ${name} created`);
      await running.ask();
      this.#deps.changed();
    } catch (error) {
      if (accepted.generation !== this.#generation) return;
      this.#tellDown(this.#sentence(error, `${name}.create`, accepted.given));
      this.#retry = setTimeout(() => {
        this.#work = this.#work.then(() => this.#start(accepted, Math.min(retryMs * 2, LONGEST_RETRY_MS)));
      }, retryMs);
      this.#retry.unref();
    }
  }

  async #create({ definition, options, given }: Accepted): Promise<RunningBackend> {
    const { session, strict, changed } = this.#deps;
    const { name } = definition;
    const log = this.#deps.log.child({ backend: name });
    const instance = new InstancePort(this.#deps.mgr, this.#shown, log);
    const mgr = instance.port;
    const stop = new AbortController();
    const what = { name, log, strict, stop, changed, options: given, closed: () => instance.end() };
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
      running = new RunningBackend(backend, what);
      if (said !== undefined) running.take(said);
      return running;
    } catch (error) {
      stop.abort(error);
      // One that comes into being after all has nobody to serve.
      void creating.then((late) => new RunningBackend(late, what).end()).catch(() => instance.end());
      throw error;
    } finally {
      this.#creation = undefined;
    }
  }

  #tellDown(reason: string): void {
    this.#down = reason;
    this.#deps.changed();
  }

  #sentence(error: unknown, where: string, options: Json): string {
    return toWireError(hideSecretsOf([options], error), this.#deps.log, where).message;
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.end();
  }
}
