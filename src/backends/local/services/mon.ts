/** A monitor more: what its store is made from, and on which address it listens. */
import { z } from "zod";

import type { DaemonDefinition } from "../../../agent/client.ts";
import { type AnySpec, OrchestratorError } from "../../../index.ts";
import type { Site } from "../site.ts";
import { addressIn } from "./networks.ts";
import type { Planned } from "./wanted.ts";

const addressVector = z.object({ addrvec: z.array(z.object({ type: z.string(), addr: z.string() })) });

const monDump = z.object({
  fsid: z.string(),
  quorum: z.array(z.int()).default([]),
  mons: z.array(z.object({ name: z.string(), rank: z.int(), public_addrs: addressVector })),
});
export type MonDump = z.output<typeof monDump>;

const LAST_PORT = 65_535;

const FIRST_PORTS: Readonly<Record<string, number>> = { v2: 3300, v1: 6789 };

/** The monitors as they see each other. */
export function readMons(site: Site): Promise<MonDump> {
  return site.monJson({ prefix: "mon dump" }, monDump);
}

/** The part of a definition that only monitors have. The address of one that is in the map already stays. */
export async function monPlace(
  site: Site,
  spec: AnySpec,
  planned: Planned,
): Promise<Pick<DaemonDefinition, "mon" | "address" | "ports">> {
  const mons = await readMons(site);
  const keyring = await site.mon({ prefix: "auth get", entity: "mon." });
  const others = mons.mons.filter(({ name }) => name !== planned.id);
  const hosts = others.map(({ public_addrs: { addrvec } }) => text(addrvec)).join(",");
  const own = mons.mons.find(({ name }) => name === planned.id)?.public_addrs.addrvec;
  const addresses = own ?? (await freeAddress(site, mons, await addressIn(site, spec), planned));
  const ports = addresses.map(({ addr }) => portOf(addr));
  return { mon: { keyring, fsid: mons.fsid, hosts }, address: text(addresses), ports };
}

type Addresses = MonDump["mons"][number]["public_addrs"]["addrvec"];

function text(addresses: Addresses): string {
  return `[${addresses.map(({ type, addr }) => `${type}:${addr}`).join(",")}]`;
}

/** So many ports in a row that others have are passed over. */
const TRIES = 100;

/** The next address whose ports no other process has, either: nobody said which they have to be. */
async function freeAddress(
  site: Site,
  mons: MonDump,
  given: string | undefined,
  { name }: Planned,
): Promise<Addresses> {
  const daemons = await site.agent.request("daemon/list", {});
  // It may run already and not be in the map yet.
  const own = daemons.find((daemon) => daemon.name === name)?.ports ?? [];
  const unusable = new Set(daemons.flatMap((daemon) => (daemon.name === name ? [] : daemon.ports)));
  for (let tries = 1; ; tries += 1) {
    const addresses = nextAddress(mons, given, unusable);
    const ports = addresses.map(({ addr }) => portOf(addr)).filter((port) => !own.includes(port));
    const taken = ports.length === 0 ? [] : await site.agent.request("port/taken", { ports });
    const [first] = taken;
    if (first === undefined) return addresses;
    if (tries === TRIES)
      throw new OrchestratorError(
        `${name}: no free port was found for it; the last one tried, ${first.port}, is taken by ${first.by}`,
      );
    for (const { port } of taken) unusable.add(port);
  }
}

/** The address and the protocols of the first monitor, with ports that no monitor has, and that are not `unusable`. */
export function nextAddress(
  { mons }: MonDump,
  given: string | undefined,
  unusable: ReadonlySet<number> = new Set(),
): Addresses {
  const first = mons[0]?.public_addrs.addrvec;
  if (first === undefined) throw new OrchestratorError("there is no monitor to follow");
  const ofMons = mons.flatMap(({ public_addrs: { addrvec } }) => addrvec.map(({ addr }) => portOf(addr)));
  const taken = new Set([...ofMons, ...unusable]);
  return first.map(({ type, addr }) => {
    let port = given === undefined ? portOf(addr) : (FIRST_PORTS[type] ?? portOf(addr));
    while (taken.has(port)) port += 1;
    if (port > LAST_PORT) throw new OrchestratorError("no port is left for a monitor");
    taken.add(port);
    const host = given === undefined ? addr.slice(0, addr.lastIndexOf(":")) : bracketed(given);
    return { type, addr: `${host}:${port}` };
  });
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1).replace(/\/\d+$/, ""));
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/**
 * Why a monitor may not go now; null when the others keep a majority: of themselves when it is removed, of all when it is stopped,
 * since then it counts as before. Those that are `down` may seem to be in the quorum still.
 */
export function whyMonStays(
  { mons, quorum }: MonDump,
  name: string,
  how: "removed" | "stopped",
  down: ReadonlySet<string> = new Set(),
): string | null {
  const mon = mons.find((one) => one.name === name);
  if (mon === undefined) return null;
  if (mons.length === 1) return `mon.${name} is the only monitor`;
  const others = mons.filter((one) => one !== mon);
  const present = others.filter((one) => quorum.includes(one.rank) && !down.has(one.name)).length;
  if (present > (how === "removed" ? others : mons).length / 2) return null;
  return `only ${present} of the other ${others.length} monitors are in quorum`;
}
