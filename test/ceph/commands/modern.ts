/** Every command of Pacific and later, through the real `ceph`, against the memory backend. */
import { describe } from "vitest";

import { clusterWithModule } from "../cluster-with-module.ts";
import { applyCommands } from "./applying.ts";
import { controlCommands } from "./control.ts";
import { daemonCommands } from "./daemons.ts";
import { deviceCommands } from "./devices.ts";
import { hostCommands } from "./hosts.ts";
import { osdCommands } from "./osds.ts";
import { serviceCommands } from "./services.ts";
import { type ModernRelease, START } from "./start.ts";
import { tunedProfileCommands } from "./tuned-profiles.ts";
import { unsupportedCommands } from "./unsupported.ts";
import { upgradeCommands } from "./upgrades.ts";
import { volumeCommands } from "./volumes.ts";

/** Declares the tests of one release, on one cluster. */
export function modernCommands(release: ModernRelease): void {
  describe(`ceph orch on ${release}`, () => {
    const at = clusterWithModule({ release, name: "commands", options: START });
    controlCommands(at, release);
    hostCommands(at, release);
    deviceCommands(at, release);
    serviceCommands(at, release);
    applyCommands(at, release);
    daemonCommands(at, release);
    osdCommands(at, release);
    upgradeCommands(at, release);
    tunedProfileCommands(at, release);
    volumeCommands(at, release);
    unsupportedCommands(at, release);
  });
}
