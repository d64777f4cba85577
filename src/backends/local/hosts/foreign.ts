/** What is said of daemons that somebody else started: nothing is done to them before the agent has taken them over. */
import type { Daemon } from "../../../agent/client.ts";

export function isForeign({ state }: Daemon): boolean {
  return state === "foreign";
}

/** With what follows from it, such as ` and stays`. */
export function notOurs({ name }: Daemon, consequence = ""): string {
  return `${name} was not started by the agent${consequence}; 'ceph orch daemon redeploy ${name}' lets the agent take it over`;
}
