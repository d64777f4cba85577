import { describe } from "vitest";

import { localCluster } from "./local-cluster.ts";
import { localSession } from "./session.ts";

describe("the local backend on pacific", () => {
  localSession(localCluster({ release: "pacific", name: "session" }), "16.2.15");
});
