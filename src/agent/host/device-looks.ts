/** The dear part of the look at devices, ceph-volume's and the agent's own opening of each: done again when something changed. */
import type { AgentSettings } from "../settings.ts";
import { type Inventory, inventory } from "./inventory.ts";
import { probe } from "./probe.ts";

/** What the kernel does not tell of, such as a bad sector, is looked for after this time. */
const FRESH_MS = 600_000;

/** What was found on devices. */
export interface Look {
  readonly inventory: Inventory;
  /** By path what the agent itself found on a device that is not in use. */
  readonly probed: ReadonlyMap<string, readonly string[]>;
}

/** Which devices are to be looked at. */
export interface Looked {
  readonly paths: readonly string[];
  /** Those that nobody uses. */
  readonly free: readonly string[];
  /** What the kernel and the labels say of them: as long as it is the same, so is what would be found. */
  readonly state: string;
}

export class DeviceLooks {
  readonly #take: (looked: Looked) => Promise<Look>;
  #last: { readonly key: string; readonly until: number; readonly look: Look } | undefined;

  constructor(settings: AgentSettings, take = (looked: Looked) => look(settings, looked)) {
    this.#take = take;
  }

  /** What is on the devices, as it was found last where nothing changed since. */
  async at(looked: Looked, refresh: boolean): Promise<Look> {
    const key = JSON.stringify(looked);
    const last = this.#last;
    if (!refresh && last?.key === key && performance.now() < last.until) return last.look;
    const found = await this.#take(looked);
    this.#last = { key, until: performance.now() + FRESH_MS, look: found };
    return found;
  }

  /** To be called where the agent itself changes what is on a device. */
  forget(): void {
    this.#last = undefined;
  }
}

async function look(settings: AgentSettings, { paths, free }: Looked): Promise<Look> {
  return {
    probed: new Map(await Promise.all(free.map(async (path) => [path, await probe(path)] as const))),
    inventory: await inventory(settings, paths),
  };
}
