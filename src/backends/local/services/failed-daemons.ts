/** Watches for daemons that do not stay up, and tells the cluster of them. */
import type { Daemon } from "../../../agent/client.ts";
import { type Left, Rounds } from "../rounds.ts";
import type { Site } from "../site.ts";

const CODE = "LOCAL_FAILED_DAEMON";

/** One end may be an accident, and the agent starts the daemon again within a second. */
const ENDS = 2;

export class FailedDaemons {
  readonly rounds: Rounds;
  readonly #site: Site;
  #failed = new Set<string>();

  constructor(site: Site) {
    this.#site = site;
    this.rounds = new Rounds("failed daemons", site.log, () => this.#round());
  }

  async #round(): Promise<Left> {
    const { hostname } = await this.#site.describe();
    const failed = (await this.#site.agent.request("daemon/list", {})).filter(isFailed);
    await this.#tell(failed);
    const detail = failed.map(
      (daemon) => `daemon ${daemon.name} on ${hostname} does not stay up: ${daemon.last_exit ?? "it does not start"}`,
    );
    await this.#site.health.set(
      CODE,
      failed.length === 0
        ? null
        : {
            severity: "warning",
            summary: `${failed.length} failed daemon(s) on ${hostname}`,
            detail,
            count: failed.length,
          },
    );
    return failed.length === 0 ? "nothing" : "more";
  }

  /** In the cluster's log, once when it begins and once when it ends. */
  async #tell(failed: readonly Daemon[]): Promise<void> {
    const names = new Set<string>(failed.map(({ name }) => name));
    for (const daemon of failed)
      if (!this.#failed.has(daemon.name))
        await this.#site.mgr.clusterLog("warn", `daemon ${daemon.name} does not stay up: ${daemon.last_exit ?? ""}`);
    for (const name of this.#failed)
      if (!names.has(name)) await this.#site.mgr.clusterLog("info", `daemon ${name} is not failing any more`);
    this.#failed = names;
  }
}

function isFailed({ state, crashes, desired }: Daemon): boolean {
  return (
    desired === "running" && (state === "failed" || state === "backoff" || state === "starting") && crashes >= ENDS
  );
}
