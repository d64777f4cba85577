import { z } from "zod";

import type { RadosClient } from "./rados-client.ts";

const schema = z.object({
  active_gid: z.number(),
  active_name: z.string(),
  available: z.boolean(),
  modules: z.array(z.string()),
  services: z.record(z.string(), z.string()),
  standbys: z.array(z.object({ gid: z.number(), name: z.string() })),
});

/** What the monitor knows of the managers. */
export type MgrMap = z.infer<typeof schema>;

export async function readMgrMap(client: RadosClient): Promise<MgrMap> {
  const { ret, out, err } = await client.mon({ prefix: "mgr dump", format: "json" });
  if (ret !== 0) throw new Error(`mgr dump: ${err} (${ret})`);
  return schema.parse(JSON.parse(out));
}

/** The gids under which a mgr is known: its current one, and for a moment that of its former life. */
export function gidsOf(map: MgrMap, id: string): number[] {
  const active = map.active_name === id ? [map.active_gid] : [];
  return [...active, ...map.standbys.filter((standby) => standby.name === id).map((standby) => standby.gid)];
}
