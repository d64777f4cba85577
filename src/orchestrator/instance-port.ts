/** The manager as one instance of a backend gets it: its own keys are kept apart, and what it shows in `ceph -s` ends with it. */
import type { BackendState } from "./backend.ts";
import { messageOf, UnavailableError, ValidationError } from "./errors.ts";
import type { Json, Logger, MgrPort } from "./ports.ts";

/** Keys that are the bridge's own: a slip of a backend must not end in the journal. */
const OWN_KEYS = ["op/", "owner"];

/** What instances show, one after another: the manager deals with several requests at once. */
export class Shown {
  #settled: Promise<unknown> = Promise.resolve();

  /** Makes a change once those before it were answered, however that went; those that follow wait for it. */
  inTurn(change: () => Promise<void>): Promise<void> {
    const made = this.after(change);
    this.#settled = made.catch(() => {});
    return made;
  }

  /** The same, and nothing waits for it. */
  after(change: () => Promise<void>): Promise<void> {
    return this.#settled.then(change);
  }
}

export class InstancePort {
  readonly port: MgrPort;
  readonly #mgr: MgrPort;
  readonly #shown: Shown;
  readonly #log: Logger;
  #hasChecks = false;
  /** The progress events that have not ended, with what they showed last. */
  readonly #open = new Map<string, { readonly message: string; readonly fraction: number }>();
  /** Reports under way: one that is dealt with late must not open an event again. */
  readonly #reports = new Set<Promise<void>>();
  #isOver = false;

  constructor(mgr: MgrPort, shown: Shown, log: Logger) {
    this.#mgr = mgr;
    this.#shown = shown;
    this.#log = log;
    this.port = {
      ...mgr,
      storeSet: async (key, value) => {
        refuseOwnKey(key);
        await mgr.storeSet(key, value);
      },
      setHealthChecks: (checks) => this.#setHealthChecks(checks),
      progress: (event) => this.#progress(event),
    };
  }

  /** The instance is closed: what it shows goes. Waits for nothing, since the manager may not answer. */
  end(): void {
    this.#isOver = true;
    if (!this.#hasChecks && this.#open.size === 0) return;
    this.#shown
      .inTurn(async () => {
        await Promise.allSettled(this.#reports);
        if (this.#hasChecks) await this.#mgr.setHealthChecks({});
        const failed = "the backend was closed before it was done";
        await Promise.all([...this.#open].map(([id, shown]) => this.#mgr.progress({ id, ...shown, failed })));
      })
      .catch((error: unknown) => {
        this.#log.debug(`what the backend showed in ceph -s could not be taken back: ${messageOf(error)}`);
      });
  }

  async #setHealthChecks(checks: Parameters<MgrPort["setHealthChecks"]>[0]): Promise<void> {
    this.#refuseLate("setHealthChecks");
    this.#hasChecks = Object.keys(checks).length > 0;
    await this.#shown.inTurn(() => this.#mgr.setHealthChecks(checks));
  }

  async #progress(event: Parameters<MgrPort["progress"]>[0]): Promise<void> {
    this.#refuseLate("progress");
    const { id, message, fraction, failed } = event;
    if (fraction >= 1 || failed !== undefined) this.#open.delete(id);
    else this.#open.set(id, { message, fraction });
    const report = this.#shown.after(() => this.#mgr.progress(event));
    this.#reports.add(report);
    await report.finally(() => this.#reports.delete(report));
  }

  #refuseLate(what: string): void {
    if (this.#isOver) throw new UnavailableError(`mgr.${what}: this instance of the backend is closed`);
  }
}

function refuseOwnKey(key: string): void {
  if (!OWN_KEYS.some((own) => key.startsWith(own))) return;
  throw new ValidationError(`the key ${key} belongs to orchbridge itself; choose one that begins otherwise`);
}

/** The backend's own corner of the monitors' key-value store. */
export function backendState(name: string, mgr: MgrPort): BackendState {
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
