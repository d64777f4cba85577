/** The host's address, as Ceph's modules hand it on to clients. */
import { z } from "zod";

import type { Site } from "../site.ts";
import type { HostRecord } from "./record.ts";

const monMap = z.object({
  mons: z.array(z.object({ public_addrs: z.object({ addrvec: z.array(z.object({ addr: z.string() })) }) })),
});

/**
 * What the operator said; else the IP address by which the monitors of this host are reached, as cephadm takes it at bootstrap;
 * else the first of the host's own. A bare name would not do: mgr/nfs leaves a server out whose address it cannot resolve.
 */
export async function addressOf(site: Site, { addr }: HostRecord): Promise<string> {
  if (addr !== null) return addr;
  const { hostname, addresses } = await site.describe();
  const { mons } = await site.map("mon_map", monMap);
  const ofMons = mons.flatMap(({ public_addrs: { addrvec } }) => addrvec.map((one) => ipOf(one.addr)));
  return ofMons.find((ip) => addresses.includes(ip)) ?? addresses[0] ?? hostname;
}

/** `10.0.0.1` of `10.0.0.1:3300`, `fd00::1` of `[fd00::1]:3300`. */
function ipOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
}
