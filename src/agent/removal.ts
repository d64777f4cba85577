/** Takes a daemon off this host. Begun again after a crash, it goes on where it was. */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { clearAway } from "./daemon-files.ts";
import { leadsOut } from "./other-root.ts";
import type { Supervised } from "./supervised.ts";
import type { Supervision } from "./supervision.ts";

/** Stops it, clears its folder away, then forgets it. Its entry says already that it is being removed. */
export async function removeDaemon(daemon: Supervised, site: Supervision): Promise<void> {
  const { name } = daemon;
  const entry = site.manifest.get(name);
  if (entry === undefined) return;
  await daemon.stop();
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const aside = entry.removing === "keep_data" ? join(site.stateDir, "removed", `${name}-${stamp}`) : undefined;
  const folder = site.plans.folderOf(name, entry);
  const root = entry.adopted?.root ?? null;
  if (root !== null && folder.startsWith(root) && leadsOut(root, folder))
    site.log.warn(`${name}: ${folder} is left as it is: a link on its way leads out of ${root}`);
  else await clearAway(folder, aside);
  await site.manifest.put(name, undefined);
  await daemon.forget();
  rmSync(daemon.outputPath, { force: true });
  rmSync(`${daemon.outputPath}.1`, { force: true });
}
