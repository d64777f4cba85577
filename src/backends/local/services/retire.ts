/** Takes one daemon away: never the last that the cluster needs, and in the order in which Ceph wants it. */
import { z } from "zod";

import type { Daemon } from "../../../agent/client.ts";
import { OrchestratorError } from "../../../index.ts";
import type { Site } from "../site.ts";
import { forget } from "./deploy.ts";
import { readMons, whyMonStays } from "./mon.ts";

const mgrMap = z.object({ active_name: z.string(), standbys: z.array(z.object({ name: z.string() })) });

/** Why a daemon may not be removed or stopped; null when it may. */
export async function whyItStays(
  site: Site,
  { type, id, name, state }: Daemon,
  how: "removed" | "stopped",
): Promise<string | null> {
  if (state === "foreign") return `${name} was not started by the agent: stop it where it was started`;
  if (type !== "mon" && type !== "mgr") return null;
  // The maps show one that was stopped for some seconds more.
  const daemons = (await site.agent.request("daemon/list", {})).filter((one) => one.type === type);
  if (type === "mon") {
    const down = new Set(daemons.filter((one) => !isUp(one)).map((one) => one.id));
    return whyMonStays(await readMons(site), id, how, down);
  }
  const { active_name: active, standbys } = await site.map("mgr_map", mgrMap);
  const known = [active, ...standbys.map((standby) => standby.name)];
  // One that the agent does not see may be gone, or serve another host.
  const others = daemons.filter((one) => one.id !== id && isUp(one) && known.includes(one.id));
  return others.length > 0 ? null : `${name} is the only manager that runs`;
}

function isUp({ desired, state }: Daemon): boolean {
  return desired === "running" && (state === "running" || state === "foreign");
}

/** Without a manager nothing could start it again; a monitor too few can be forced. */
export async function whyNotStopped(site: Site, daemon: Daemon, force: boolean): Promise<string | null> {
  if (daemon.type !== "mgr" && (daemon.type !== "mon" || force)) return null;
  return whyItStays(site, daemon, "stopped");
}

/**
 * Does what is next for the removal of a daemon of the agent's; true once it is gone. The data of a monitor is set aside; the
 * others have none that would be missed. Each step finds the one before it done, whoever did it.
 */
export async function retire(site: Site, daemon: Daemon): Promise<boolean> {
  const reason = await whyItStays(site, daemon, "removed");
  if (reason !== null) throw new OrchestratorError(`${daemon.name} is not removed: ${reason}`);
  const { type, id, name } = daemon;
  if (await failsOver(site, daemon)) return false;
  // Out of the map first: a monitor that is still counted when it stops would cost the quorum a voice.
  if (type === "mon") await site.mon({ prefix: "mon remove", name: id });
  if (daemon.desired === "running") await site.agent.request("daemon/act", { name, action: "stop" });
  await forget(site, daemon);
  await site.agent.request("daemon/remove", { name, keep_data: type === "mon" });
  return true;
}

/** The active manager, in which this very code runs, hands over before anything is done to it; true when it did. */
export async function failsOver(site: Site, { type, id, name }: Daemon): Promise<boolean> {
  if (type !== "mgr") return false;
  const { active_name: active, standbys } = await site.map("mgr_map", mgrMap);
  if (active !== id || standbys.length === 0) return false;
  site.log.info(`${name} is active and hands over to a standby`);
  await site.mon({ prefix: "mgr fail", who: id });
  return true;
}
