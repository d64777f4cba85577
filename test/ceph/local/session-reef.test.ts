import { describe } from "vitest";

import { localCluster } from "./local-cluster.ts";
import { localSession } from "./session.ts";

describe("the local backend on reef", () => {
  localSession(localCluster({ release: "reef", name: "session" }), "18.2.7");
});
