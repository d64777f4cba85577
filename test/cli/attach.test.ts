import { type ChildProcessByStdio, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { FrameParser, frame } from "../../src/rpc/frame.ts";
import { TENTACLE_SESSION } from "../main/child.ts";
import type { Received } from "../rpc/peer.ts";
import { authorsBackend, orchbridge, root } from "./run.ts";

// Each starts Node processes, which takes long on a busy machine.
vi.setConfig({ testTimeout: 90_000 });
const SOON = { timeout: 60_000, interval: 5 };

let folder = "";
let path = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orchbridge-attach-"));
  mkdirSync(join(folder, "run"));
  path = join(folder, "run/attach.sock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A running `orchbridge attach`. */
class Attach {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  stdout = "";
  stderr = "";
  status: number | string | undefined;

  constructor(...words: string[]) {
    const command = [join(root, "src/cli/orchbridge.ts"), "attach", ...words, "--socket", path];
    this.process = spawn(process.execPath, command, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] ?? "" },
    });
    this.process.stdout.on("data", (text: Buffer) => (this.stdout += text.toString()));
    this.process.stderr.on("data", (text: Buffer) => (this.stderr += text.toString()));
    this.process.on("close", (code, signal) => (this.status = code ?? signal ?? "?"));
    onTestFinished(() => void this.process.kill("SIGKILL"));
  }

  /** Waits until it has printed that. */
  async says(text: string): Promise<void> {
    await vi.waitFor(() => expect(this.stdout + this.stderr).toContain(text), SOON);
  }

  async ended(): Promise<number | string> {
    await vi.waitFor(() => expect(this.status).toBeDefined(), SOON);
    return this.status ?? "?";
  }
}

/** Stands in for a manager's side of the socket. */
class StandInManager {
  readonly #socket: Socket;
  readonly #received: Received[] = [];
  readonly #parser = new FrameParser({ header: 4096, body: 1 << 30 });
  ended = false;
  #lastId = 0;

  constructor() {
    this.#socket = connect(path);
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", () => (this.ended = true));
    this.#socket.on("data", (chunk: Buffer) => {
      for (const body of this.#parser.push(chunk)) this.#take(JSON.parse(body.toString("utf8")) as Received);
    });
    onTestFinished(() => void this.#socket.destroy());
  }

  send(message: object): void {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#socket.write(frame(body, Buffer.byteLength(body)));
  }

  ask(method: string, params: object): Promise<Received> {
    const id = ++this.#lastId;
    this.send({ id, method, params });
    return this.until((message) => message.id === id && message.method === undefined);
  }

  call(name: string): Promise<Received> {
    return this.ask(`orchestrator/${name}`, { _call: { id: `c${this.#lastId + 1}`, deadline_ms: 60_000 } });
  }

  until(matches: (message: Received) => boolean): Promise<Received> {
    return vi.waitFor(() => {
      const found = this.#received.find(matches);
      if (found === undefined) throw new Error(`not received; got ${JSON.stringify(this.#received).slice(0, 2000)}`);
      return found;
    }, SOON);
  }

  /** As the mgr module does it, whose backend may be another one. */
  async introduce(options: object | null, changes: object = {}): Promise<this> {
    const answer = await this.ask("initialize", {
      ...TENTACLE_SESSION,
      owner: null,
      methods: ["get_hosts"],
      backend: { name: null, options, options_error: null },
      call_timeout: null,
      record_path: null,
      ...changes,
    });
    expect(answer.error).toBeUndefined();
    await this.until(({ method }) => method === "bridge/state");
    return this;
  }

  lease(ttlMs: number): void {
    this.send({ method: "bridge/lease", params: { ttl_ms: ttlMs, fence_ms: 0 } });
  }

  leave(): void {
    this.#socket.end();
  }

  #take(message: Received): void {
    this.#received.push(message);
    // It knows nothing; what is asked is the journal.
    if (message.id !== undefined && message.method !== undefined) {
      const result = message.method === "mgr/store_list" ? {} : null;
      this.send({ id: message.id, result });
    }
  }
}

describe("orchbridge attach", () => {
  it("serves one manager after another, with their options, from this one process", async () => {
    const attach = new Attach(authorsBackend);
    await attach.says("waits for a manager at");
    expect(attach.stdout).toBe(`${authorsBackend} waits for a manager at ${path}

  ceph config set mgr mgr/orchbridge/attach ${path}    # to use it
  ceph config rm mgr mgr/orchbridge/attach    # to go back

`);
    const one = await new StandInManager().introduce({ hosts: ["h1"] });
    expect((await one.call("get_hosts")).result).toMatchObject([{ hostname: "h1" }]);
    // A manager that was replaced and one that takes over: the second is served when the first has gone.
    const other = new StandInManager();
    const introduced = other.introduce({ hosts: ["h2"] });
    expect((await one.call("get_hosts")).result).toMatchObject([{ hostname: "h1" }]);
    one.leave();
    await introduced;
    expect((await other.call("get_hosts")).result).toMatchObject([{ hostname: "h2" }]);
    await attach.says("mgr.x of Ceph 20.2.4 (tentacle) is attached");
    await attach.says("mgr.x is no longer attached");
    attach.process.kill("SIGTERM");
    expect(await attach.ended()).toBe(0);
    await vi.waitFor(() => expect(other.ended).toBe(true), SOON);
    expect(existsSync(path)).toBe(false);
  });

  it("tells programs in JSON, and refuses the options of the manager as the manager's own process does", async () => {
    const attach = new Attach(authorsBackend, "--json");
    await attach.says("listening");
    const manager = await new StandInManager().introduce({ hosts: "h1" });
    const state = await manager.until(({ method }) => method === "bridge/state");
    expect(state.params).toMatchObject({
      available: false,
      reason: expect.stringContaining("backend_options.hosts: ") as string,
    });
    manager.leave();
    await attach.says("detached");
    const events: unknown[] = attach.stdout
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(events).toEqual([
      { event: "listening", socket: path, pid: attach.process.pid },
      { event: "attached", mgr: "x", release: "tentacle", ceph_version: "20.2.4" },
      { event: "detached", mgr: "x", reason: null },
    ]);
    expect(attach.stderr).toContain("error: configuration refused: backend_options.hosts: ");
  });

  it("ends with a sentence and no success when the backend ends the process, and keeps its prints off stdout", async () => {
    const file = join(folder, "exits.ts");
    const methods = `getHosts() { console.log("printed by the backend"); process.exit(0); }`;
    writeFileSync(
      file,
      `import { defineBackend } from "orchbridge";\nexport default defineBackend({ name: "exits", create: () => ({ ${methods} }) });\n`,
    );
    const attach = new Attach(file, "--json");
    await attach.says("listening");
    const manager = await new StandInManager().introduce(null);
    void manager.call("get_hosts").catch(() => undefined);
    expect(await attach.ended()).toBe(1);
    expect(attach.stderr).toContain("printed by the backend\n");
    expect(attach.stderr).toContain("orchbridge: the backend ended the process, by process.exit(0)");
    expect(attach.stdout).not.toContain("printed");
  });

  it("shows a bug with its stack in the terminal", async () => {
    const attach = new Attach(authorsBackend);
    await attach.says("waits for");
    const manager = await new StandInManager().introduce(null, { methods: ["remove_host"] });
    const params = { host: "h9", _call: { id: "r", deadline_ms: 60_000 } };
    const { error } = await manager.ask("orchestrator/remove_host", params);
    expect(error?.message).toContain("author.removeHost failed unexpectedly: TypeError: Cannot read properties");
    await attach.says("warn: author: looking for h9");
    expect(attach.stderr).toMatch(
      /error: .*failed unexpectedly \(log id \w+\): TypeError: Cannot.*\nTypeError: .*\n +at .*author\.ts:/,
    );
  });

  it("makes a socket for its own user only", async () => {
    const attach = new Attach("memory");
    await attach.says("waits for");
    expect(statSync(path).mode & 0o7777).toBe(0o600);
    const second = new Attach("memory");
    expect(await second.ended()).toBe(1);
    expect(second.stderr).toBe(
      `orchbridge: the process with pid ${attach.process.pid} listens on ${path} already: stop it first, or choose another --socket\n`,
    );
  });

  it.skipIf(process.getuid?.() !== 0)("gives the socket to the manager's user, when root says so", async () => {
    await new Attach("memory", "--user", "12345").says("waits for");
    expect(statSync(path)).toMatchObject({ uid: 12_345 });
  });

  it("refuses a wrong command line, a backend that cannot be loaded and a folder that others write into", async () => {
    expect(await orchbridge(["attach"])).toMatchObject({ status: 2 });
    expect(await orchbridge(["attach", "memory", "--socket", "x.sock"])).toMatchObject({ status: 2 });
    expect(await orchbridge(["attach", "memory", "--user", "nobody-of-that-name", "--socket", path])).toMatchObject({
      status: 1,
      stderr: "orchbridge: --user nobody-of-that-name: there is no such user on this host\n",
    });
    const broken = join(folder, "broken.ts");
    writeFileSync(broken, "export default 7;\n");
    expect(await orchbridge(["attach", broken, "--socket", path])).toMatchObject({
      status: 3,
      stderr: expect.stringContaining("its default export was not made by defineBackend") as string,
    });
    const nowhere = join(folder, "rnu/attach.sock");
    expect(await orchbridge(["attach", "memory", "--socket", nowhere])).toMatchObject({
      status: 1,
      stderr: `orchbridge: --socket ${nowhere}: there is no folder ${folder}/rnu\n`,
    });
    expect(existsSync(join(folder, "rnu"))).toBe(false);
    chmodSync(join(folder, "run"), 0o777);
    expect(await orchbridge(["attach", "memory", "--socket", path])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("may be written by others") as string,
    });
  });
});

describe("the lease of an attached process", () => {
  const owned = { owner: "load-1" };

  it("may run out at a breakpoint, when the manager renews it afterwards", async () => {
    const attach = new Attach(authorsBackend);
    await attach.says("waits for");
    const manager = await new StandInManager().introduce({ hosts: ["h1"] }, owned);
    manager.lease(300);
    await attach.says("the lease ran out");
    expect(attach.stderr).toContain("unless it does within 10 s, this process ends");
    manager.lease(600_000);
    expect((await manager.call("get_hosts")).result).toMatchObject([{ hostname: "h1" }]);
    manager.leave();
    await attach.says("is no longer attached");
    expect(attach.status).toBeUndefined();
  });

  it("ends the process when nobody renews it, for another manager may lead", async () => {
    const attach = new Attach(authorsBackend);
    await attach.says("waits for");
    const manager = await new StandInManager().introduce({ hosts: ["h1"] }, owned);
    manager.lease(10);
    expect(await attach.ended()).toBe(75);
    expect(attach.stderr).toContain("error: the lease ran out: the mgr could not confirm");
  });
});
