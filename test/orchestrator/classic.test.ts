import { describe, expect, test } from "vitest";
import { orchestratorFor, until } from "./harness.ts";

const signal = new AbortController().signal;

describe("classic completions", () => {
  test("do no work until a wait names them, and one wait of all is one batch", async () => {
    const batches: string[][] = [];
    const { orchestrator } = await orchestratorFor(
      {
        getHosts: () => [{ hostname: "a" }],
        addHost: ({ host_spec }) => `Added host '${host_spec.hostname}'`,
        async batch(calls) {
          batches.push(calls.map(({ method }) => method));
          await Promise.all(calls.map(({ call }) => call.run()));
        },
      },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/get_hosts", {});
    orchestrator.submit("2", "classic/add_host", { host: "b" });
    orchestrator.submit("3", "classic/get_hosts", {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(batches).toEqual([]);
    const answer = await orchestrator.wait(["1", "2", "3"], 1_000, signal);
    expect(batches).toEqual([["getHosts", "addHost"]]);
    expect(answer.result).toEqual({
      settled: [
        { call: "1", result: [{ name: "a", devices: [] }] },
        { call: "2", result: { value: "Added host 'b'", operations: [] } },
        { call: "3", result: [{ name: "a", devices: [] }] },
      ],
      pending: [],
    });
  });

  test("that are not done in time stay pending and are settled by a later wait", async () => {
    let answerHosts = (): void => {};
    const { orchestrator } = await orchestratorFor(
      { getHosts: () => new Promise((resolve) => (answerHosts = () => resolve([]))) },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/get_hosts", {});
    expect((await orchestrator.wait(["1"], 20, signal)).result).toEqual({ settled: [], pending: ["1"] });
    answerHosts();
    expect((await orchestrator.wait(["1"], 1_000, signal)).result).toEqual({
      settled: [{ call: "1", result: [] }],
      pending: [],
    });
  });

  test("fail one by one: an error of one is no error of another", async () => {
    const { orchestrator } = await orchestratorFor(
      {
        addHost({ host_spec }) {
          if (host_spec.hostname === "bad") throw new TypeError("boom");
          return "ok";
        },
      },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/add_host", { host: "bad" });
    orchestrator.submit("2", "classic/add_host", { host: "good" });
    const { settled } = (await orchestrator.wait(["1", "2"], 1_000, signal)).result as {
      settled: { error?: { message: string } }[];
    };
    expect(settled[0]?.error?.message).toMatch(
      /^probe\.addHost failed unexpectedly: TypeError: boom \(log id \w{8} in the mgr log\)/,
    );
    expect(settled[1]?.error).toBeUndefined();
  });

  test("that their owner dropped while running are cancelled, but a persisted write still becomes effective", async () => {
    let persist = (): void => {};
    let cancelled = false;
    const { orchestrator, heard } = await orchestratorFor(
      {
        addHost: (_params, call) =>
          new Promise((resolve) => {
            call.signal.addEventListener("abort", () => (cancelled = true));
            persist = () => resolve(call.persisted("ok", () => {}));
          }),
      },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/add_host", { host: "a" });
    await orchestrator.wait(["1"], 20, signal);
    orchestrator.drop(["1"]);
    expect(cancelled).toBe(true);
    persist();
    await until(() => heard.effective.includes("1"), "effective");
  });

  test("that share a read go on for the one whose owner stays", async () => {
    let answer = (): void => {};
    const { orchestrator } = await orchestratorFor(
      {
        getHosts: (_params, call) =>
          new Promise((resolve, reject) => {
            call.signal.addEventListener("abort", () => reject(new Error("aborted")));
            answer = () => resolve([]);
          }),
      },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/get_hosts", {});
    orchestrator.submit("2", "classic/get_hosts", {});
    await orchestrator.wait(["1", "2"], 20, signal);
    orchestrator.drop(["1"]);
    answer();
    expect((await orchestrator.wait(["2"], 1_000, signal)).result).toEqual({
      settled: [{ call: "2", result: [] }],
      pending: [],
    });
  });

  test("that are waited for twice run and become effective once", async () => {
    let runs = 0;
    const { orchestrator, heard } = await orchestratorFor(
      { addHost: (_params, call) => (runs++, call.persisted("ok", () => {})) },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/add_host", { host: "a" });
    const both = await Promise.all([
      orchestrator.wait(["1", "1"], 1_000, signal),
      orchestrator.wait(["1"], 1_000, signal),
    ]);
    for (const answered of both) answered.answered();
    await until(() => heard.effective.length > 0, "effective");
    expect([runs, heard.effective]).toEqual([1, ["1"]]);
  });

  test("that ended for a wait whose caller went away are answered to the next one", async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    let answerHosts = (): void => {};
    const { orchestrator, heard } = await orchestratorFor(
      {
        addHost: (_params, call) => call.persisted("ok", () => {}),
        getHosts: () => new Promise((resolve) => ((answerHosts = () => resolve([])), ask())),
      },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/add_host", { host: "a" });
    orchestrator.submit("2", "classic/get_hosts", {});
    const caller = new AbortController();
    const cancelled = orchestrator.wait(["1", "2"], 60_000, caller.signal);
    await asked;
    await orchestrator.wait(["2"], 20, signal);
    caller.abort(new Error("the call was cancelled"));
    await expect(cancelled).rejects.toThrow("the call was cancelled");
    answerHosts();
    const answer = await orchestrator.wait(["1", "2"], 60_000, signal);
    expect(answer.result).toMatchObject({
      settled: [
        { call: "1", result: { value: "ok", operations: [{ call: "1" }] } },
        { call: "2", result: [] },
      ],
    });
    answer.answered();
    await until(() => heard.effective.includes("1"), "effective");
  });

  test("that are unknown are answered with an error that says so", async () => {
    const { orchestrator } = await orchestratorFor({}, { dialect: "classic" });
    const { result } = await orchestrator.wait(["ghost"], 50, signal);
    expect(result).toMatchObject({
      settled: [{ call: "ghost", error: { message: expect.stringContaining("not known here") } }],
    });
  });
});

describe("the classic words", () => {
  test("a stateless service becomes a spec with placement and config", async () => {
    const seen: unknown[] = [];
    const { orchestrator } = await orchestratorFor(
      { applyService: ({ spec }) => (seen.push(spec), "ok") },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/add_stateless_service", {
      service_type: "nfs",
      spec: { name: "ganesha", count: 2, placement: { label: null }, extended: { pool: "p" } },
    });
    await orchestrator.wait(["1"], 1_000, signal);
    expect(seen).toEqual([
      {
        service_type: "nfs",
        service_id: "ganesha",
        service_name: "nfs.ganesha",
        placement: { count: 2 },
        spec: { config: { pool: "p" } },
      },
    ]);
  });

  test("reload of one instance becomes reconfig of that daemon", async () => {
    const seen: unknown[] = [];
    const { orchestrator } = await orchestratorFor(
      { daemonAction: (params) => (seen.push(params), "ok") },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/service_action", {
      action: "reload",
      service_type: "mds",
      service_name: null,
      service_id: "a.host1",
    });
    await orchestrator.wait(["1"], 1_000, signal);
    expect(seen).toEqual([{ action: "reconfig", daemon_name: "mds.a.host1", image: null, force: false }]);
  });

  test("a service is described by its daemons, with the fields that Nautilus sorts on always text", async () => {
    const { orchestrator } = await orchestratorFor(
      { listDaemons: () => [{ daemon_type: "mds", daemon_id: "a.h", service_name: "mds.a", status: 2 }] },
      { dialect: "classic" },
    );
    orchestrator.submit("1", "classic/describe_service", { service_type: "mds" });
    const { result } = await orchestrator.wait(["1"], 1_000, signal);
    expect(result).toMatchObject({
      settled: [{ result: [{ nodename: "", service_instance: "a.h", service_type: "mds", service: "a", status: 0 }] }],
    });
  });
});
