/** What an operator asked to be done with a daemon: kept until it is done, through the death of the manager that does it. */
import { z } from "zod";

import type { Site } from "../site.ts";

export const ACTIONS = ["start", "stop", "restart", "redeploy", "reconfig", "rotate-key"] as const;
export type DaemonAction = (typeof ACTIONS)[number];

const INTENTS = "daemon-actions/";

const intent = z.strictObject({
  action: z.enum([...ACTIONS, "remove"]),
  since: z.iso.datetime(),
  /** True where the cluster's objections do not count: the one daemon was named for a restart, or --force was said. */
  force: z.boolean().default(false),
  /** What the daemon was before its restart, which is under way; null before that. */
  begun: z.strictObject({ pid: z.int().nullable(), known: z.string().nullable() }).nullable().default(null),
});
export type Intent = z.output<typeof intent>;

/** What is to be done, by daemon name. */
export async function readIntents(site: Site): Promise<Map<string, Intent>> {
  return site.records.list(INTENTS, intent);
}

/** Writes what is to be done with a daemon. The latest wish counts; the same one is not written again before it is begun. */
export async function putIntent(site: Site, name: string, action: Intent["action"], force = false): Promise<void> {
  await site.records.change(`${INTENTS}${name}`, intent, (known) =>
    known?.action === action && known.begun === null && known.force === force
      ? undefined
      : { action, since: new Date().toISOString(), force },
  );
}

/** Notes that the restart begins; false where something else is wanted of the daemon by now. */
export async function beginIntent(
  site: Site,
  name: string,
  wish: Intent,
  begun: NonNullable<Intent["begun"]>,
): Promise<boolean> {
  const after = await site.records.change(`${INTENTS}${name}`, intent, (known) =>
    isSame(known, wish) ? { ...wish, begun } : undefined,
  );
  return isSame(after, wish);
}

export async function dropIntent(site: Site, name: string, done: Intent): Promise<void> {
  await site.records.change(`${INTENTS}${name}`, intent, (known) => (isSame(known, done) ? null : undefined));
}

function isSame(known: Intent | undefined, wish: Intent): boolean {
  return known?.action === wish.action && known.since === wish.since;
}
