import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Message } from "vscode-jsonrpc";
import { readSessions } from "../../src/cli/replay/session-file.ts";
import { Recorder, type RecordingLimits } from "../../src/main/recording/recorder.ts";
import { Child } from "./child.ts";

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
  recorder.received(wire({ id: 0, method: "initialize", params }));
  return { recorder, log };
}

function wire(message: object): Message {
  return { jsonrpc: "2.0", ...message };
}

function sent(recorder: Recorder, message: object): void {
  recorder.sent(JSON.stringify(wire(message)));
}

describe("a recording", () => {
  it("begins with a header, and has a line for each message", () => {
    const file = join(folder(), "one");
    const { recorder } = begun(file);
    recorder.received(wire({ id: 1, method: "orchestrator/get_hosts", params: {} }));
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
    recorder.received(wire({ id: 1, method: "orchestrator/apply_iscsi", params }));
    sent(recorder, {
      id: 7,
      method: "mgr/command",
      params: { prefix: "config-key set", key: "k", val: JSON.stringify(params) },
    });
    recorder.received(wire({ id: 7, result: { retval: 0, stdout: "", stderr: "" } }));
    sent(recorder, { id: 8, method: "mgr/command", params: { prefix: "auth get-or-create", entity: "client.x" } });
    recorder.received(wire({ id: 8, result: { retval: 0, stdout: "kept apart", stderr: "" } }));
    sent(recorder, { id: 1, error: { code: 1, message: `no pool for sesame-open at host-one with ${SECRET}` } });
    recorder.received(wire({ id: 2, method: "orchestrator/cert_store_get_key", params: {} }));
    sent(recorder, { id: 2, result: "the whole answer" });
    recorder.close();
    const text = readFileSync(file, "utf8");
    for (const secret of [SECRET, "sesame-open", "kept apart", "the whole answer"]) expect(text).not.toContain(secret);
    expect(text).toContain("no pool for [secret] at host-one with [secret]");
    expect(text).toContain('"key":"k","prefix":"config-key set","val":"[secret]"');
    expect(text).toContain('"api_user":"someone"');
    expect(text).not.toContain('"hosts"');
  });

  it("leaves out what only says that both sides live", () => {
    const file = join(folder(), "one");
    const { recorder } = begun(file);
    recorder.received(wire({ id: 1, method: "bridge/ping", params: {} }));
    sent(recorder, { id: 1, result: {} });
    recorder.received(wire({ method: "bridge/lease", params: { ttl_ms: 1 } }));
    recorder.close();
    expect(readFileSync(file, "utf8").split("\n")).toHaveLength(3);
  });

  it("keeps of a message that is too large only whose it is, and ends when the file is full", () => {
    const file = join(folder(), "one");
    const { recorder, log } = begun(file, { message: 1000, file: 2000 });
    recorder.received(wire({ id: 1, method: "orchestrator/get_hosts", params: {} }));
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
    recorder.received(wire({ id: 1, method: "orchestrator/get_hosts", params: {} }));
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
