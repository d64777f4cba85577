/** On which address of the host a service listens, where its spec says. */
import { isIP } from "node:net";

import { type AnySpec, placedHost } from "../../../index.ts";
import type { Site } from "../site.ts";

/** The label of a daemon that has the address on which it listens. */
export const ADDRESS_LABEL = "address";

/** The address that the placement names for this host; undefined: on all of them. */
export async function addressIn(site: Site, spec: AnySpec): Promise<string | undefined> {
  const hostname = await site.hostname();
  const network = spec.placement?.hosts?.map(placedHost).find((host) => host.hostname === hostname)?.network ?? "";
  const address = unbracketed(network);
  return isIP(address) === 0 ? undefined : address;
}

/** An address of IPv6 may stand in brackets. */
export function unbracketed(address: string): string {
  return address.replace(/^\[(.*)\]$/, "$1");
}
