/** Mimic, the interface of the seed document: the classic dialect, whose answers are in two places of an older shape. */

import type {
  ClassicServiceDescription,
  InventoryDevice,
  InventoryNode,
  SeedServiceDescription,
} from "../generated/types.ts";
import { classic } from "./classic.ts";
import { withoutNulls } from "./classic-data.ts";
import type { Dialect } from "./dialect.ts";

const SHAPES: Record<string, (answer: unknown) => unknown> = {
  get_inventory: (nodes) => (nodes as InventoryNode[]).map(seedNode),
  describe_service: (daemons) => places(daemons as ClassicServiceDescription[]),
};

export const seed: Dialect = {
  ...classic,
  translate(name, params) {
    const translation = classic.translate(name, params);
    const shape = SHAPES[name];
    return shape === undefined
      ? translation
      : { ...translation, answer: (results) => shape(translation.answer(results)) };
  },
};

/** Without the fields that Nautilus added, and with Mimic's own word for what does not rotate. */
function seedNode({ name, devices }: InventoryNode): InventoryNode {
  return {
    name,
    devices: devices.map(({ rotates, blank, id, size, extended }) => {
      const flash = id?.startsWith("/dev/nvme") === true ? "nvme" : "ssd";
      return withoutNulls<InventoryDevice>({ type: rotates === true ? "hdd" : flash, blank, id, size, extended });
    }),
  };
}

/** Mimic describes a service by the places of its daemons. */
function places(daemons: readonly ClassicServiceDescription[]): SeedServiceDescription {
  return {
    locations: daemons.map(({ nodename, container_id, service_instance }) => ({
      nodename: nodename ?? null,
      container_id: container_id ?? null,
      daemon_name: service_instance ?? null,
    })),
  };
}
