import { expect, it } from "vitest";

import { inventoryReads } from "../../../src/backends/local/inventory.ts";
import { promptly } from "../../../src/backends/local/prompt-reads.ts";
import { type Backend, OrchestratorError } from "../../../src/index.ts";
import { readCall, StandInHost } from "./stand-in-host.ts";

const WHOLE = { host_filter: null, refresh: true };

it("ends with its caller although the agent does not answer, and tells the caller's own reason", async () => {
  const host = new StandInHost();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  host.agent["host/devices"] = () => {
    resolve();
    return new Promise(() => undefined);
  };
  const reads: Backend = promptly(inventoryReads(await host.site()));
  const gone = new AbortController();
  const inventory = reads.getInventory?.(WHOLE, { ...readCall(host.log), signal: gone.signal });
  await asked;
  gone.abort(new OrchestratorError("the caller went away"));
  await expect(inventory).rejects.toThrow("the caller went away");
});

it("does not begin to wait for one that went before", async () => {
  const host = new StandInHost();
  const reads: Backend = promptly(inventoryReads(await host.site()));
  const signal = AbortSignal.abort(new OrchestratorError("gone already"));
  await expect(reads.getInventory?.(WHOLE, { ...readCall(host.log), signal })).rejects.toThrow("gone already");
});
