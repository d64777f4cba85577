/** The short form of the local crash matrix (`npm run local-crash` is the whole): each activity and each fault once. */
import { beforeAll, describe, expect, it } from "vitest";

import { missing } from "../../../testbed/cluster.ts";
import { seeded } from "../../crash-matrix/plan.ts";
import { ACTIVITIES, type Wanted } from "../../local-crash/activities.ts";
import { begin, OPTIONS } from "../../local-crash/beginning.ts";
import { faultNamed } from "../../local-crash/faults.ts";
import { oneRun } from "../../local-crash/one-run.ts";
import { localCluster } from "./local-cluster.ts";

const RUNS = [
  ["an OSD is created", "agent killed"],
  ["an OSD is removed", "mgr killed"],
  ["MDS daemons are added or removed", "Node killed"],
  ["an OSD is created", "daemon killed"],
  ["an OSD is replaced", "Node killed"],
  ["an OSD is removed", "mgr, agent and OSDs killed"],
] as const;

describe("a host on tentacle", () => {
  const at = localCluster({ release: "tentacle", name: "local-crash", options: OPTIONS });
  const random = seeded(4);
  let wanted: Wanted;

  beforeAll(async () => {
    if (missing("tentacle") === null) wanted = await begin(at());
  });

  it.each(RUNS)("comes to rest as wanted with all its data when %s and %s", async (activity, fault) => {
    const acting = ACTIVITIES.find(({ name }) => name === activity)!;
    const outcome = await oneRun(at(), wanted, acting, faultNamed(fault), random);
    wanted = outcome.wanted;
    expect(outcome.broken).toEqual([]);
  });
});
