/** The contract suite on the local backend, whose agent and whose monitors are stand-ins. */
import { afterAll, beforeAll, test, vi } from "vitest";

import { backendContract, type TestFunction } from "../../../src/contract/index.ts";
import { DOOMED, INSTALLED, StandInCluster } from "./stand-in-cluster.ts";
import { HOSTNAME } from "./stand-in-host.ts";

/** Most cases wait for background rounds most of the time. */
vi.setConfig({ maxConcurrency: 12 });

/** A removal waits for statistics of the manager twice, for ten seconds each; here they pass in two. */
const FASTER = 5;

beforeAll(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const [began, at] = [Date.now(), performance.now()];
  const clock = setInterval(() => vi.setSystemTime(began + (performance.now() - at) * FASTER), 20);
  return () => clearInterval(clock);
});
afterAll(() => void vi.useRealTimers());

const cases: Parameters<TestFunction>[] = [];
backendContract(
  (...each) => cases.push(each),
  () => new StandInCluster().world(),
  {
    // Far more than it takes, for a machine that has much else to do.
    settlesWithin: 60_000,
    answersWithin: 60_000,
    // What is written is worked on in the background, whether anybody waits for it or not.
    convergesByItself: true,
    samples: {
      // The host of the agent is the only one there is.
      newHosts: [{ hostname: HOSTNAME, addr: "10.99.0.1", labels: [], status: "" }],
      upgrade: { version: INSTALLED },
      doomed: { method: "applyService", params: { spec: { service_type: "mds", service_id: DOOMED } } },
    },
  },
);
test.concurrent.for(cases)("%s", { timeout: 600_000 }, ([, run], context) => run(context));
