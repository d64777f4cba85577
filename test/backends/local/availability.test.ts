import { describe, expect, it } from "vitest";

import { PROTOCOL } from "../../../src/agent/client.ts";
import { availability } from "../../../src/backends/local/availability.ts";
import { AgentError, FSID, HOSTNAME, StandInHost } from "./stand-in-host.ts";

/** What the backend says where the agent describes itself as usual but for `differences`. */
async function saidOf(differences: object) {
  const host = new StandInHost();
  const site = await host.site();
  const usual = await site.describe();
  host.agent["agent/describe"] = () => ({ ...usual, ...differences });
  return availability(site);
}

describe("the local backend", () => {
  it("is available where its agent is of its own version or a newer one", async () => {
    expect(await saidOf({})).toMatchObject({ ok: true, details: { host: HOSTNAME, paused: false } });
    expect(await saidOf({ protocol: PROTOCOL + 1 })).toMatchObject({ ok: true });
  });

  it("says how to replace an agent of before", async () => {
    expect(await saidOf({ protocol: undefined })).toEqual({
      ok: false,
      reason: `the agent of ${HOSTNAME} is older than this backend: restart it with 'systemctl restart orchbridge-agent' (its daemons run on)`,
    });
  });

  it("serves no other cluster than the agent", async () => {
    const fsid = "11111111-1111-4111-8111-111111111111";
    expect(await saidOf({ fsid })).toMatchObject({
      ok: false,
      reason: expect.stringContaining(`${fsid}, not this one (${FSID})`) as string,
    });
    expect(await saidOf({ fsid: null })).toMatchObject({ ok: true });
  });

  it("says what hinders the agent", async () => {
    const host = new StandInHost();
    const site = await host.site();
    host.agent["agent/describe"] = () => {
      throw new AgentError("UnavailableError", "the disk of its folder is full");
    };
    expect(await availability(site)).toEqual({ ok: false, reason: "the disk of its folder is full" });
  });
});
