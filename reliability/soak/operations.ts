/** The operations that troubles left behind, as an operator clears them up. */
import { type Cluster, until } from "../../testbed/cluster.ts";
import { type Sample, sample } from "./samples.ts";

const CLEAR_MS = 60_000;

/** Forgets what failed: a backend that lost its data cannot restart a daemon that it does not know. Gives their number. */
export async function forgetFailed(cluster: Cluster): Promise<number> {
  const { ret, out, err } = await cluster.rados().mgr({ prefix: "orchbridge op ls", format: "json" });
  if (ret !== 0) throw new Error(`orchbridge op ls: ${err} (${ret})`);
  const failed = (JSON.parse(out) as { call: string; state: string }[]).filter(({ state }) => state === "failed");
  for (const { call: id } of failed) await forget(cluster, id);
  return failed.length;
}

async function forget(cluster: Cluster, id: string): Promise<void> {
  // Up to Pacific the flag is one of a choice of words or text, later it is a boolean.
  const command = { prefix: "orchbridge op forget", id, yes_i_really_mean_it: true };
  const { ret, err } = await cluster.rados().mgr(command);
  // A write that was equal and succeeded meanwhile has made up for it.
  if (ret !== 0 && !err.includes("there is no operation")) throw new Error(`orchbridge op forget: ${err} (${ret})`);
}

/** Waits until nothing is unfinished: neither in the journal nor among the progress events. */
export function finished(cluster: Cluster, begin: number): Promise<Sample> {
  let last: Sample | undefined;
  return until(
    () => `the operations to finish; ${last?.journal} stand in the journal, ${last?.events} events run`,
    CLEAR_MS,
    async () => {
      await forgetFailed(cluster);
      last = await sample(cluster, begin);
      return last.journal === 0 && last.events === 0 ? last : undefined;
    },
    500,
  );
}
