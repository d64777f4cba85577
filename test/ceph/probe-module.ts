/** The mgr module orchbridge_probe (test/fixtures/mgr-modules): the orchestrator as another module of the mgr sees it. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";

import type { ClusterWithModule } from "./cluster-with-module.ts";

const fixture = join(import.meta.dirname, "../fixtures/mgr-modules/orchbridge_probe");

/** What a completion of Nautilus shows. */
export interface Shown {
  readonly is_read: boolean;
  readonly is_complete: boolean;
  readonly is_errored: boolean;
  readonly should_wait: boolean;
  /** Writes only. */
  readonly is_persistent?: boolean;
  readonly is_effective?: boolean;
  readonly progress?: number;
  readonly exception: string | null;
  readonly result: string | null;
  readonly text: string;
}

export class Probe {
  readonly #at: ClusterWithModule;

  private constructor(at: ClusterWithModule) {
    this.#at = at;
  }

  /** Puts the module into the running mgr. */
  static async in(at: ClusterWithModule): Promise<Probe> {
    cpSync(fixture, join(at.cluster.moduleDir, "orchbridge_probe"), { recursive: true });
    await at.cluster.enableModule("orchbridge_probe", { force: true });
    await at.waitUntilAvailable();
    return new Probe(at);
  }

  /** Calls methods without waiting; gives the numbers of the completions. */
  async make(...calls: readonly [method: string, ...args: unknown[]][]): Promise<number[]> {
    const wanted = calls.map(([method, ...args]) => ({ method, args }));
    return (await this.#ask({ do: "make", calls: wanted })) as number[];
  }

  /** Waits for all of them in one `wait`. */
  async wait(calls: readonly number[]): Promise<Shown[]> {
    return (await this.#ask({ do: "wait", calls })) as Shown[];
  }

  async look(calls: readonly number[]): Promise<Shown[]> {
    return (await this.#ask({ do: "look", calls })) as Shown[];
  }

  async drop(): Promise<void> {
    await this.#ask({ do: "drop" });
  }

  /** `count` threads at once, each with its own call; what each got: "ok", or the exception. */
  async burst(method: string, count: number): Promise<string[]> {
    return (await this.#ask({ do: "burst", method, count })) as string[];
  }

  async #ask(request: object): Promise<unknown> {
    const { ret, out, err } = await this.#at.cluster
      .rados()
      .mgr({ prefix: "orchbridge_probe", request: JSON.stringify(request) });
    expect({ ret, err }, JSON.stringify(request)).toMatchObject({ ret: 0 });
    return JSON.parse(out);
  }
}
