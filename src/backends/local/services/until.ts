/** How far a write on services is: what an operation waits for, and when it is given up. */
import type { Daemon } from "../../../agent/client.ts";
import { OrchestratorError } from "../../../index.ts";
import type { Site } from "../site.ts";
import { readService, readServices } from "./record.ts";
import { readPresent, type Services } from "./services.ts";
import { daemonsOf, difference } from "./wanted.ts";

type Look = () => Promise<readonly [fraction: number, text: string] | null>;

/** After so many ends in a row an operation fails; the agent goes on trying all the same. */
const ENDS = 3;

/** Null once the service runs as its spec says, or was removed meanwhile. Throws where a daemon of it does not start. */
export function untilRunning(site: Site, services: Services, name: string): Look {
  return async () => {
    const record = await readService(site, name);
    if (record === undefined || record.deleted || record.spec.unmanaged === true) return null;
    const present = await readPresent(site);
    const own = daemonsOf(record.spec, present.daemons);
    const { add, remove, keep } = difference(record.spec, present.host, own, {
      all: present.daemons,
      active: present.active,
    });
    checkStarts(keep);
    const waiting = keep.filter(
      ({ desired, state }) => desired === "running" && state !== "running" && state !== "foreign",
    );
    const left = add.length + remove.length + waiting.length;
    if (left === 0) return null;
    const what = add[0]?.name ?? waiting[0]?.name ?? remove[0]?.name ?? name;
    return [1 - left / (keep.length + add.length + remove.length), told(services, name, what)];
  };
}

/**
 * Null once every service has its daemons where they belong, as after a change of the host's labels. The monitors and managers
 * of the only host stay through all of it.
 */
export function untilPlaced(site: Site, services: Services): Look {
  return async () => {
    for (const [name, { spec }] of await readServices(site)) {
      if (["osd", "mon", "mgr"].includes(spec.service_type)) continue;
      const left = await untilRunning(site, services, name)();
      if (left !== null) return left;
    }
    return null;
  };
}

/** Null once the service is gone, or was applied again meanwhile. */
export function untilGone(site: Site, services: Services, name: string): Look {
  return async () => {
    const record = await readService(site, name);
    if (record?.deleted !== true) return null;
    const { daemons } = await readPresent(site);
    const [first] = daemonsOf(record.spec, daemons);
    return [0, told(services, name, `removing ${first?.name ?? name}`)];
  };
}

function told(services: Services, name: string, what: string): string {
  const failure = services.failure(name);
  return failure === undefined ? what : `${what}: ${failure}`;
}

/** Throws for a daemon that ends again and again. */
export function checkStarts(daemons: readonly Daemon[]): void {
  const ended = daemons.find(({ state, crashes }) => (state === "backoff" || state === "failed") && crashes >= ENDS);
  if (ended !== undefined)
    throw new OrchestratorError(
      `${ended.name} does not stay up: it ${ended.last_exit ?? "ended"} (${ended.crashes} times)`,
    );
}
