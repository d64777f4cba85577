/** Carries out what an operator asked to be done with one daemon. */
import { z } from "zod";

import type { Daemon } from "../../../agent/client.ts";
import type { Site } from "../site.ts";
import { entityOf } from "./caps.ts";
import { deploy } from "./deploy.ts";
import type { Intent } from "./intents.ts";
import { readService } from "./record.ts";
import { failsOver, retire } from "./retire.ts";
import { planOf, serviceOfDaemon } from "./wanted.ts";

/** Does what is next; true when all is done. */
export async function act(site: Site, daemon: Daemon, intent: Intent): Promise<boolean> {
  const { name } = daemon;
  switch (intent.action) {
    case "remove":
      return retire(site, daemon);
    case "start":
      await site.agent.request("daemon/act", { name, action: "start" });
      return true;
    case "stop":
      if (daemon.desired === "stopped" && daemon.state === "stopped") return true;
      if (await failsOver(site, daemon)) return false;
      await site.agent.request("daemon/act", { name, action: "stop" });
      return true;
    case "restart":
      return restarted(site, daemon, intent);
    case "reconfig":
      await renew(site, daemon);
      return true;
    case "rotate-key":
      return rotated(site, daemon, intent);
    case "redeploy":
      if (daemon.state === "foreign") return takenOver(site, daemon);
      await renew(site, daemon);
      return restarted(site, daemon, intent);
  }
}

/** From then on the agent's; its restart, which comes next, shows that the agent can start it. */
async function takenOver(site: Site, daemon: Daemon): Promise<boolean> {
  const { name } = daemon;
  await site.agent.request("daemon/adopt", { name, service: serviceOfDaemon(daemon) });
  site.log.info(`${name} (pid ${daemon.pid}) was taken over`);
  return false;
}

const STANDBY_MS = 60_000;
const mgrMap = z.object({ active_name: z.string(), standbys: z.array(z.object({ name: z.string() })) });

/** The monitors keep a standby that ended for half a minute, and would hand over to it; the new one tells them of itself. */
async function dropFormer(site: Site, id: string): Promise<void> {
  const { active_name: active } = await site.map("mgr_map", mgrMap);
  if (active !== id) await site.mon({ prefix: "mgr fail", who: id });
}

/** Whether another manager was just started and is in no map yet: it could take over in a moment. */
async function isStandbyComing(site: Site, { name }: Daemon): Promise<boolean> {
  const daemons = await site.agent.request("daemon/list", {});
  const fresh = daemons.filter(
    ({ type, name: other, started }) =>
      type === "mgr" && other !== name && started !== null && Date.now() - Date.parse(started) < STANDBY_MS,
  );
  if (fresh.length === 0) return false;
  const { active_name: active, standbys } = await site.map("mgr_map", mgrMap);
  const known = [active, ...standbys.map((standby) => standby.name)];
  return fresh.some(({ id }) => !known.includes(id));
}

/** With its account gone it gets a new one with a new key, with which it is restarted. */
async function rotated(site: Site, daemon: Daemon, { since }: Intent): Promise<boolean> {
  if (daemon.started !== null && daemon.started > since) return true;
  if (await failsOver(site, daemon)) return false;
  await site.mon({ prefix: "auth rm", entity: entityOf(daemon.type, daemon.id) });
  await renew(site, daemon);
  return false;
}

async function restarted(site: Site, daemon: Daemon, { since }: Intent): Promise<boolean> {
  if (daemon.started !== null && daemon.started > since) return true;
  if (daemon.type === "mgr" && (await isStandbyComing(site, daemon))) return false;
  if (await failsOver(site, daemon)) return false;
  await site.agent.request("daemon/act", { name: daemon.name, action: "restart" });
  if (daemon.type === "mgr") await dropFormer(site, daemon.id);
  return true;
}

/** Gives a daemon its key, its files and its settings again; one without a service has only what it was adopted with. */
async function renew(site: Site, daemon: Daemon): Promise<void> {
  const record = await readService(site, daemon.service);
  const planned = record === undefined ? undefined : planOf(record.spec, await site.hostname(), daemon);
  if (record !== undefined && planned !== undefined) await deploy(site, record.spec, planned);
}
