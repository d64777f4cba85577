/** The health checks of the whole backend: the manager takes them only all together, so they are kept in one place. */
import type { HealthCheck, MgrPort } from "../../index.ts";

export class Health {
  readonly #mgr: MgrPort;
  #checks: Readonly<Record<string, HealthCheck>> = {};
  /** What the manager was told last; undefined before anything. */
  #told: string | undefined;
  #telling: Promise<void> = Promise.resolve();

  constructor(mgr: MgrPort) {
    this.#mgr = mgr;
  }

  /** Raises a check, or changes what it says; null takes it back. The manager hears of changes only. */
  async set(code: string, check: HealthCheck | null): Promise<void> {
    const { [code]: _former, ...others } = this.#checks;
    this.#checks = check === null ? others : { ...others, [code]: check };
    this.#telling = this.#telling.catch(() => undefined).then(() => this.#tell());
    await this.#telling;
  }

  async #tell(): Promise<void> {
    const checks = this.#checks;
    const text = JSON.stringify(checks);
    if (text === this.#told) return;
    await this.#mgr.setHealthChecks(checks);
    this.#told = text;
  }
}
