/** Every command of Pacific and later, through the real `ceph`, against the memory backend. */
import { describe } from "vitest";

import { clusterWithModule } from "../cluster-with-module.ts";
import { deviceCommands } from "./devices.ts";
import { hostCommands } from "./hosts.ts";
import { type ModernRelease, START } from "./start.ts";

export function modernCommands(release: ModernRelease): void {
  describe(`ceph orch on ${release}`, () => {
    const at = clusterWithModule({ release, name: "commands", options: START });
    hostCommands(at, release);
    deviceCommands(at, release);
  });
}
