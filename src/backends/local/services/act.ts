/** Carries out what an operator asked to be done with one daemon. */
import { z } from "zod";

import type { Daemon } from "../../../agent/client.ts";
import { knownAs, tellsMonitors, whatIsOpen, whyNoRestart } from "../restart-gates.ts";
import type { Site } from "../site.ts";
import { entityOf } from "./caps.ts";
import { deploy } from "./deploy.ts";
import { beginIntent, type Intent } from "./intents.ts";
import { readService } from "./record.ts";
import { failsOver, retire, whyNotStopped } from "./retire.ts";
import { planOf, serviceOfDaemon } from "./wanted.ts";

/** How far a wish is. One that is refused is not tried again. */
export type Outcome =
  | { readonly is: "done" }
  | { readonly is: "waiting"; readonly what: string }
  | { readonly is: "refused"; readonly why: string };

const DONE: Outcome = { is: "done" };

function waiting(what: string): Outcome {
  return { is: "waiting", what };
}

/** Does what is next. */
export async function act(site: Site, daemon: Daemon, intent: Intent): Promise<Outcome> {
  const { name } = daemon;
  switch (intent.action) {
    case "remove":
      return (await retire(site, daemon)) ? DONE : handsOver(daemon);
    case "start":
      await site.agent.request("daemon/act", { name, action: "start" });
      return DONE;
    case "stop":
      return stopped(site, daemon, intent);
    case "restart":
      return restarted(site, daemon, intent, () => restart(site, daemon));
    case "reconfig":
      await renew(site, daemon);
      return DONE;
    case "rotate-key":
      if (daemon.desired === "running") return restarted(site, daemon, intent, () => rotate(site, daemon));
      await rotate(site, daemon);
      return DONE;
    case "redeploy":
      if (daemon.state === "foreign") return takenOver(site, daemon);
      return restarted(site, daemon, intent, async () => {
        await renew(site, daemon);
        await restart(site, daemon);
      });
  }
}

function handsOver({ name }: Daemon): Outcome {
  return waiting(`${name} hands over to a standby`);
}

/** Asked again, since others may have been stopped after the answer. */
async function stopped(site: Site, daemon: Daemon, { force }: Intent): Promise<Outcome> {
  const { name } = daemon;
  if (daemon.desired === "stopped" && daemon.state === "stopped") return DONE;
  const reason = await whyNotStopped(site, daemon, force);
  if (reason !== null) return { is: "refused", why: `${name} is not stopped: ${reason}` };
  if (await failsOver(site, daemon)) return handsOver(daemon);
  await site.agent.request("daemon/act", { name, action: "stop" });
  return DONE;
}

/** From then on the agent's; its restart, which comes next, shows that the agent can start it. */
async function takenOver(site: Site, daemon: Daemon): Promise<Outcome> {
  const { name } = daemon;
  await site.agent.request("daemon/adopt", { name, service: serviceOfDaemon(daemon) });
  site.log.info(`${name} (pid ${daemon.pid}) was taken over`);
  return waiting(`${name} was taken over`);
}

/** Restarts a daemon by `how` once the cluster can do without it, and is done when the cluster has it again. */
async function restarted(site: Site, daemon: Daemon, intent: Intent, how: () => Promise<void>): Promise<Outcome> {
  const { name, pid } = daemon;
  const { begun, force } = intent;
  if (begun !== null && !isUntouched(daemon, begun)) {
    const missing = await whatIsMissing(site, daemon, begun, force);
    return missing === null ? DONE : waiting(missing);
  }
  if (await failsOver(site, daemon)) return handsOver(daemon);
  const reason = force ? null : await whyNoRestart(site, daemon);
  if (reason !== null) return waiting(`${reason}; 'ceph orch daemon ${intent.action} ${name}' does it all the same`);
  const known = await knownAs(site, daemon);
  // Noted before it is done to a process, which whoever comes after a death in between finds untouched. Where there is none,
  // it is done again then.
  if (pid === null) await how();
  if (!(await beginIntent(site, name, intent, { pid, known }))) return waiting("something else was asked for");
  if (pid !== null) await how();
  return waiting(`${name} is restarted`);
}

function isUntouched({ pid, state }: Daemon, begun: NonNullable<Intent["begun"]>): boolean {
  return begun.pid !== null && pid === begun.pid && state !== "stopping";
}

/** What is to come until the next one of its service may be restarted; null when nothing is. */
async function whatIsMissing(
  site: Site,
  daemon: Daemon,
  former: NonNullable<Intent["begun"]>,
  force: boolean,
): Promise<string | null> {
  const { name, state } = daemon;
  if (state !== "running") return `${name} is ${state}`;
  if (tellsMonitors(daemon)) {
    const known = await knownAs(site, daemon);
    if (known === null || known === former.known) return `the monitors do not know ${name} anew yet`;
  }
  return force ? null : whatIsOpen(site, daemon);
}

const mgrMap = z.object({ active_name: z.string() });

/** The monitors keep a standby that ended for half a minute, and would hand over to it; the new one tells them of itself. */
async function dropFormer(site: Site, id: string): Promise<void> {
  const { active_name: active } = await site.map("mgr_map", mgrMap);
  if (active !== id) await site.mon({ prefix: "mgr fail", who: id });
}

async function restart(site: Site, { name, type, id }: Daemon): Promise<void> {
  await site.agent.request("daemon/act", { name, action: "restart" });
  if (type === "mgr") await dropFormer(site, id);
}

const pendingKeys = z.tuple([z.object({ pending_key: z.string() })]);

/**
 * Gives it another key, with which it is restarted. The monitors take the former one as well until it logs in with the new one,
 * so that it can log in whatever happens in between.
 */
async function rotate(site: Site, daemon: Daemon): Promise<void> {
  const entity = entityOf(daemon.type, daemon.id);
  const [{ pending_key: key }] = await site.monJson({ prefix: "auth get-or-create-pending", entity }, pendingKeys);
  await renew(site, daemon, `[${entity}]\n\tkey = ${key}\n`);
}

/** Gives a daemon its key, its files and its settings again; one without a service has only what it was adopted with. */
async function renew(site: Site, daemon: Daemon, keyring?: string): Promise<void> {
  const record = await readService(site, daemon.service);
  const planned = record === undefined ? undefined : planOf(record.spec, await site.hostname(), daemon);
  if (record !== undefined && planned !== undefined) await deploy(site, record.spec, planned, keyring);
}
