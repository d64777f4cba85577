import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { Agent, type AgentParts } from "../../src/agent/agent.ts";
import { createLog } from "../../src/agent/log.ts";
import type { AgentSettings } from "../../src/agent/settings.ts";
import { settingsIn } from "./settings-in.ts";

const PARTS: AgentParts = {
  version: "0.0.0",
  log: createLog("error"),
  hostHandlers: (): never => ({}) as never,
  describeHost: () => Promise.reject(new Error("a host is not asked for here")),
  beforeStart: () => Promise.resolve(),
};

it.each<[string, Partial<AgentSettings>, string]>([
  ["a user", { user: "nobodyatall" }, "--user nobodyatall: there is no such user on this host"],
  ["a root folder", { roots: new Map([["", "/no/such/root"]]) }, "--root /no/such/root: there is no such folder"],
  ["a root folder of one type", { roots: new Map([["mon", "/no/such"]]) }, "--root /no/such: there is no such folder"],
  ["a root folder that is a file", { roots: new Map([["", "/etc/passwd"]]) }, "--root /etc/passwd: there is no such"],
])("%s that is not there is refused before the agent takes its folder", async (_, change, message) => {
  const folder = mkdtempSync(join(tmpdir(), "orchbridge-start-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const settings = { ...settingsIn(folder), ...change };
  await expect(Agent.start(settings, PARTS)).rejects.toThrow(message);
  expect(existsSync(settings.stateDir)).toBe(false);
});
