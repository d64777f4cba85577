import { writeSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Pace } from "../../src/backends/memory/pace.ts";
import { invoke, orchestratorFor, until } from "../orchestrator/harness.ts";
import { hosts, memoryCluster, spec } from "./memory-cluster.ts";

const LONG = 3_600_000;

// The test's own stdout is not to be written to.
vi.mock("node:fs", async (original) => ({ ...(await original<object>()), writeSync: vi.fn<() => void>() }));

describe("a write that takes time", () => {
  test("is answered first, then makes progress, then is effective", async () => {
    const cluster = await memoryCluster(hosts(3, 0, { delays: { effective_ms: 600 } }));
    const { value, operations } = await cluster.start("apply", { specs: [spec("crash", undefined)] });
    expect(value).toEqual(["Scheduled crash update..."]);
    expect(await cluster.names()).toEqual([]);
    expect(cluster.heard.progress).toEqual([]);
    const [operation] = operations;
    expect(operation?.title).toBe("Scheduled crash update...");
    await until(() => cluster.heard.effective.length === 1, "the apply became effective");
    expect(cluster.heard.progress).toEqual([
      { call: operation?.call, fraction: 1 / 3, message: "deploying crash for crash on h1" },
      { call: operation?.call, fraction: 2 / 3, message: "deploying crash for crash on h2" },
      { call: operation?.call, fraction: 1, message: "deploying crash for crash on h3" },
    ]);
    expect(await cluster.names()).toHaveLength(3);
  });

  test("has two stages without a delay, too", async () => {
    const cluster = await memoryCluster(hosts(1));
    const { operations } = await cluster.start("apply", { specs: [spec("crash", undefined)] });
    expect(operations).toHaveLength(1);
    await until(() => cluster.heard.effective.includes(operations[0]?.call ?? ""), "the apply became effective");
    expect(await cluster.names()).toEqual(["crash.h1 h1"]);
  });

  test("stops at once at the end of the process, and has not failed by that", async () => {
    const cluster = await memoryCluster(hosts(1, 0, { delays: { effective_ms: LONG } }));
    const { operations } = await cluster.start("apply", { specs: [spec("crash", undefined)] });
    await cluster.orchestrator.close();
    const [row] = operations;
    await until(() => cluster.orchestrator.operations()[0]?.state === "waiting", "the second stage stopped");
    expect(cluster.orchestrator.operations()).toMatchObject([{ call: row?.call, state: "waiting" }]);
    expect(cluster.heard.failed).toEqual([]);
  });

  test.each([0, 1])("fails instead of going on for ever where its steps change nothing (%i ms a step)", async (ms) => {
    const pace = new Pace({ read_ms: 0, persist_ms: 0, effective_ms: ms });
    const { orchestrator, heard } = await orchestratorFor({
      removeHost: (_params, call) => pace.converge(call, "done", () => [{ text: "turning round", run() {} }]),
    });
    await invoke(orchestrator, "orchestrator/remove_host", { host: "h1" });
    await until(() => heard.failed.length === 1, "the second stage failed");
    expect(heard.failed[0]?.error.message).toBe(
      "the cluster does not come to rest: after 100 rounds that changed nothing, turning round is still to be done",
    );
  });

  test("waits while the orchestrator is paused", async () => {
    const cluster = await memoryCluster(hosts(1));
    expect(await cluster.write("pause")).toBeNull();
    expect(cluster.heard.states.at(-1)?.details).toEqual({ paused: true });
    const { operations } = await cluster.start("apply", { specs: [spec("crash", undefined)] });
    await cluster.write("update_host_addr", { host: "h1", addr: "10.0.0.1" });
    expect(await cluster.names()).toEqual([]);
    expect(await cluster.write("resume")).toBeNull();
    await until(() => cluster.heard.effective.includes(operations[0]?.call ?? ""), "the apply became effective");
    expect(await cluster.names()).toEqual(["crash.h1 h1"]);
  });

  test.each(["pausing", "delaying"])("is cancelled by the operator while %s", async (how) => {
    const cluster = await memoryCluster(hosts(1, 0, how === "delaying" ? { delays: { effective_ms: LONG } } : {}));
    if (how === "pausing") await cluster.write("pause");
    await cluster.start("apply", { specs: [spec("crash", undefined)] });
    expect(await cluster.write("cancel_completions")).toBeNull();
    await until(() => cluster.heard.failed.length === 1, "the second stage was cancelled");
    expect(cluster.heard.failed[0]?.error).toMatchObject({
      message: "cancelled by the operator",
      data: { type: "OrchestratorError" },
    });
    await cluster.write("resume");
    expect(await cluster.names()).toEqual([]);
  });
});

describe("a delay", () => {
  test.each([
    ["read_ms", "get_hosts", {}],
    ["persist_ms", "add_host_label", { host: "h1", label: "x" }],
  ])("%s holds a call up until its deadline", async (delay, method, params) => {
    const cluster = await memoryCluster(hosts(1, 0, { delays: { [delay]: LONG } }));
    const call = { id: "slow", deadlineMs: 20, signal: new AbortController().signal };
    await expect(cluster.orchestrator.invoke(`orchestrator/${method}`, params, call)).rejects.toThrow(
      /timed out after .*probe\./,
    );
  });

  test("makes calls that much slower, and lets them through", async () => {
    const cluster = await memoryCluster(hosts(1, 0, { delays: { read_ms: 30, persist_ms: 30 } }));
    const begin = performance.now();
    await cluster.write("add_host_label", { host: "h1", label: "x" });
    expect(await cluster.read("get_hosts")).toMatchObject([{ labels: ["_admin", "x"] }]);
    expect(performance.now() - begin).toBeGreaterThan(50);
  });
});

describe("a fault", () => {
  afterEach(() => vi.restoreAllMocks());

  test("throw is a bug of the backend", async () => {
    const { read } = await memoryCluster({ faults: { getHosts: "throw" } });
    await expect(read("get_hosts")).rejects.toThrow(new TypeError("a fault of getHosts, as configured"));
  });

  test("hang ends with the caller's deadline", async () => {
    const { orchestrator } = await memoryCluster({ faults: { getHosts: "hang" } });
    const call = { id: "hanging", deadlineMs: 20, signal: new AbortController().signal };
    await expect(orchestrator.invoke("orchestrator/get_hosts", {}, call)).rejects.toMatchObject({
      type: "TimeoutError",
    });
  });

  test.each(["getHosts", "addHost", "upgradeLs", "plan", "pause"])(
    "nonsense of %s is an answer that no method may give",
    async (method) => {
      const cluster = await memoryCluster({ faults: { [method]: "nonsense" } });
      const wire = method.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const params = { addHost: { host_spec: { hostname: "h1" } }, plan: { spec: [] } }[method] ?? {};
      await expect(cluster.read(wire, params)).rejects.toMatchObject({
        type: "InvalidAnswerError",
        message: expect.stringContaining("got 42"),
      });
    },
  );

  test("print writes to stdout and works", async () => {
    const line = vi.spyOn(console, "log").mockReturnValue();
    const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const { read } = await memoryCluster(hosts(1, 0, { faults: { getHosts: "print" } }));
    expect(await read("get_hosts")).toHaveLength(1);
    expect(line).toHaveBeenCalledWith("stray line of getHosts by console.log");
    expect(write).toHaveBeenCalledWith("stray line of getHosts by process.stdout\n");
    expect(writeSync).toHaveBeenCalledWith(1, "stray line of getHosts by descriptor 1\n");
  });

  test("fail lets a write persist and fails what follows", async () => {
    const cluster = await memoryCluster(hosts(1, 0, { faults: { applyService: "fail" } }));
    const { value, operations } = await cluster.start("apply", { specs: [spec("crash", undefined)] });
    expect(value).toEqual(["Scheduled crash update..."]);
    await until(() => cluster.heard.failed.length === 1, "the second stage failed");
    expect(cluster.heard.failed[0]).toMatchObject({
      call: operations[0]?.call,
      error: {
        message: "a fault of the second stage of applyService, as configured",
        data: { type: "OrchestratorError" },
      },
    });
  });

  test("of one method leaves the others alone", async () => {
    const { read } = await memoryCluster(hosts(1, 0, { faults: { getInventory: "throw" } }));
    expect(await read("get_hosts")).toHaveLength(1);
  });
});
