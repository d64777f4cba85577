/** What `ceph progress` knows. */
import { until } from "../../testbed/cluster.ts";
import type { ClusterWithModule } from "./cluster-with-module.ts";

export interface ProgressEvent {
  readonly id: string;
  readonly message: string;
  readonly progress?: number;
  readonly failed?: boolean;
}

interface Known {
  readonly events: readonly ProgressEvent[];
  readonly completed: readonly ProgressEvent[];
}

function known(at: ClusterWithModule): Promise<Known> {
  return at.read<Known>("progress json");
}

/** The events under way whose message holds `text`. */
export async function runningEvents(at: ClusterWithModule, text: string): Promise<ProgressEvent[]> {
  return (await known(at)).events.filter(({ message }) => message.includes(text));
}

/** Waits until such an event runs. */
export function eventRuns(at: ClusterWithModule, text: string): Promise<ProgressEvent> {
  return until(`an event ${text}`, 10_000, async () => (await runningEvents(at, text))[0]);
}

/** Waits until no such event runs any more and one is among the completed. */
export function eventEnds(at: ClusterWithModule, text: string): Promise<ProgressEvent> {
  let last: Known | undefined;
  return until(
    () => `the end of the event ${text}; there is ${JSON.stringify(last)}`,
    10_000,
    async () => {
      last = await known(at);
      if (last.events.some(({ message }) => message.includes(text))) return undefined;
      return last.completed.find(({ message }) => message.includes(text));
    },
  );
}
