/** Whether the ports that a service would listen on are free, before anything is written down. */
import type { Daemon } from "../../../agent/client.ts";
import { type ServiceSpec, serviceName, ValidationError } from "../../../index.ts";
import type { Site } from "../site.ts";
import { readPresent } from "./services.ts";
import { daemonsOf, difference, planOf } from "./wanted.ts";

/** Throws ValidationError for a port that another daemon was promised, or another process holds. */
export async function checkPorts(site: Site, spec: ServiceSpec): Promise<void> {
  const { host, daemons, active } = await readPresent(site);
  const own = daemonsOf(spec, daemons);
  const { add, keep } = difference(spec, host, own, { all: daemons, active });
  const kept = keep.flatMap((daemon) => planOf(spec, host.hostname, daemon) ?? []);
  const held = new Set(own.flatMap(({ ports }) => ports));
  const wanted = [...add, ...kept].flatMap((planned) => planned.ports);
  const twice = wanted.find((port, index) => wanted.indexOf(port) < index);
  if (twice !== undefined) throw taken(spec, twice, "another daemon of the service");
  const ports = wanted.filter((port) => !held.has(port));
  if (ports.length === 0) return;
  const promised = daemons.find((daemon) => !own.includes(daemon) && portIn(daemon, ports) !== undefined);
  if (promised !== undefined) throw taken(spec, portIn(promised, ports), promised.name);
  const [first] = await site.agent.request("port/taken", { ports });
  if (first !== undefined) throw taken(spec, first.port, first.by);
}

function portIn({ ports }: Daemon, wanted: readonly number[]): number | undefined {
  return ports.find((port) => wanted.includes(port));
}

function taken(spec: ServiceSpec, port: number | undefined, by: string): ValidationError {
  return new ValidationError(`${serviceName(spec)}: port ${port} is taken by ${by}; choose another one`);
}
