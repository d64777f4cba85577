/** Whether the cluster could do without daemons of this host, and what it would lose. */
import type { Daemon } from "../../../agent/client.ts";
import { OrchestratorError } from "../../../index.ts";
import type { Site } from "../site.ts";

interface Objections {
  /** Data or the cluster itself would be out of reach. */
  readonly unsafe: readonly string[];
  /** A service would have no daemon left. */
  readonly warnings: readonly string[];
}

/** What speaks against stopping these daemons. The mon and the mgr of the only host are its cluster's last. */
export async function objections(site: Site, daemons: readonly Daemon[]): Promise<Objections> {
  const running = daemons.filter(({ state }) => state !== "stopped" && state !== "failed");
  const ids = (type: string): string[] => running.filter((daemon) => daemon.type === type).map(({ id }) => id);
  const unsafe = [
    ...(await refusals(site, "mon", ids("mon"))),
    ...(ids("mgr").length === 0 ? [] : [`no mgr would be left without ${names("mgr", ids("mgr"))}`]),
    ...(await refusals(site, "osd", ids("osd"))),
  ];
  const services = new Set(running.filter(({ type }) => !CORE.has(type)).map(({ service }) => service));
  const warnings = [...services].map((service) => `service ${service} would have no daemon left`);
  return { unsafe, warnings };
}

/** Whose loss is told by what would be out of reach, or (crash) is none. */
const CORE = new Set(["mon", "mgr", "osd", "crash", "ceph-exporter"]);

async function refusals(site: Site, type: "mon" | "osd", ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  try {
    await site.mon({ prefix: `${type} ok-to-stop`, ids: [...ids] });
    return [];
  } catch (error) {
    // An errno is the command's own answer; without one the question was not answered.
    if (!(error instanceof OrchestratorError) || error.errno === undefined) throw error;
    return [`it is not safe to stop ${names(type, ids)}: ${error.message}`];
  }
}

function names(type: string, ids: readonly string[]): string {
  return ids.map((id) => `${type}.${id}`).join(", ");
}
