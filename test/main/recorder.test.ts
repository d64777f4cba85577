import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Message } from "vscode-jsonrpc";
import { readSessions } from "../../src/cli/replay/session-file.ts";
import { type ReplayReport, replaySession } from "../../src/cli/replay/session-replay.ts";
import { createLog } from "../../src/main/log.ts";
import { Recorder, type RecordingLimits } from "../../src/main/recording/recorder.ts";
import { type Entry, encodeEntry } from "../../src/orchestrator/journal/entry.ts";
import { authorsBackend } from "../cli/run.ts";
import { Child, tinyBackend } from "./child.ts";

const SECRET = "correct-horse";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "orchbridge-recorder-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A recorder that has begun, and what it says in the log. */
function begun(file: string, limits?: RecordingLimits, options: unknown = null): { recorder: Recorder; log: string[] } {
  const log: string[] = [];
  const tell = (message: string): void => void log.push(message);
  const recorder = new Recorder({ info: tell, warn: tell }, limits);
  const backend = { name: "memory", options, options_error: null };
  const params = { release: "reef", ceph_version: "18.2.7", dialect: "modern", backend, record_path: file };
  received(recorder, { id: 0, method: "initialize", params });
  return { recorder, log };
}

function wire(message: object): Message {
  return { jsonrpc: "2.0", ...message };
}

function received(recorder: Recorder, message: object): void {
  recorder.received(wire(message), Buffer.byteLength(JSON.stringify(wire(message))));
}

function sent(recorder: Recorder, message: object): void {
  recorder.sent(wire(message), JSON.stringify(wire(message)));
}

describe("a recording", () => {
  it("begins with a header, and has a line for each message", () => {
    const file = join(folder(), "one");
    const { recorder } = begun(file);
    received(recorder, { id: 1, method: "orchestrator/get_hosts", params: {} });
    sent(recorder, { id: 1, result: [{ hostname: "h1" }] });
    recorder.close();
    const [header = "", ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
    expect(JSON.parse(header.slice(2))).toMatchObject({
      format: 1,
      release: "reef",
      ceph_version: "18.2.7",
      backend: "memory",
      commands: [],
      date: expect.stringMatching(/^\d{4}-/) as string,
    });
    expect(lines.slice(1)).toEqual([
      '> {"jsonrpc":"2.0","id":1,"method":"orchestrator/get_hosts","params":{}}',
      '< {"jsonrpc":"2.0","id":1,"result":[{"hostname":"h1"}]}',
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("goes on in the same file after a restart, as another session", () => {
    const file = join(folder(), "one");
    begun(file).recorder.close();
    begun(file).recorder.close();
    expect(readSessions(readFileSync(file, "utf8"))).toHaveLength(2);
  });

  it("has none of a call's secrets, wherever they turn up later", () => {
    const file = join(folder(), "one");
    const { recorder } = begun(file, undefined, { hosts: ["host-one"], token: SECRET });
    const params = { spec: { service_type: "iscsi", spec: { api_user: "someone", api_password: "sesame-open" } } };
    received(recorder, { id: 1, method: "orchestrator/apply_iscsi", params });
    sent(recorder, {
      id: 7,
      method: "mgr/command",
      params: { prefix: "config-key set", key: "k", val: JSON.stringify(params) },
    });
    received(recorder, { id: 7, result: { retval: 0, stdout: "", stderr: "" } });
    sent(recorder, { id: 8, method: "mgr/command", params: { prefix: "auth get-or-create", entity: "client.x" } });
    received(recorder, { id: 8, result: { retval: 0, stdout: "kept apart", stderr: "" } });
    sent(recorder, { id: 1, error: { code: 1, message: `no pool for sesame-open at host-one with ${SECRET}` } });
    received(recorder, { id: 2, method: "orchestrator/cert_store_get_key", params: {} });
    sent(recorder, { id: 2, result: "the whole answer" });
    recorder.close();
    const text = readFileSync(file, "utf8");
    for (const secret of [SECRET, "sesame-open", "kept apart", "the whole answer"]) expect(text).not.toContain(secret);
    expect(text).toContain("no pool for [secret] at host-one with [secret]");
    expect(text).toContain('"key":"k","prefix":"config-key set","val":"[secret]"');
    expect(text).toContain('"api_user":"someone"');
    expect(text).not.toContain('"hosts"');
  });

  it("hides what comes back from the store after a restart, in whatever follows", () => {
    const file = join(folder(), "one");
    const { recorder } = begun(file);
    const entry: Entry = {
      id: "op-1",
      n: 1,
      at: "2026-01-01T00:00:00Z",
      owner: "x",
      backend: "memory",
      method: "applyService",
      params: { spec: { api_password: "from-the-journal" } },
      result: null,
      title: "apply",
      error: null,
    };
    sent(recorder, { id: 1, method: "mgr/store_list", params: { prefix: "op/" } });
    received(recorder, { id: 1, result: Object.fromEntries(encodeEntry(entry)) });
    sent(recorder, { id: 2, method: "mgr/store_get", params: { key: "state/site" } });
    received(recorder, { id: 2, result: JSON.stringify({ admin: { password: "from-the-state" } }) });
    const get = { prefix: "config-key get", key: "mgr/other/api_token" };
    sent(recorder, { id: 3, method: "mgr/command", params: get });
    received(recorder, { id: 3, result: { retval: 0, stdout: "from-config-key\n", stderr: "" } });
    const dump = { prefix: "config dump", format: "json" };
    const row = { section: "client", name: "rgw_keystone_admin_password", value: "from-the-dump" };
    sent(recorder, { id: 4, method: "mgr/command", params: dump });
    received(recorder, { id: 4, result: { retval: 0, stdout: JSON.stringify([row]), stderr: "" } });
    const says = "neither from-the-journal nor from-the-state, from-config-key or from-the-dump";
    sent(recorder, { method: "bridge/failed", params: { call: "op-1", error: { code: 1, message: says } } });
    recorder.close();
    const text = readFileSync(file, "utf8");
    expect(text).toContain('"message":"neither [secret] nor [secret], [secret] or [secret]"');
    expect(text).not.toContain("from-");
  });

  it("hides the value of an option with a secret's name, and keeps the names of others", () => {
    const file = join(folder(), "one");
    const { recorder } = begun(file);
    const set = { prefix: "config set", who: "client", name: "rgw_keystone_admin_password", value: "hunter22" };
    sent(recorder, { id: 1, method: "mgr/command", params: set });
    received(recorder, { id: 1, result: { retval: -22, stdout: "", stderr: "not hunter22" } });
    const get = { prefix: "config get", who: "mgr", key: "mgr/dashboard/server_port" };
    sent(recorder, { id: 2, method: "mgr/command", params: get });
    received(recorder, { id: 2, result: { retval: 0, stdout: "8443", stderr: "" } });
    recorder.close();
    const text = readFileSync(file, "utf8");
    expect(text).not.toContain("hunter22");
    expect(text).toContain('"name":"rgw_keystone_admin_password","value":"[secret]"');
    expect(text).toContain('"key":"mgr/dashboard/server_port"');
    expect(text).toContain('"stdout":"8443"');
  });

  it("hides what a command reads from its input, and looks through its other fields", () => {
    const file = join(folder(), "one");
    const { recorder } = begun(file, undefined, { token: SECRET });
    const params = { prefix: "config-key set", key: "k", inbuf: "poured-in", note: `with ${SECRET}` };
    sent(recorder, { id: 1, method: "mgr/command", params });
    const other = { prefix: "osd new", inbuf: JSON.stringify({ cephx_secret: "of-an-osd" }) };
    sent(recorder, { id: 2, method: "mgr/command", params: other });
    received(recorder, { id: 2, result: { retval: -22, stdout: "", stderr: "what is of-an-osd?" } });
    recorder.close();
    const text = readFileSync(file, "utf8");
    for (const secret of ["poured-in", SECRET, "of-an-osd"]) expect(text).not.toContain(secret);
    expect(text).toContain('"inbuf":"[secret]","note":"with [secret]"');
  });

  it("hides the whole of a secret that begins with another one, also where it stands in JSON", () => {
    const file = join(folder(), "one");
    const { recorder } = begun(file, undefined, { password: "hunter", other_password: "hunter-22", token: 'a"quote' });
    const message = `hunter-22, ${JSON.stringify({ told: 'a"quote' })}`;
    sent(recorder, { id: 1, error: { code: 1, message } });
    recorder.close();
    expect(readFileSync(file, "utf8")).toContain('"message":"[secret], {\\"told\\":\\"[secret]\\"}"');
  });

  it("of an answer in pages can be replayed", async () => {
    const file = join(folder(), "one");
    const hosts = Array.from({ length: 20_000 }, (_, index) => `host-${index}`);
    const child = await new Child().ready({ hosts }, { record_path: file });
    expect((await child.call("get_hosts", {}, { partial: "c-paged" })).result).toEqual({ pages: 4 });
    expect(await replayed(file, { backend: tinyBackend, options: { hosts } })).toEqual({
      requests: 1,
      compared: 1,
      differences: [],
    });
  });

  it("of an operation whose failure tells a secret can be replayed", async () => {
    const file = join(folder(), "one");
    const options = { password: "has gone" };
    const child = new Child();
    await child.initialize({ name: authorsBackend, options }, { record_path: file });
    await child.until(({ params }) => params?.["available"] === true);
    await child.call("add_host", { host_spec: { hostname: "doomed" } });
    await child.until(({ method }) => method === "bridge/failed");
    // It is written down right after it is sent.
    await vi.waitFor(() => expect(readFileSync(file, "utf8")).toContain("doomed [secret]"), 60_000);
    expect(await replayed(file, { backend: authorsBackend, options })).toMatchObject({ compared: 2, differences: [] });
  });

  it("goes on behind half a line that a process left when it died", () => {
    const file = join(folder(), "one");
    for (const half of [">", '> {"jsonrpc":"2.0","id":', '# {"format":1,']) {
      begun(file).recorder.close();
      appendFileSync(file, half);
    }
    begun(file).recorder.close();
    const sessions = readSessions(readFileSync(file, "utf8"));
    expect(sessions.map(({ messages }) => messages.length)).toEqual([1, 1, 1, 1]);
    const broken = readFileSync(file, "utf8").replace('"initialize"', "");
    expect(() => readSessions(broken)).toThrow("line 2: not a JSON object");
  });

  it("does not look into an answer that is too large, and remembers the secrets of a question that is", () => {
    const file = join(folder(), "one");
    const { recorder, log } = begun(file, { message: 1000, file: 10_000 });
    const params = { spec: { api_password: "sesame-open", text: "x".repeat(2000) } };
    received(recorder, { id: 1, method: "orchestrator/cert_store_get_key", params });
    sent(recorder, { id: 2, method: "mgr/log", params: { message: "sesame-open" } });
    recorder.sent(wire({ id: 1, result: null }), "this is not even JSON ".repeat(100));
    sent(recorder, { id: 1, result: "an answer to nothing" });
    recorder.close();
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^> \{"jsonrpc":"2.0","id":1,"method":"orchestrator\/cert_store_get_key","cut":2\d\d\d\}$/m);
    expect(text).toContain('"message":"[secret]"');
    expect(text).toMatch(/^< \{"jsonrpc":"2.0","id":1,"cut":2200\}$/m);
    expect(text).toContain("an answer to nothing");
    expect(log).toHaveLength(1);
  });

  it("leaves out what only says that both sides live", () => {
    const file = join(folder(), "one");
    const { recorder } = begun(file);
    received(recorder, { id: 1, method: "bridge/ping", params: {} });
    sent(recorder, { id: 1, result: {} });
    received(recorder, { method: "bridge/lease", params: { ttl_ms: 1 } });
    recorder.close();
    expect(readFileSync(file, "utf8").split("\n")).toHaveLength(3);
  });

  it("keeps of a message that is too large only whose it is, and ends when the file is full", () => {
    const file = join(folder(), "one");
    const { recorder, log } = begun(file, { message: 1000, file: 2000 });
    received(recorder, { id: 1, method: "orchestrator/get_hosts", params: {} });
    sent(recorder, { id: 1, result: "x".repeat(5000) });
    expect(readFileSync(file, "utf8")).toMatch(/^< \{"jsonrpc":"2.0","id":1,"cut":50\d\d\}$/m);
    for (let id = 2; id < 50; id += 1) sent(recorder, { id, result: "x".repeat(200) });
    expect(statSync(file).size).toBeLessThanOrEqual(2000);
    expect(log.filter((line) => line.includes("is not recorded"))).toHaveLength(1);
    expect(recorder.state).toMatchObject({ file, problem: expect.stringContaining("reached") as string });
  });

  it.each([
    ["a folder that is not there", (place: string) => join(place, "none", "one")],
    ["a link", (place: string) => linked(place)],
    ["a file that others can read", (place: string) => readable(place)],
    ["a folder", (place: string) => place],
  ])("that cannot be written into %s is a line in the log, and no more", (_what, make) => {
    const file = make(folder());
    const { recorder, log } = begun(file);
    received(recorder, { id: 1, method: "orchestrator/get_hosts", params: {} });
    sent(recorder, { id: 1, result: [] });
    recorder.close();
    expect(log).toEqual([expect.stringContaining(`the session is not recorded in ${file}: `)]);
  });

  it("is made by a process that is told to, whose calls a failing recording does not harm", async () => {
    const place = folder();
    for (const [name, good] of [
      ["good", true],
      ["none/bad", false],
    ] as const) {
      const child = await new Child().ready({ hosts: ["h1"] }, { record_path: join(place, name) });
      expect((await child.call("get_hosts")).result).toMatchObject([{ hostname: "h1" }]);
      const { result } = await child.ask("bridge/status", {});
      expect(result).toMatchObject({
        recording: { problem: good ? null : (expect.stringContaining("ENOENT") as string) },
      });
    }
    const [session] = readSessions(readFileSync(join(place, "good"), "utf8"));
    expect(session?.messages.map(({ message }) => message["method"])).toContain("orchestrator/get_hosts");
  });
});

async function replayed(file: string, how: { backend: string; options: unknown }): Promise<ReplayReport> {
  const [session] = readSessions(readFileSync(file, "utf8"));
  if (session === undefined) throw new Error(`no session in ${file}`);
  return replaySession(session, { ...how, log: createLog("error", { write: () => undefined }) });
}

function linked(place: string): string {
  writeFileSync(join(place, "target"), "");
  symlinkSync(join(place, "target"), join(place, "link"));
  return join(place, "link");
}

function readable(place: string): string {
  const file = join(place, "readable");
  writeFileSync(file, "");
  chmodSync(file, 0o644);
  return file;
}
