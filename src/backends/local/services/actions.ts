/** What is done with single daemons, and with all of a service: adding, removing, starting, stopping, restarting. */
import type { Daemon } from "../../../agent/client.ts";
import {
  type Backend,
  NotFoundError,
  type Operation,
  OrchestratorError,
  type Persisted,
  serviceName,
  ValidationError,
  type WriteCall,
} from "../../../index.ts";
import type { Site } from "../site.ts";
import { accountOf } from "./caps.ts";
import { deploy } from "./deploy.ts";
import { ACTIONS, type DaemonAction, putIntent, readIntents } from "./intents.ts";
import { prepare } from "./prepare.ts";
import { changeService, readService } from "./record.ts";
import { whyItStays, whyNotStopped } from "./retire.ts";
import { readPresent, type Services } from "./services.ts";
import { checkSpec } from "./support.ts";
import { checkStarts } from "./until.ts";
import { daemonsOf, difference, serviceOfDaemon } from "./wanted.ts";
import { applied, normal } from "./writes.ts";

const EBUSY = 16;

/** Stopped as a whole, the cluster could not answer any more. */
const NEVER_STOPPED = ["mon", "mgr", "osd"];

export function daemonWrites(site: Site, services: Services) {
  return {
    async addDaemon({ spec: given }, call) {
      const spec = normal(given);
      if (spec.service_type === "osd")
        throw new ValidationError("OSDs are added with 'ceph orch daemon add osd HOST:DEVICE'");
      const { host, daemons, active } = await readPresent(site);
      checkSpec(spec, await site.describe(), host, site.ceph.release);
      const name = serviceName(spec);
      const known = await changeService(site, name, (record) =>
        record === undefined || record.deleted ? applied(record, { ...spec, unmanaged: true }) : undefined,
      );
      if (known !== undefined) await prepare(site, name, known);
      const asked = { ...spec, unmanaged: false };
      const { add, keep } = difference(asked, host, daemonsOf(spec, daemons), { all: daemons, active });
      const names: string[] = keep.map((daemon) => daemon.name);
      const there = new Set(call.resumed ? [] : names);
      // Taken up again, they were made before; those that are gone since were removed.
      for (const planned of call.resumed ? [] : add) names.push((await deploy(site, spec, planned)).name);
      const texts = names.map((one) =>
        there.has(one)
          ? `${one} is on host '${host.hostname}' already; a larger count makes more`
          : `Deployed ${one} on host '${host.hostname}'`,
      );
      return call.persisted(texts, (operation) => untilStarted(site, services, operation, names));
    },
    async removeDaemons({ names }, call) {
      const hostname = await site.hostname();
      const { daemons } = await readPresent(site);
      for (const name of names) {
        const daemon = daemons.find((one) => one.name === name);
        if (daemon === undefined && call.resumed) continue;
        await checkRemoval(site, named(daemons, name));
      }
      // Taken up again, the wish was written before; what is left of it is in the records.
      if (!call.resumed) for (const name of names) await putIntent(site, name, "remove");
      const texts = names.map((name) => `Removed ${name} from host '${hostname}'`);
      return call.persisted(texts, (operation) => untilDone(site, services, operation, names));
    },
    async serviceAction({ action, service_name: name }, call) {
      const checked = checkAction(action, null);
      const { host, daemons } = await readPresent(site);
      const own = daemons.filter((daemon) => serviceOfDaemon(daemon) === name);
      if (call.resumed && own.length === 0) return [];
      if (own.length === 0 && (await readService(site, name)) === undefined)
        throw new NotFoundError(`service ${name} does not exist; 'ceph orch ls' lists the services`);
      if (own.length === 0) throw new NotFoundError(`service ${name} has no daemons`);
      if (checked === "stop" && NEVER_STOPPED.includes(name.split(".")[0] ?? ""))
        throw new ValidationError(`stopping the whole service ${name} would stop the cluster; stop single daemons`);
      for (const daemon of own) await checkActed(site, checked, daemon);
      return acting(
        checked,
        own,
        own.map((daemon) => scheduled(checked, daemon, host.hostname)),
        call,
        false,
      );
    },
    async daemonAction({ action, daemon_name: name, image, force }, call) {
      const checked = checkAction(action, image);
      const { host, daemons } = await readPresent(site);
      const present = daemons.find((one) => one.name === name);
      if (call.resumed && present === undefined) return `Scheduled to ${checked} ${name} on host '${host.hostname}'`;
      const daemon = named(daemons, name);
      await checkActed(site, checked, daemon);
      if (checked === "stop" && !call.resumed) await checkStop(site, daemon, force);
      // What is said of one daemon by its name is done, but for what --force is asked for.
      return acting(checked, [daemon], scheduled(checked, daemon, host.hostname), call, force || checked !== "stop");
    },
  } satisfies Backend;

  async function acting<T>(
    action: DaemonAction,
    daemons: readonly Daemon[],
    result: T,
    call: WriteCall,
    force: boolean,
  ): Promise<Persisted<T>> {
    const names = daemons.map(({ name }) => name);
    // Taken up again, the wish was written before; what is left of it is in the records.
    if (!call.resumed) for (const name of names) await putIntent(site, name, action, force);
    return call.persisted(result, (operation) => untilDone(site, services, operation, names));
  }
}

function checkAction(action: string, image: string | null): DaemonAction {
  const known = ACTIONS.find((one) => one === action);
  if (known === undefined)
    throw new ValidationError(`action ${JSON.stringify(action)} is not one of ${ACTIONS.join(", ")}`);
  if (image !== null)
    throw new ValidationError(`image ${image}: the local backend runs the host's packages; leave the image out`);
  return known;
}

function named(daemons: readonly Daemon[], name: string): Daemon {
  const daemon = daemons.find((one) => one.name === name);
  if (daemon === undefined) throw new NotFoundError(`daemon ${name} does not exist; 'ceph orch ps' lists the daemons`);
  return daemon;
}

/** A daemon of others' can be taken over, and nothing else be done with it before. */
async function checkActed(site: Site, action: DaemonAction, daemon: Daemon): Promise<void> {
  const { name, type, id, state, labels } = daemon;
  if (state === "foreign") {
    if (action !== "redeploy") throw notOurs(daemon);
    await site.agent.request("daemon/adopt", { name, service: serviceOfDaemon(daemon), check_only: true });
    return;
  }
  const hasPlan = accountOf(type, id, "") !== undefined && labels["index"] !== undefined;
  if (action === "rotate-key" && !hasPlan)
    throw new ValidationError(`the key of ${name} was not made by this backend, which cannot make another one`);
}

function notOurs({ name }: Daemon): ValidationError {
  return new ValidationError(
    `${name} was not started by the agent: control it where it was started, or let 'ceph orch daemon redeploy ${name}' take it over first`,
  );
}

async function checkRemoval(site: Site, daemon: Daemon): Promise<void> {
  if (daemon.state === "foreign") throw notOurs(daemon);
  if (daemon.type === "osd")
    throw new ValidationError(`${daemon.name} holds data; 'ceph orch osd rm ${daemon.id}' moves it away first`);
  const reason = await whyItStays(site, daemon, "removed");
  if (reason !== null) throw new OrchestratorError(`${daemon.name} is not removed: ${reason}`, { errno: EBUSY });
}

async function checkStop(site: Site, daemon: Daemon, force: boolean): Promise<void> {
  const reason = await whyNotStopped(site, daemon, force);
  if (reason !== null) throw new OrchestratorError(`${daemon.name} is not stopped: ${reason}`, { errno: EBUSY });
}

function scheduled(action: string, { name }: Daemon, hostname: string): string {
  return `Scheduled to ${action} ${name} on host '${hostname}'`;
}

/** Waits until what was asked for is done and the daemons that shall run do. */
async function untilDone(
  site: Site,
  services: Services,
  operation: Operation,
  names: readonly string[],
): Promise<void> {
  await services.rounds.until(operation, async () => {
    const intents = await readIntents(site);
    const { daemons } = await readPresent(site);
    checkStarts(daemons.filter(({ name }) => names.includes(name) && intents.get(name)?.begun));
    const waiting = names.filter((name) => intents.has(name));
    const first = waiting.find((name) => services.waitsFor(name) !== undefined) ?? waiting[0];
    if (first === undefined) return null;
    const reason = services.failure(first) ?? services.waitsFor(first);
    const text = `${intents.get(first)?.action ?? ""} ${first}`;
    return [1 - waiting.length / names.length, reason === undefined ? text : `${text}: ${reason}`];
  });
  const refusal = names.map((name) => services.refusal(name)).find((reason) => reason !== undefined);
  if (refusal !== undefined) throw new OrchestratorError(refusal, { errno: EBUSY });
  await untilStarted(site, services, operation, names);
}

async function untilStarted(
  site: Site,
  services: Services,
  operation: Operation,
  names: readonly string[],
): Promise<void> {
  await services.rounds.until(operation, async () => {
    const { daemons } = await readPresent(site);
    const own = daemons.filter(({ name, desired }) => desired === "running" && names.includes(name));
    checkStarts(own);
    const starting = own.filter(({ state }) => state !== "running" && state !== "foreign");
    return starting[0] === undefined ? null : [1 - starting.length / names.length, `starting ${starting[0].name}`];
  });
}
