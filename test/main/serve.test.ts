import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { VERSION } from "../../src/main/version.ts";
import { SCHEMA_HASH } from "../../src/orchestrator/generated/methods.ts";
import { Child, root, tinyBackend } from "./child.ts";

describe("a bridge process", () => {
  it("says who it is, then what its backend can do", async () => {
    const child = new Child();
    const { result } = await child.initialize({ name: null });
    expect(result).toEqual({
      protocol: 1,
      version: VERSION,
      schema_hash: SCHEMA_HASH,
      node: process.versions.node,
      pid: child.process.pid,
    });
    const state = await child.until((message) => message.method === "bridge/state");
    expect(state.params).toMatchObject({
      available: false,
      backend: null,
      reason: expect.stringContaining("no backend is set") as string,
    });
  });

  it("has the version of the package", () => {
    expect(VERSION).toBe(packageJson.version);
  });

  it("loads a lone .ts backend and answers calls", async () => {
    const child = await new Child().ready({ hosts: ["h1"] });
    expect((await child.call("get_hosts")).result).toEqual([expect.objectContaining({ hostname: "h1" })]);
    const state = child.received.find((message) => message.params?.["available"] === true);
    expect(state?.params?.["features"]).toEqual(["get_hosts", "add_host", "remove_host", "drain_host"]);
  });

  it("answers a write when it is persistent, then tells progress and effect, with the manager asked in between", async () => {
    const child = await new Child().ready();
    const { result } = await child.call("add_host", { host_spec: { hostname: "h2" } }, { id: "w1" });
    expect(result).toEqual({
      value: "Added host 'h2'",
      operations: [{ call: "w1", title: expect.any(String) as string }],
    });
    await child.until((message) => message.method === "bridge/effective" && message.params?.["call"] === "w1");
    const order = child.received.map((message) => message.method ?? "answer");
    expect(order.lastIndexOf("answer")).toBeLessThan(order.indexOf("bridge/progress"));
    expect(order.indexOf("bridge/progress")).toBeLessThan(order.indexOf("bridge/effective"));
  });

  it("takes classic completions, works on them when they are waited for, and answers many at once", async () => {
    const child = await new Child().ready(
      { hosts: ["h1"] },
      { dialect: "classic", methods: ["get_hosts", "add_host"] },
    );
    child.send({ method: "bridge/submit", params: { call: "a", method: "classic/get_hosts", params: {} } });
    child.send({ method: "bridge/submit", params: { call: "b", method: "classic/add_host", params: { host: "h2" } } });
    child.send({ method: "bridge/submit", params: { call: "c", method: "classic/add_host", params: { host: "h3" } } });
    child.send({ method: "bridge/drop", params: { calls: ["c"] } });
    const { result } = await child.ask("bridge/wait", { calls: ["a", "b"], timeout_ms: 5000 });
    expect(result).toMatchObject({
      pending: [],
      settled: [{ call: "a" }, { call: "b", result: { operations: [{ call: "b" }] } }],
    });
    expect(child.log).not.toContain("adding h3");
  });

  it("takes completions and calls that come right behind initialize, before the backend is there", async () => {
    const child = new Child();
    void child.initialize(
      { name: tinyBackend, options: { hosts: ["h1"] } },
      { dialect: "classic", methods: ["get_hosts"] },
    );
    child.send({ method: "bridge/submit", params: { call: "a", method: "classic/get_hosts", params: {} } });
    const { result } = await child.ask("bridge/wait", { calls: ["a"], timeout_ms: 10_000 });
    expect(result).toMatchObject({ pending: [], settled: [{ call: "a", result: [{ name: "h1" }] }] });
  });

  it("answers the wait for a completion that was submitted with a value that cannot cross", async () => {
    const child = await new Child().ready({}, { dialect: "classic", methods: ["add_host"] });
    const body =
      '{"jsonrpc":"2.0","method":"bridge/submit","params":{"call":"a","method":"classic/add_host","params":{"host":18446744073709551615}}}';
    child.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
    const { result } = await child.ask("bridge/wait", { calls: ["a"], timeout_ms: 5000 });
    expect(result).toMatchObject({
      pending: [],
      settled: [{ call: "a", error: { code: 1002, data: { type: "ValidationError", field: "params.params.host" } } }],
    });
  });

  it("sends a long list as pages", async () => {
    const child = await new Child().ready({ many: 1000 });
    expect((await child.call("get_hosts", {}, { partial: "p" })).result).toEqual({ pages: 3 });
    const pages = child.received.filter((message) => message.method === "$/progress");
    expect(pages.flatMap((page) => page.params?.["value"])).toHaveLength(1000);
  });

  it("keeps the protocol clean of what a backend prints", async () => {
    const child = await new Child().ready();
    expect((await child.call("drain_host", { hostname: "print" })).result).toMatchObject({ value: "drained print" });
    await vi.waitFor(() => expect(child.log).toContain("this is not a frame"));
  });

  it("answers ping, status and a new configuration", async () => {
    const child = await new Child().ready();
    expect((await child.ask("bridge/ping")).result).toEqual({});
    expect((await child.ask("bridge/status")).result).toMatchObject({
      version: VERSION,
      backend: "tiny",
      available: true,
      pid: child.process.pid,
    });
    expect(
      (await child.ask("bridge/configure", { backend: { name: null, options: null, options_error: null } })).result,
    ).toEqual({});
    await child.until(
      (message) =>
        message.method === "bridge/state" &&
        message.params?.["backend"] === null &&
        child.received.indexOf(message) > 3,
    );
    expect(child.log).toContain("closing");
  });
});

describe("a call that names no deadline", () => {
  it("has that of the options, whose change leaves the backend alone", async () => {
    const child = await new Child().ready({}, { call_timeout: 0.3 });
    const timedOut = (seconds: number): object => ({
      code: 1006,
      message: `timed out after ${seconds} s in tiny.drainHost`,
    });
    expect((await child.ask("orchestrator/drain_host", { hostname: "hang" })).error).toMatchObject(timedOut(0.3));
    const backend = { name: tinyBackend, options: {}, options_error: null };
    expect((await child.ask("bridge/configure", { backend, call_timeout: 0.2 })).result).toEqual({});
    const answer = await child.ask("orchestrator/drain_host", { hostname: "hang", _call: { id: "d1" } });
    expect(answer.error).toMatchObject(timedOut(0.2));
    expect(child.log).not.toContain("closing");
    expect((await child.ask("bridge/configure", { backend, call_timeout: "soon" })).error?.message).toBe(
      'call_timeout: expected a number of seconds or null, got "soon"',
    );
  });
});

describe("a bridge process refuses", () => {
  it("a module of another schema, naming both", async () => {
    const child = new Child();
    const { error } = await child.initialize({ name: null }, { schema_hash: "0123456789abcdef" });
    expect(error).toMatchObject({ code: 1009, data: { type: "SchemaMismatchError" } });
    expect(error?.message).toContain("0123456789abcdef");
    expect(error?.message).toContain(SCHEMA_HASH);
  });

  it("calls before initialize, and a second initialize", async () => {
    const child = new Child();
    expect((await child.call("get_hosts")).error).toMatchObject({
      code: -32600,
      message: "initialize must come first",
    });
    await child.initialize({ name: null });
    expect((await child.initialize({ name: null })).error).toMatchObject({ code: -32600 });
  });

  it.each([
    [{ dialect: "old" }, 'dialect: expected "modern" or "classic", got "old"'],
    [{ mgr: 1 }, "mgr: expected an object, got 1"],
    [{ methods: ["a", 2] }, "methods[1]: expected a string, got 2"],
    [{ backend: { name: 5 } }, "backend.name: expected a string, got 5"],
  ])("an initialize with %j", async (changes, message) => {
    expect((await new Child().initialize({ name: null }, changes)).error).toMatchObject({ code: -32602, message });
  });

  it("a call whose _call is wrong", async () => {
    const child = await new Child().ready();
    expect((await child.call("get_hosts", {}, { deadline_ms: -1 })).error?.message).toBe(
      "_call.deadline_ms: expected a number of milliseconds, got -1",
    );
    expect((await child.call("get_hosts", {}, { id: 7 })).error?.message).toBe("_call.id: expected a string, got 7");
  });
});

describe("a bridge process ends", () => {
  it("with status 0 at the end of its input, after the backend was closed", async () => {
    const child = await new Child().ready();
    child.process.stdin.end();
    expect(await child.ended()).toBe(0);
    expect(child.log).toContain("closing");
  });

  it("in bounded time when the backend does not close", async () => {
    const child = await new Child().ready({ close: "hang" });
    child.process.stdin.end();
    expect(await child.ended()).toBe(0);
    expect(child.log).toMatch(/did not (end|close) within 2 s/);
  });

  it("with status 0 on SIGTERM, after the backend was closed", async () => {
    const child = await new Child().ready();
    child.process.kill("SIGTERM");
    expect(await child.ended()).toBe(0);
    expect(child.log).toContain("closing");
  });

  it("when nobody reads its answers any more", async () => {
    const child = await new Child().ready();
    child.process.stdout.destroy();
    child.send({ id: 99, method: "bridge/ping", params: {} });
    expect(await child.ended()).toBe(0);
    expect(child.log).toContain("cannot write to the other side");
  });

  it("with status 76 and a sentence on a broken frame", async () => {
    const child = await new Child().ready();
    child.write("hello\n");
    expect(await child.ended()).toBe(76);
    expect(child.log).toContain("closing");
    expect(child.logLines.at(-1)).toMatchObject({
      level: 60,
      msg: 'the connection to the mgr module broke: expected a Content-Length header, got "hello\\n"',
    });
  });

  it.each([
    ["throw", "an exception was thrown outside of any call; the process ends: thrown outside of any call"],
    ["reject", "a promise was rejected and nobody handled it; the process ends: nobody looked"],
  ])(
    "with status 70 and its last words when a backend's code goes wrong outside of a call (%s)",
    async (hostname, message) => {
      const child = await new Child().ready();
      child.send({ id: 1000, method: "orchestrator/drain_host", params: { hostname } });
      expect(await child.ended()).toBe(70);
      const fatal = child.logLines.find((line) => line["level"] === 60);
      expect(fatal?.["msg"]).toBe(message);
    },
  );

  it.each([
    ["when its manager does not say in time that it still leads", { ttl_ms: 300, fence_ms: 0 }],
    ["when it reads a lease so late that it is over", { ttl_ms: 10_000, fence_ms: 0, sent_ms: 1 }],
  ])("with status 75 %s", async (_when, lease) => {
    const child = await new Child().ready({}, { owner: "this mgr" });
    child.send({ method: "bridge/lease", params: lease });
    expect(await child.ended()).toBe(75);
    expect(child.log).toContain("the lease ran out");
  });

  it("with the backend's own status when that exits", async () => {
    const child = await new Child().ready();
    child.send({ id: 1000, method: "orchestrator/drain_host", params: { hostname: "exit" } });
    expect(await child.ended()).toBe(3);
  });

  it.each([[["serve"]], [["serve", "--fd", "3"]], [["serve", "--fd", "x", "4"]], [["other"]], [[]]])(
    "with status 2 and the usage on arguments %j",
    async (args) => {
      const child = new Child([process.execPath, join(root, "src/main.ts"), ...args]);
      expect(await child.ended()).toBe(2);
      expect(child.log).toContain("usage: serve --fd READ WRITE | serve --stdio");
    },
  );
});

describe("a bridge process's log", () => {
  it("has JSON lines with the backend's name and without secrets", async () => {
    const child = await new Child().ready();
    await child.call("add_host", { host_spec: { hostname: "h2" } });
    await vi.waitFor(() => expect(child.log).toContain("adding h2"));
    const line = child.logLines.find((entry) => entry["msg"] === "adding h2");
    expect(line).toMatchObject({ level: 30, backend: "tiny", password: "[secret]", epoch: { epoch: 7 } });
    expect(child.log).not.toContain("hunter2");
  });

  it("is bounded: a flood neither blocks the process nor goes unmentioned", async () => {
    const child = await new Child().ready();
    expect((await child.call("drain_host", { hostname: "flood" })).result).toMatchObject({ value: "drained flood" });
    await vi.waitFor(() => expect(child.log).toMatch(/\d+ log lines were dropped: more than 100 a second/), {
      timeout: 5000,
    });
    expect(child.log.length).toBeLessThan(2_000_000);
  });
});

describe("the compile cache", () => {
  it("is used in a private folder, and not in one that others can write into", async () => {
    const folder = mkdtempSync(join(tmpdir(), "orchbridge-cache-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const first = await new Child(undefined, { ORCHBRIDGE_CACHE_DIR: folder }).ready();
    first.process.stdin.end();
    expect(await first.ended()).toBe(0);
    const filled = readdirSync(folder);
    expect(filled).not.toEqual([]);
    rmSync(join(folder, filled[0] ?? ""), { recursive: true });
    chmodSync(folder, 0o777);
    const second = await new Child(undefined, { ORCHBRIDGE_CACHE_DIR: folder }).ready();
    second.process.stdin.end();
    expect(await second.ended()).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
    expect(second.log).toContain("is not used: it must be a folder of this user with mode 0700");
  });
});
