/** Which daemons of several do the work right now, the others being on standby. */
import { z } from "zod";

import type { Site } from "../site.ts";

const mgrMap = z.object({ active_name: z.string() });

const fsMap = z.object({
  filesystems: z.array(
    z.object({
      mdsmap: z.object({
        info: z.record(z.string(), z.object({ name: z.string(), rank: z.int(), state: z.string() })),
      }),
    }),
  ),
});

/** The names of the active manager and of the metadata servers that have a rank. */
export async function activeDaemons(site: Site): Promise<Set<string>> {
  const { active_name: mgr } = await site.map("mgr_map", mgrMap);
  const { filesystems } = await site.map("fs_map", fsMap);
  const ranked = filesystems.flatMap(({ mdsmap: { info } }) =>
    Object.values(info).filter(({ state }) => /^up:(?!standby)/.test(state)),
  );
  return new Set([...(mgr === "" ? [] : [`mgr.${mgr}`]), ...ranked.map(({ name }) => `mds.${name}`)]);
}
