import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Backend } from "../../src/orchestrator/backend.ts";
import { deniedAccess } from "../../src/orchestrator/denied-access.ts";
import { isOrchestratorError, toWireError, ValidationError } from "../../src/orchestrator/errors.ts";
import type { WireError } from "../../src/orchestrator/ports.ts";
import { hideSecretsOf } from "../../src/orchestrator/secrets.ts";
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

describe("what the line of a bug says", () => {
  async function lineOf(thrown: unknown): Promise<string> {
    const getHosts = (): never => {
      throw thrown;
    };
    return (await failure({ getHosts }, "orchestrator/get_hosts", {})).wire.message;
  }

  test("is every line of its message", async () => {
    expect(await lineOf(new TypeError("the playbook failed:\n  h1: unreachable\n\n  h2: no python"))).toMatch(
      /^probe\.getHosts failed unexpectedly: TypeError: the playbook failed:; h1: unreachable; h2: no python \(log id /,
    );
  });

  test("is what a schema of the backend's own found, place by place", async () => {
    const schema = z.object({ hosts: z.array(z.object({ name: z.string() })), port: z.number() });
    const { error } = schema.safeParse({ hosts: [{ name: 7 }], port: "x" });
    expect(await lineOf(error)).toMatch(
      /: ZodError: input\.hosts\[0\]\.name: Invalid input: expected string, received number; input\.port: Invalid input/,
    );
  });
});

describe("an error of an unusual shape", () => {
  test("whose cause leads back to itself is told like any other", async () => {
    const error = new TypeError("boom");
    error.cause = new Error("because", { cause: error });
    const getHosts = (): never => {
      throw error;
    };
    const { wire } = await failure({ getHosts }, "orchestrator/get_hosts", {});
    expect(wire.message).toContain("probe.getHosts failed unexpectedly: TypeError: boom");
    expect(deniedAccess(error)).toBeUndefined();
  });

  test("that is frozen loses its secrets, and stays what it is", () => {
    const cause = Object.freeze(new Error("login with hunter2-hunter2 failed"));
    const error = Object.freeze(new ValidationError("no access as hunter2-hunter2", { errno: 13, cause }));
    const shown = hideSecretsOf({ password: "hunter2-hunter2" }, error) as ValidationError;
    expect(isOrchestratorError(shown)).toBe(true);
    expect(shown).toMatchObject({ type: "ValidationError", errno: 13, message: "no access as [secret]" });
    expect((shown.cause as Error).message).toBe("login with [secret] failed");
    expect(inspect(shown)).not.toContain("hunter2");
  });
});

describe("an expected error", () => {
  test("of several lines keeps them", async () => {
    const applyService = (): never => {
      throw new ValidationError("two hosts cannot be used:\n- h1\n- h2");
    };
    const { wire } = await failure({ applyService }, "orchestrator/apply", { specs });
    expect(wire.message).toBe("two hosts cannot be used:\n- h1\n- h2");
  });

  test("keeps its message and errno, and writes nothing to the log", async () => {
    const applyService = (): never => {
      throw new ValidationError("no such file system", { errno: 2 });
    };
    const { wire, log } = await failure({ applyService }, "orchestrator/apply", { specs });
    expect(wire).toMatchObject({ message: "no such file system", data: { type: "ValidationError", errno: 2 } });
    expect(log).toEqual([]);
  });
});
