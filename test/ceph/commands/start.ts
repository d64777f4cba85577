/** The make-believe cluster that the suites in this folder begin with, and what they have in common. */
import { afterEach, beforeAll, it } from "vitest";

import { missing, type Release } from "../../../testbed/cluster.ts";
import type { ClusterWithModule } from "../cluster-with-module.ts";

export type At = () => ClusterWithModule;

/** The releases whose commands begin with `orch`. */
export type ModernRelease = Exclude<Release, "nautilus">;

/** Three hosts with three hard disks (sdb to sdd) and one of flash (sde) each. */
export const START = {
  hosts: [
    { hostname: "h1", addr: "10.1.1.1", labels: ["_admin"] },
    { hostname: "h2", addr: "10.1.1.2", labels: [] },
    { hostname: "h3", addr: "10.1.1.3", labels: [] },
  ],
  generate: { devices_per_host: 4 },
} as const;

/** Registers hooks: the tests of this `describe` begin with these options, and none of them harms the mgr. */
export function beginningWith(at: At, release: Release, options: object): void {
  const possible = missing(release) === null;
  beforeAll(async () => {
    if (possible) await at().reset(options);
  });
  afterEach(() => {
    if (possible) at().expectNoHarm();
  });
}

/** Whether a command or type that came with `since` is in `release`. */
export function has(release: Release, since: Release): boolean {
  const order: readonly Release[] = ["nautilus", "pacific", "reef", "tentacle"];
  return order.indexOf(release) >= order.indexOf(since);
}

/** `it` on the releases that have a command, those since `first`. On others there is nothing to test, so nothing to skip. */
export function itSince(first: Release, release: Release): (name: string, test: () => Promise<void>) => void {
  return has(release, first) ? it : () => undefined;
}
