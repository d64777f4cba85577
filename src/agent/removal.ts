/** Takes a daemon off this host. Begun again after a crash, it goes on where it was. */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { clearAway } from "./daemon-files.ts";
import type { Supervised, Supervision } from "./supervised.ts";

/** Stops it, clears its folder away, then forgets it. Its entry says already that it is being removed. */
export async function removeDaemon(daemon: Supervised, site: Supervision): Promise<void> {
  const { name } = daemon;
  const entry = site.manifest.get(name);
  if (entry === undefined) return;
  await daemon.stop();
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const aside = entry.removing === "keep_data" ? join(site.stateDir, "removed", `${name}-${stamp}`) : undefined;
  await clearAway(site.plans.folderOf(name, entry), aside);
  await site.manifest.put(name, undefined);
  await daemon.forget();
  rmSync(daemon.outputPath, { force: true });
  rmSync(`${daemon.outputPath}.1`, { force: true });
}
