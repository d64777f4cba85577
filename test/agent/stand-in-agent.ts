/** A real agent whose daemons are stand-ins, and whose waits are short. Its only word: the settings as JSON. */
import { join } from "node:path";

import { Agent } from "../../src/agent/agent.ts";
import { DAEMON_KINDS, type DaemonKind } from "../../src/agent/daemon-types.ts";
import { createLog } from "../../src/agent/log.ts";
import type { DaemonType } from "../../src/agent/protocol.ts";
import type { AgentSettings } from "../../src/agent/settings.ts";

const script = join(import.meta.dirname, "stand-in-daemon.ts");

function standIn(type: DaemonType): DaemonKind {
  return {
    ...DAEMON_KINDS[type],
    binary: process.env["STAND_IN_MISSING"] === type ? "/nonexistent/ceph-daemon" : process.execPath,
    prepared: type === "osd" ? "osd/prepare" : "deploy",
    args: ({ id, data, adminSocket }) => [script, "--id", id, "--data", data, "--admin-socket", adminSocket],
    environment: () => ({}),
    hasAdminSocket: type !== "crash",
    stopWithinMs: 700,
  };
}

const kinds = Object.fromEntries(
  Object.keys(DAEMON_KINDS).map((type) => [type, standIn(type as DaemonType)]),
) as Record<DaemonType, DaemonKind>;

const parts = {
  version: "0.0.0",
  log: createLog("debug"),
  kinds,
  pace: { firstDelayMs: 50, longestDelayMs: 400, healthyMs: 600_000, settledMs: 50, silentMs: 5000, killMs: 5000 },
  hostHandlers: (): never => ({}) as never,
  describeHost: () => Promise.reject(new Error("a stand-in agent has no host")),
  beforeStart: () => Promise.resolve(),
};

const settings = JSON.parse(process.argv[2] ?? "{}") as AgentSettings;
const agent = await Agent.start({ ...settings, roots: new Map() }, parts);
await agent.listen();
process.once("SIGTERM", () => {
  void agent.close().then(() => process.exit(0));
});
