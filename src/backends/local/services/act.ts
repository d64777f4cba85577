/** Carries out what an operator asked to be done with one daemon. */
import type { Daemon } from "../../../agent/client.ts";
import type { Site } from "../site.ts";
import { entityOf } from "./caps.ts";
import { deploy } from "./deploy.ts";
import type { Intent } from "./intents.ts";
import { readService } from "./record.ts";
import { failsOver, retire } from "./retire.ts";
import { planOf } from "./wanted.ts";

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
      await renew(site, daemon);
      return restarted(site, daemon, intent);
  }
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
  if (await failsOver(site, daemon)) return false;
  await site.agent.request("daemon/act", { name: daemon.name, action: "restart" });
  return true;
}

/** Gives a daemon its key, its files and its settings again; one without a service has only what it was adopted with. */
async function renew(site: Site, daemon: Daemon): Promise<void> {
  const record = await readService(site, daemon.service);
  const planned = record === undefined ? undefined : planOf(record.spec, await site.hostname(), daemon);
  if (record !== undefined && planned !== undefined) await deploy(site, record.spec, planned);
}
