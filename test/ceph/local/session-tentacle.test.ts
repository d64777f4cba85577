import { describe, expect } from "vitest";

import { localCluster } from "./local-cluster.ts";
import { localSession } from "./session.ts";

describe("the local backend on tentacle", () => {
  // Debian's sid moves on.
  localSession(localCluster({ release: "tentacle", name: "session" }), expect.stringMatching(/^20\.2\.\d+$/));
});
