import { describe, expect, test } from "vitest";
import type { Backend } from "../../src/orchestrator/backend.ts";
import { toWireError, ValidationError } from "../../src/orchestrator/errors.ts";
import type { WireError } from "../../src/orchestrator/ports.ts";
import { invoke, logger, orchestratorFor } from "./harness.ts";

/** What the shim is told of a call that fails, and what the log keeps. */
async function failure(backend: Backend, method: string, params: object): Promise<{ wire: WireError; log: string[] }> {
  const { orchestrator, heard } = await orchestratorFor(backend);
  const thrown = await invoke(orchestrator, method, params).catch((error: unknown) => error);
  const wire = toWireError(thrown, logger(heard), method);
  return { wire, log: heard.log.filter(({ level }) => level === "error").map(({ message }) => message) };
}

const specs = [{ service_type: "mds", service_id: "a", service_name: "mds.a" }];

describe("a bug of a backend", () => {
  test("is named after the method that threw, not after the call that led there", async () => {
    const applyService = (): never => {
      throw new TypeError("boom");
    };
    const { wire, log } = await failure({ applyService }, "orchestrator/apply", { specs });
    expect(wire.message).toMatch(
      /^probe\.applyService failed unexpectedly: TypeError: boom \(log id \w{8} in the mgr log\)$/,
    );
    expect(log.join()).toContain(
      `probe.applyService failed unexpectedly (log id ${(wire.data as { log_id: string }).log_id})`,
    );
  });

  test("in a batch of its own is named after that", async () => {
    const backend: Backend = {
      getHosts: () => [],
      batch: () => {
        throw new RangeError("out of room");
      },
    };
    const { wire } = await failure(backend, "orchestrator/get_hosts", {});
    expect(wire.message).toMatch(/^probe\.batch failed unexpectedly: RangeError: out of room/);
  });

  test("that throws no object is named after the call", async () => {
    const getHosts = (): never => {
      // oxlint-disable-next-line typescript/only-throw-error -- it is what is tested
      throw "a string";
    };
    const { wire } = await failure({ getHosts }, "orchestrator/get_hosts", {});
    expect(wire.message).toMatch(/^orchestrator\/get_hosts failed unexpectedly: a string \(log id /);
  });
});

describe("an expected error", () => {
  test("keeps its message and errno, and writes nothing to the log", async () => {
    const applyService = (): never => {
      throw new ValidationError("no such file system", { errno: 2 });
    };
    const { wire, log } = await failure({ applyService }, "orchestrator/apply", { specs });
    expect(wire).toMatchObject({ message: "no such file system", data: { type: "ValidationError", errno: 2 } });
    expect(log).toEqual([]);
  });
});
