/** The settings of an agent whose places are all below one folder. */
import { userInfo } from "node:os";
import { join } from "node:path";

import type { AgentSettings } from "../../src/agent/settings.ts";

export function settingsIn(folder: string): AgentSettings {
  return {
    stateDir: join(folder, "state"),
    socketPath: join(folder, "agent.sock"),
    group: undefined,
    conf: join(folder, "ceph.conf"),
    dataDir: join(folder, "data"),
    runDir: join(folder, "run"),
    user: userInfo().username,
    roots: new Map(),
    light: undefined,
  };
}
