/** A real bridge process and the mgr module's side of its pipes, for tests. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { expect, onTestFinished, vi } from "vitest";
import { SCHEMA_HASH } from "../../src/orchestrator/generated/methods.ts";
import { FrameParser, frame } from "../../src/rpc/frame.ts";

/** What the module of a Tentacle manager says of itself first. */
export const TENTACLE_SESSION = {
  schema_hash: SCHEMA_HASH,
  protocol: 1,
  release: "tentacle",
  ceph_version: "20.2.4",
  dialect: "modern",
  fsid: "00000000-0000-0000-0000-000000000001",
  mgr: { name: "x", gid: 4242 },
};

export const root = join(import.meta.dirname, "../..");
export const tinyBackend = join(root, "test/fixtures/backends/tiny.ts");

export interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: unknown;
  error?: { code: number; message: string; data: Record<string, unknown> };
}

const unbuilt = [process.execPath, join(root, "src/main.ts"), "serve", "--stdio"];

export class Child {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly received: Message[] = [];
  /** Everything on stderr. */
  log = "";
  status: number | string | undefined;
  readonly #parser = new FrameParser({ header: 4096, body: 1 << 30 });
  #lastId = 0;

  constructor(command: string[] = unbuilt, env: Record<string, string> = {}) {
    const [program = "", ...args] = command;
    this.process = spawn(program, args, {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.process.stdin.on("error", () => undefined); // it may be gone already; the tests look at its status
    this.process.stdout.on("data", (chunk: Buffer) => {
      for (const body of this.#parser.push(chunk)) this.#take(JSON.parse(body.toString("utf8")) as Message);
    });
    this.process.stderr.on("data", (chunk: Buffer) => (this.log += chunk.toString("utf8")));
    this.process.on("close", (code, signal) => (this.status = code ?? signal ?? "?"));
    onTestFinished(() => void this.process.kill("SIGKILL"));
  }

  get logLines(): Record<string, unknown>[] {
    return this.log
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  write(text: string): void {
    this.process.stdin.write(text);
  }

  send(message: object): void {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.write(frame(body, Buffer.byteLength(body)));
  }

  async ask(method: string, params: object = {}): Promise<Message> {
    const id = ++this.#lastId;
    this.send({ id, method, params });
    return this.until((message) => message.id === id && message.method === undefined);
  }

  /** A modern call, as the mgr module makes it. */
  call(name: string, params: object = {}, call: object = {}): Promise<Message> {
    return this.ask(`orchestrator/${name}`, {
      ...params,
      _call: { id: `c${this.#lastId + 1}`, deadline_ms: 10_000, ...call },
    });
  }

  until(matches: (message: Message) => boolean): Promise<Message> {
    return vi.waitFor(
      () => {
        const found = this.received.find(matches);
        if (found === undefined) throw new Error(`not received; status ${this.status}, log: ${this.log.slice(-2000)}`);
        return found;
      },
      { timeout: 15_000, interval: 2 },
    );
  }

  initialize(backend: { name: string | null; options?: unknown }, changes: object = {}): Promise<Message> {
    return this.ask("initialize", {
      ...TENTACLE_SESSION,
      methods: ["get_hosts", "add_host", "remove_host", "drain_host"],
      backend: { name: backend.name, options: backend.options ?? null, options_error: null },
      call_timeout: null,
      record_path: null,
      ...changes,
    });
  }

  /** Initialized, and the backend is there. */
  async ready(options: object = {}, changes: object = {}): Promise<this> {
    expect((await this.initialize({ name: tinyBackend, options }, changes)).error).toBeUndefined();
    await this.until((message) => message.method === "bridge/state" && message.params?.["available"] === true);
    return this;
  }

  /** The exit status, or the name of the signal. */
  ended(): Promise<number | string> {
    return vi.waitFor(
      () => {
        if (this.status === undefined) throw new Error("still running");
        return this.status;
      },
      { timeout: 10_000 },
    );
  }

  #take(message: Message): void {
    this.received.push(message);
    if (message.id === undefined || message.method === undefined) return;
    // The manager: it knows one map and no more.
    if (message.method === "mgr/get") this.send({ id: message.id, result: { epoch: 7 } });
    else
      this.send({
        id: message.id,
        error: { code: -32601, message: `no ${message.method} here`, data: { type: "MethodNotFound" } },
      });
  }
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
