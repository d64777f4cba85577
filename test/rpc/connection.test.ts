import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { ERRORS } from "../../src/orchestrator/generated/methods.ts";
import type { RequestContext } from "../../src/rpc/connection.ts";
import { RpcError, WireCode } from "../../src/rpc/errors.ts";
import { Peer } from "./peer.ts";

function echoing(): Peer {
  const peer = new Peer();
  peer.connection.onRequest("echo", (params) => ({ result: params }));
  return peer.start();
}

describe("a connection", () => {
  it("answers a request by its method's handler", async () => {
    expect(await echoing().ask(1, "echo", { a: "ü" })).toEqual({ jsonrpc: "2.0", id: 1, result: { a: "ü" } });
  });

  it("hands all methods of a namespace to one handler", async () => {
    const peer = new Peer();
    peer.connection.onRequest("orchestrator/", (_params, { method }) => ({ result: method }));
    peer.start();
    expect((await peer.ask(1, "orchestrator/get_hosts")).result).toBe("orchestrator/get_hosts");
  });

  it("answers an unknown method, params by position and a request without params", async () => {
    const peer = echoing();
    expect((await peer.ask(1, "nothing")).error).toEqual({
      code: -32601,
      message: "there is no method nothing",
      data: { type: "MethodNotFound" },
    });
    expect((await peer.ask(2, "echo", [1])).error).toMatchObject({
      code: -32602,
      data: { type: "InvalidParams", field: "params" },
    });
    expect((await peer.ask(3, "echo", 7)).error).toMatchObject({ code: -32602 });
    expect((await peer.ask(4, "echo")).result).toEqual({});
  });

  it("sends an error whole, with its own code and data", async () => {
    const peer = new Peer();
    peer.connection.onRequest("boom", () => {
      throw new TypeError("it broke");
    });
    peer.start();
    expect((await peer.ask("x", "boom")).error).toEqual({
      code: 1001,
      message: "it broke",
      data: { type: "TestError" },
    });
  });

  it("turns $/cancelRequest into the handler's abort signal, running or still queued", async () => {
    const peer = new Peer();
    const contexts: RequestContext[] = [];
    peer.connection.onRequest("hang", (_params, context) => {
      contexts.push(context);
      return new Promise((_resolve, reject) => {
        if (context.signal.aborted) reject(context.signal.reason as Error);
        context.signal.addEventListener("abort", () => reject(context.signal.reason as Error));
      });
    });
    peer.start();
    peer.send({ id: 1, method: "hang" });
    await vi.waitFor(() => expect(contexts).toHaveLength(1));
    peer.send({ method: "$/cancelRequest", params: { id: 1 } });
    peer.send({ id: 2, method: "hang" });
    peer.send({ method: "$/cancelRequest", params: { id: 2 } });
    expect((await peer.answer(1)).error).toEqual({
      code: -32800,
      message: "the call was cancelled",
      data: { type: "RequestCancelled" },
    });
    expect((await peer.answer(2)).error?.code).toBe(-32800);
  });

  it("ignores the cancellation of what was answered or never asked", async () => {
    const peer = echoing();
    await peer.ask(1, "echo");
    peer.send({ method: "$/cancelRequest", params: { id: 1 } });
    peer.send({ method: "$/cancelRequest", params: { id: 99 } });
    expect((await peer.ask(2, "echo")).result).toEqual({});
  });

  it("writes nothing that follows an answer before it", async () => {
    const peer = new Peer();
    peer.connection.onRequest("write", () => ({
      result: "done",
      answered: () => void peer.connection.notify("bridge/effective", { call: "c" }),
    }));
    peer.start();
    for (let id = 1; id <= 50; id++) peer.send({ id, method: "write" });
    await peer.answer(50);
    await vi.waitFor(() => expect(peer.received).toHaveLength(100));
    for (let id = 1; id <= 50; id++) {
      const at = peer.received.findIndex((message) => message.id === id);
      const before = peer.received.slice(0, at).filter((message) => message.method === "bridge/effective");
      expect(before.length).toBeLessThan(id);
    }
  });

  it("asks the other side and hands back its answer or its error", async () => {
    const peer = new Peer().start();
    const good = peer.connection.request("mgr/get", { name: "osd_map" });
    const bad = peer.connection.request("mgr/get", { name: "nothing" });
    await vi.waitFor(() => expect(peer.received).toHaveLength(2));
    expect(peer.received[0]).toMatchObject({ method: "mgr/get", params: { name: "osd_map" } });
    peer.send({ id: peer.received[0]?.id, result: { epoch: 3 } });
    peer.send({
      id: peer.received[1]?.id,
      error: { code: 1003, message: "no such map", data: { type: "NotFoundError" } },
    });
    expect(await good).toEqual({ epoch: 3 });
    await expect(bad).rejects.toMatchObject({ code: 1003, message: "no such map", data: { type: "NotFoundError" } });
  });

  it("takes the first of several answers to a question, and none whose id is a text", async () => {
    const peer = new Peer({ queue: 2 }).start();
    for (let round = 0; round < 5; round++) {
      const question = peer.connection.request("mgr/get", {});
      await vi.waitFor(() => expect(peer.received).toHaveLength(round + 1));
      const id = peer.received[round]?.id;
      for (const [answer, result] of [
        [String(id), "text"],
        [id, "first"],
        [id, "second"],
        [String(id), "text"],
      ])
        peer.send({ id: answer, result });
      expect(await question).toBe("first");
    }
    expect(peer.warnings).toHaveLength(15);
  });

  it("settles every question when the other side goes, and refuses new ones", async () => {
    const peer = new Peer().start();
    const pending = peer.connection.request("mgr/get", { name: "osd_map" });
    await vi.waitFor(() => expect(peer.received).toHaveLength(1));
    peer.toConnection.end();
    await expect(pending).rejects.toMatchObject({
      code: "RPC_CLOSED",
      message: "mgr/get: the other side closed the connection",
    });
    await expect(peer.connection.request("mgr/get", {})).rejects.toMatchObject({ code: "RPC_CLOSED" });
    expect(await peer.connection.ended).toBeNull();
  });

  it("aborts the calls in hand when the other side goes, and answers them no more", async () => {
    const peer = new Peer();
    let signal: AbortSignal | undefined;
    const held = Promise.withResolvers<{ result: string }>();
    peer.connection.onRequest("hang", (_params, context) => {
      signal = context.signal;
      return held.promise;
    });
    peer.start();
    peer.send({ id: 1, method: "hang" });
    await vi.waitFor(() => expect(signal).toBeDefined());
    peer.toConnection.end();
    await peer.connection.ended;
    expect(signal?.aborted).toBe(true);
    held.resolve({ result: "late" });
    await new Promise(setImmediate);
    expect(peer.received).toEqual([]);
    expect(peer.warnings).toEqual([]);
  });

  it("says why a notification could not be taken", async () => {
    const peer = echoing();
    peer.send({ method: "bridge/nothing", params: {} });
    await peer.ask(1, "echo");
    expect(peer.warnings).toEqual(["notification bridge/nothing failed: there is no notification bridge/nothing"]);
  });

  it("refuses more calls at once than the limit, and takes others again after that", async () => {
    const peer = new Peer({ open: 2 });
    const release = Promise.withResolvers<{ result: null }>();
    peer.connection.onRequest("hang", () => release.promise);
    peer.start();
    for (const id of [1, 2, 3]) peer.send({ id, method: "hang" });
    expect((await peer.answer(3)).error).toMatchObject({ code: -32000, data: { type: "TooManyRequests" } });
    release.resolve({ result: null });
    await peer.answer(2);
    expect((await peer.ask(4, "hang")).error).toBeUndefined();
  });

  it("answers each of many calls once, also beyond what it queues", async () => {
    const peer = new Peer({ queue: 10 });
    peer.connection.onRequest("echo", (params) => ({ result: params }));
    peer.start();
    for (let id = 0; id < 3000; id++) peer.send({ id, method: "echo", params: { id } });
    await vi.waitFor(() => expect(peer.received).toHaveLength(3000), { timeout: 10_000 });
    expect(peer.received.map((message) => message.id)).toEqual(Array.from({ length: 3000 }, (_, id) => id));
  });
});

it("refuses with the codes of the error table", () => {
  const { InvalidRequest, MethodNotFound, InvalidParams, TooManyRequests, RequestCancelled } = ERRORS;
  expect(
    [InvalidRequest, MethodNotFound, InvalidParams, TooManyRequests, RequestCancelled].map((row) => row?.code),
  ).toEqual([
    WireCode.invalidRequest,
    WireCode.methodNotFound,
    WireCode.invalidParams,
    WireCode.tooManyRequests,
    WireCode.cancelled,
  ]);
});

describe("a connection that gets what is not the protocol", () => {
  const broken: [string, (peer: Peer) => void, string, string][] = [
    [
      "a stray line",
      (peer) => peer.toConnection.write("hello\n"),
      "RPC_BAD_FRAME",
      'expected a Content-Length header, got "hello\\n"',
    ],
    [
      "bytes that are not UTF-8",
      (peer) => peer.toConnection.write(Buffer.from('Content-Length: 3\r\n\r\n"\xff"', "latin1")),
      "RPC_BAD_FRAME",
      "not valid UTF-8",
    ],
    ["text that is not JSON", (peer) => peer.sendText("{nope}"), "RPC_BAD_FRAME", "a message is not JSON"],
    [
      "Python's NaN",
      (peer) => peer.sendText('{"jsonrpc":"2.0","id":1,"method":"echo","params":{"a":NaN}}'),
      "RPC_BAD_FRAME",
      "a message is not JSON",
    ],
    ["a byte order mark", (peer) => peer.sendText("\ufeff{}"), "RPC_BAD_FRAME", "a message is not JSON"],
    ["an empty body", (peer) => peer.sendText(""), "RPC_BAD_FRAME", "a message is not JSON"],
    ["a batch", (peer) => peer.sendText("[]"), "RPC_BAD_MESSAGE", "batches are not supported"],
    ["a string", (peer) => peer.sendText('"hello"'), "RPC_BAD_MESSAGE", '"hello"'],
    ["null", (peer) => peer.sendText("null"), "RPC_BAD_MESSAGE", "null"],
    [
      "no version",
      (peer) => peer.sendText('{"id":1,"method":"echo"}'),
      "RPC_BAD_MESSAGE",
      'jsonrpc: expected "2.0", got nothing',
    ],
    [
      "an id null",
      (peer) => peer.send({ id: null, method: "echo" }),
      "RPC_BAD_MESSAGE",
      "id: expected an integer or a string, got null",
    ],
    ["a fraction as id", (peer) => peer.send({ id: 1.5, method: "echo" }), "RPC_BAD_MESSAGE", "id: expected"],
    [
      "a number as method",
      (peer) => peer.send({ id: 1, method: 5 }),
      "RPC_BAD_MESSAGE",
      "method: expected a string, got 5",
    ],
    ["neither request nor answer", (peer) => peer.send({}), "RPC_BAD_MESSAGE", "neither a method nor an id"],
    [
      "an answer with both result and error",
      (peer) => peer.send({ id: 1, result: 1, error: { code: 1, message: "" } }),
      "RPC_BAD_MESSAGE",
      "either a result or an error",
    ],
    [
      "a cancellation of nothing",
      (peer) => peer.send({ method: "$/cancelRequest" }),
      "RPC_BAD_MESSAGE",
      "$/cancelRequest without the id",
    ],
    [
      "an id used twice",
      (peer) => [1, 1].forEach((id) => peer.send({ id, method: "hang" })),
      "RPC_BAD_MESSAGE",
      "request id 1 is used again before its answer",
    ],
    [
      "an id used twice, as a number and as text",
      (peer) => [1, "1"].forEach((id) => peer.send({ id, method: "hang" })),
      "RPC_BAD_MESSAGE",
      "request id 1 is used again before its answer",
    ],
    [
      "an end inside a message",
      (peer) => peer.toConnection.end("Content-Length: 10\r\n\r\n{"),
      "RPC_BAD_FRAME",
      "the stream ended inside a message",
    ],
  ];

  it.each(broken)("ends on %s, settling what is pending", async (_what, act, code, message) => {
    const peer = new Peer();
    peer.connection.onRequest("hang", () => new Promise(() => undefined));
    peer.start();
    const pending = peer.connection.request("mgr/get", {});
    pending.catch(() => undefined);
    act(peer);
    const reason = await peer.connection.ended;
    expect(reason).toBeInstanceOf(RpcError);
    expect(reason?.code).toBe(code);
    expect(reason?.message).toContain(message);
    await expect(pending).rejects.toMatchObject({
      code: "RPC_CLOSED",
      message: expect.stringContaining(message) as string,
    });
  });

  it("never hangs on garbage: it answers, ends, or still waits for the rest of a message", async () => {
    const word = fc.constantFrom(
      "Content-Length: ",
      "\r\n",
      "\r\n\r\n",
      "2",
      "18",
      "{}",
      '{"jsonrpc":"2.0"}',
      '"',
      "[",
      "\n",
      "é",
      "\0",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(word, fc.string({ maxLength: 5 })), { maxLength: 20 }), async (words) => {
        const peer = echoing();
        peer.toConnection.end(words.join(""));
        await peer.connection.ended;
      }),
      { numRuns: 300 },
    );
  });
});

describe("values that cannot cross", () => {
  const request = (value: string): string =>
    `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"spec":{"list":[0,${value}]}}}`;

  it.each([
    ["9007199254740992", "params.spec.list[1]: the integer 9007199254740992 is outside ±(2^53-1)"],
    ["-9007199254740993", "params.spec.list[1]: the integer -9007199254740993 is outside ±(2^53-1)"],
    ["36893488147419103232000000", "params.spec.list[1]: the integer 36893488147419103232000000 is outside"],
    ["1e400", "params.spec.list[1]: expected a finite number, got Infinity"],
    ['{"__proto__":{"a":1}}', "params.spec.list[1].__proto__: this key is not allowed"],
    ['{"\\u005f_proto__":1}', "params.spec.list[1].__proto__: this key is not allowed"],
  ])("refuses %s in a request, naming the field", async (value, message) => {
    const peer = echoing();
    peer.sendText(request(value));
    const { error } = await peer.answer(1);
    expect(error).toMatchObject({ code: -32602, data: { type: "InvalidParams" } });
    expect(error?.message).toContain(message);
    expect((await peer.ask(2, "echo")).result).toEqual({});
  });

  it.each([
    "9007199254740991",
    "-9007199254740991",
    "1e300",
    "12345678901234567.5",
    "0.1",
    '"9007199254740993"',
    "9.007199254740993e15",
  ])("lets %s through", async (value) => {
    const peer = new Peer();
    let seen: unknown;
    peer.connection.onRequest("echo", (params) => ({ result: (seen = params) === undefined }));
    peer.start();
    peer.sendText(request(value));
    expect((await peer.answer(1)).result).toBe(false);
    expect(seen).toEqual({ spec: { list: [0, JSON.parse(value)] } });
  });

  it("finds the unsafe integer behind a large number that is fine", async () => {
    const peer = echoing();
    peer.sendText(request('1e300,{"size":18446744073709551615}'));
    expect((await peer.answer(1)).error?.message).toContain(
      "params.spec.list[2].size: the integer 18446744073709551615",
    );
  });

  it("refuses nesting beyond the limit, however deep", async () => {
    for (const depth of [200, 5000, 200_000]) {
      const peer = echoing();
      peer.sendText(request("[".repeat(depth) + "]".repeat(depth)));
      expect((await peer.answer(1)).error?.message).toContain("nested deeper than 200 levels");
      expect((await peer.ask(2, "echo")).result).toEqual({});
    }
  });

  it("tells the handler of a notification what is wrong with it", async () => {
    const peer = new Peer();
    const seen: unknown[] = [];
    peer.connection.onNotification("note", (params, problem) => seen.push([params["call"], problem?.field]));
    peer.start();
    peer.sendText('{"jsonrpc":"2.0","method":"note","params":{"call":"c1","n":18446744073709551615}}');
    await vi.waitFor(() => expect(seen).toEqual([["c1", "params.n"]]));
  });

  it("rejects a question whose answer cannot be used", async () => {
    const peer = new Peer().start();
    const asked = peer.connection.request("mgr/get", { name: "df" });
    await vi.waitFor(() => expect(peer.received).toHaveLength(1));
    peer.sendText('{"jsonrpc":"2.0","id":0,"result":{"total":18446744073709551615}}');
    await expect(asked).rejects.toThrow(
      "the answer cannot be used: result.total: the integer 18446744073709551615 is outside",
    );
  });

  it.each<[string, () => unknown, string]>([
    ["NaN", () => ({ a: [Number.NaN] }), "result.a[0]: expected a finite number, got NaN"],
    ["an unsafe integer", () => ({ size: 2 ** 53 }), "result.size: the integer 9007199254740992 is outside ±(2^53-1)"],
    ["a bigint", () => ({ size: 5n }), "result.size: the integer 5 is outside"],
    [
      "a cycle",
      () => {
        const a: Record<string, unknown> = {};
        return (a["self"] = a);
      },
      "nested deeper than 200 levels",
    ],
  ])("answers with an error instead of %s", async (_what, make, message) => {
    const peer = new Peer();
    peer.connection.onRequest("bad", () => ({ result: make() }));
    peer.start();
    expect((await peer.ask(1, "bad")).error?.message).toContain(message);
  });
});

describe("large answers and slow readers", () => {
  const rows = Array.from({ length: 1000 }, (_, index) => ({ hostname: `host${index}`, note: "x".repeat(900) }));

  function listing(limits = {}, output = new PassThrough()): Peer {
    const peer = new Peer(limits, output);
    peer.connection.onRequest("list", (params) => ({
      result: rows.slice(0, Number(params["count"])),
      partial: params["partial"] as string,
    }));
    return peer;
  }

  it("sends a list beyond a page as pages in order, then their number", async () => {
    const peer = listing().start();
    expect((await peer.ask(1, "list", { count: 1000, partial: "p1" })).result).toEqual({ pages: 3 });
    const pages = peer.received.filter((message) => message.method === "$/progress");
    expect(pages.map((page) => page.params?.["token"])).toEqual(["p1", "p1", "p1"]);
    expect(pages.flatMap((page) => page.params?.["value"])).toEqual(rows);
    for (const page of pages) expect(JSON.stringify(page).length).toBeLessThan(410_000);
  });

  it("measures pages in bytes, not in letters", async () => {
    const peer = new Peer({ page: 10_000 });
    const list = Array.from({ length: 100 }, () => "€".repeat(300));
    peer.connection.onRequest("list", () => ({ result: list, partial: "p" }));
    peer.start();
    expect((await peer.ask(1, "list")).result).toEqual({ pages: 10 });
    const pages = peer.received.filter((message) => message.method === "$/progress");
    expect(pages.flatMap((page) => page.params?.["value"])).toEqual(list);
    for (const page of pages) expect(Buffer.byteLength(JSON.stringify(page.params?.["value"]))).toBeLessThan(10_100);
  });

  it("sends a small list whole, and a large one too where no pages were asked for", async () => {
    const peer = listing().start();
    expect((await peer.ask(1, "list", { count: 10, partial: "p1" })).result).toEqual(rows.slice(0, 10));
    expect((await peer.ask(2, "list", { count: 1000 })).result).toEqual(rows);
  });

  it("holds pages back while nobody reads, and stops when the call is cancelled", async () => {
    const peer = listing({ page: 10_000 });
    peer.connection.listen();
    peer.send({ id: 1, method: "list", params: { count: 1000, partial: "p" } });
    await vi.waitFor(() =>
      expect(peer.fromConnection.readableLength + peer.fromConnection.writableLength).toBeGreaterThan(16_000),
    );
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(peer.fromConnection.readableLength + peer.fromConnection.writableLength).toBeLessThan(200_000);
    peer.send({ method: "$/cancelRequest", params: { id: 1 } });
    peer.read();
    expect((await peer.answer(1)).error?.code).toBe(-32800);
    expect(peer.received.length).toBeLessThan(90);
  });

  it("answers with an error instead of a message over the limit", async () => {
    const peer = listing({ body: 100_000 }).start();
    expect((await peer.ask(1, "list", { count: 1000 })).error?.message).toContain(
      "are over the limit of 100000 bytes a message",
    );
  });

  it("reads no more while too much is unread, and goes on when it was read", async () => {
    const peer = listing({ pauseAt: 1_000_000 });
    peer.connection.listen();
    for (let id = 1; id <= 10; id++) {
      peer.send({ id, method: "list", params: { count: 1000 } });
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    }
    await vi.waitFor(() => expect(peer.toConnection.isPaused()).toBe(true));
    peer.read();
    await peer.answer(10);
    expect(peer.received).toHaveLength(10);
  });

  it("gives the connection up when the other side reads nothing at all", async () => {
    const peer = new Peer({ stallAt: 1_000_000 });
    peer.connection.listen();
    for (let n = 0; n < 100; n++) void peer.connection.notify("note", { text: "x".repeat(50_000) });
    expect((await peer.connection.ended)?.message).toMatch(/the other side does not read: \d+ bytes are waiting/);
  });

  it("ends when it can no longer write", async () => {
    const output = new PassThrough();
    const peer = new Peer({}, output);
    peer.connection.listen();
    output.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    expect((await peer.connection.ended)?.message).toBe("cannot write to the other side: write EPIPE");
  });
});
