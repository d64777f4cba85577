/** A backend's life: created with checked options, asked whether it is available, created again when that failed, closed. */
import {
  type Availability,
  BACKEND_METHODS,
  type Backend,
  type BackendContext,
  type BackendDefinition,
  type BackendState,
} from "./backend.ts";
import type { BatchTarget } from "./batch.ts";
import { isOrchestratorError, toWireError, UnavailableError } from "./errors.ts";
import type { BackendMethodName } from "./generated/methods.ts";
import type { BackendConfig, Json, Logger, MgrPort, Session } from "./ports.ts";

const ASK_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;
const CLOSE_WITHIN_MS = 2_000;
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
  readonly strict: boolean;
}

interface Running {
  readonly target: BatchTarget;
  readonly stop: AbortController;
  readonly asking: NodeJS.Timeout;
}

export class BackendLife {
  readonly #deps: Dependencies;
  #running: Running | undefined;
  #availability: Availability = { ok: false, reason: NO_BACKEND };
  /** Why the newest configuration is not in force, while the one before it is. */
  #refusal: string | undefined;
  /** Ends when the creation under way has succeeded or failed; calls wait for it. */
  #creating: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  /** Counts configurations, so that what belongs to a former one is dropped. */
  #generation = 0;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Checks the configuration before it replaces a working one. */
  configure(config: BackendConfig): Promise<void> {
    clearTimeout(this.#retry);
    this.#creating = this.#create(config, ++this.#generation, FIRST_RETRY_MS);
    return this.#creating;
  }

  get availability(): Availability {
    if (this.#refusal === undefined) return this.#availability;
    return { ...this.#availability, ok: false, reason: `${this.#refusal}; the former configuration stays in use` };
  }

  get name(): string | null {
    return this.#running?.target.name ?? null;
  }

  /** The backend methods that are defined: the features. */
  get methods(): readonly BackendMethodName[] {
    const backend = this.#running?.target.backend;
    return backend === undefined ? [] : BACKEND_METHODS.filter((name) => typeof backend[name] === "function");
  }

  /** The backend to call, once a creation under way has ended; UnavailableError when there is none. */
  async target(signal: AbortSignal): Promise<BatchTarget> {
    if (this.#running === undefined) await withSignal(this.#creating, signal);
    if (this.#running === undefined)
      throw new UnavailableError(this.#availability.reason ?? "the backend is not available");
    return this.#running.target;
  }

  /** After an error that smells of a lost connection. */
  askSoon(): void {
    if (this.#running !== undefined) void this.#ask(this.#running);
  }

  async close(): Promise<void> {
    this.#generation++;
    clearTimeout(this.#retry);
    await this.#stop();
  }

  async #create(config: BackendConfig, generation: number, retryMs: number): Promise<void> {
    if (config.name === null) {
      await this.#stop();
      this.#refusal = undefined;
      this.#set({ ok: false, reason: NO_BACKEND });
      return;
    }
    let definition: BackendDefinition;
    let options: unknown;
    try {
      if (config.options_error !== null) throw new UnavailableError(config.options_error);
      definition = await this.#deps.load(config.name);
      options = await definition.parseOptions(config.options);
    } catch (error) {
      if (generation === this.#generation) this.#refuse(this.#sentence(error, config.name));
      return;
    }
    if (generation !== this.#generation) return;
    await this.#stop();
    this.#refusal = undefined;
    try {
      await this.#start(definition, options, generation);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#set({ ok: false, reason: this.#sentence(error, `${definition.name}.create`) });
      this.#retry = setTimeout(() => {
        this.#creating = this.#create(config, generation, Math.min(retryMs * 2, LONGEST_RETRY_MS));
      }, retryMs);
      this.#retry.unref();
    }
  }

  async #start(definition: BackendDefinition, options: unknown, generation: number): Promise<void> {
    const { session, mgr, strict } = this.#deps;
    const log = this.#deps.log.child({ backend: definition.name });
    const stop = new AbortController();
    const context: BackendContext<unknown> = {
      options,
      ceph: { release: session.release, fsid: session.fsid, mgr: session.mgr },
      mgr,
      log,
      state: backendState(definition.name, mgr),
      signal: stop.signal,
      setAvailable: (availability) => {
        if (generation === this.#generation && !stop.signal.aborted) this.#set(availability);
      },
    };
    let backend: Backend;
    try {
      backend = await definition.create(context);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
    const target = { name: definition.name, backend, log, strict };
    const asking = setInterval(() => this.askSoon(), ASK_EVERY_MS);
    asking.unref();
    const running = { target, stop, asking };
    if (generation !== this.#generation) return this.#end(running);
    this.#running = running;
    log.info(`backend ${definition.name} created`);
    await this.#ask(running);
    this.#deps.changed();
  }

  /** Asks `available()`, within a bound. */
  async #ask(running: Running): Promise<void> {
    const { backend, name, log } = running.target;
    let answer: Availability;
    try {
      const question = Promise.resolve(backend.available?.() ?? { ok: true });
      answer = await withSignal(question, AbortSignal.timeout(ANSWER_WITHIN_MS));
    } catch (error) {
      const reason = isTimeout(error)
        ? `${name}.available() did not answer within ${ANSWER_WITHIN_MS / 1000} s`
        : toWireError(error, log, `${name}.available`).message;
      answer = { ok: false, reason };
    }
    if (this.#running === running) this.#set(answer);
  }

  #set(availability: Availability): void {
    const before = JSON.stringify(this.availability);
    this.#availability = availability;
    if (JSON.stringify(this.availability) !== before) this.#deps.changed();
  }

  #refuse(reason: string): void {
    this.#deps.log.error(`configuration refused: ${reason}`);
    if (this.#running === undefined) {
      this.#set({ ok: false, reason });
    } else {
      this.#refusal = reason;
      this.#deps.changed();
    }
  }

  #sentence(error: unknown, where: string): string {
    return isOrchestratorError(error) ? error.message : toWireError(error, this.#deps.log, where).message;
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    await this.#end(running);
  }

  async #end({ target, stop, asking }: Running): Promise<void> {
    clearInterval(asking);
    stop.abort(new Error(`backend ${target.name} is being closed`));
    try {
      await withSignal(Promise.resolve(target.backend.close?.()), AbortSignal.timeout(CLOSE_WITHIN_MS));
    } catch (error) {
      const why = isTimeout(error)
        ? `did not end within ${CLOSE_WITHIN_MS / 1000} s`
        : toWireError(error, target.log, `${target.name}.close`).message;
      target.log.warn(`${target.name}.close: ${why}`);
    }
  }
}

/** The promise's outcome, or the signal's reason if that comes first. */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
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
