/** `ceph orch pause`, `resume` and `cancel`: while paused, the background work of every part rests. */
import { z } from "zod";

import type { Backend } from "../../index.ts";
import type { Rounds } from "./rounds.ts";
import type { Site } from "./site.ts";

const PAUSED = "paused";

/** Whether background work is paused; it stays so through restarts. */
export async function isPaused(site: Site): Promise<boolean> {
  return (await site.records.get(PAUSED, z.boolean())) ?? false;
}

/**
 * Holds for these rounds; those of the upgrade rest by themselves, since they put back what must not last as long as a pause may.
 * `changed` makes it known that availability's details changed.
 */
export function control(site: Site, rounds: readonly Rounds[], upgrade: Rounds, changed: () => void) {
  for (const each of rounds) each.pausedWhile(() => isPaused(site));
  const all = [...rounds, upgrade];
  return {
    async pause() {
      await site.records.put(PAUSED, z.boolean(), true);
      upgrade.kick();
      changed();
    },
    async resume() {
      await site.records.delete(PAUSED, z.boolean());
      for (const each of all) each.kick();
      changed();
    },
    cancelCompletions() {
      for (const each of all) each.cancel();
    },
  } satisfies Backend;
}
