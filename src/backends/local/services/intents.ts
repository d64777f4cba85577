/** What an operator asked to be done with a daemon: kept until it is done, through the death of the manager that does it. */
import { z } from "zod";

import type { Site } from "../site.ts";

export const ACTIONS = ["start", "stop", "restart", "redeploy", "reconfig", "rotate-key"] as const;
export type DaemonAction = (typeof ACTIONS)[number];

const INTENTS = "daemon-actions/";

const intent = z.strictObject({
  action: z.enum([...ACTIONS, "remove"]),
  /** When it was asked for: a daemon that was started later has been restarted. */
  since: z.iso.datetime(),
});
export type Intent = z.output<typeof intent>;

/** What is to be done, by daemon name. */
export async function readIntents(site: Site): Promise<Map<string, Intent>> {
  return site.records.list(INTENTS, intent);
}

/** Writes what is to be done with a daemon; the latest wish counts, and one that is there already keeps its time. */
export async function putIntent(site: Site, name: string, action: Intent["action"]): Promise<void> {
  await site.records.change(`${INTENTS}${name}`, intent, (known) =>
    known?.action === action ? undefined : { action, since: new Date().toISOString() },
  );
}

export async function dropIntent(site: Site, name: string, done: Intent): Promise<void> {
  await site.records.change(`${INTENTS}${name}`, intent, (known) =>
    known?.action === done.action && known.since === done.since ? null : undefined,
  );
}
