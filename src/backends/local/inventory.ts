/** The inventory: the host's devices, with the OSDs that use them. */
import type { Backend } from "../../index.ts";
import { addressOf } from "./hosts/address.ts";
import { readHost } from "./hosts/record.ts";
import { readHostState } from "./osds/host-state.ts";
import type { Site } from "./site.ts";

export function inventoryReads(site: Site) {
  return {
    async getInventory({ refresh }) {
      const [{ host, devices }, record] = await Promise.all([readHostState(site, refresh), readHost(site)]);
      const { labels } = record;
      return [
        {
          name: host.hostname,
          addr: await addressOf(site, record),
          labels,
          devices: devices.map(({ device }) => device),
        },
      ];
    },
  } satisfies Backend;
}
