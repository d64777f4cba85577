import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    teardownTimeout: 60_000,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/ceph/**"],
          // None takes more than a few seconds; the rest is for a machine that does much else.
          testTimeout: 90_000,
          hookTimeout: 90_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "ceph",
          include: ["test/ceph/**/*.test.ts"],
          // Each file brings up a real mon and mgr; more than two at once only makes all of them slow.
          maxWorkers: 2,
          // A `ceph orch` command that meets a restarting mgr waits for it, up to half a minute each.
          testTimeout: 240_000,
          // The first use of a release prepares its folder: a debootstrap and an apt run.
          hookTimeout: 900_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
