import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { socketGroup } from "../../src/agent/accounts.ts";
import { AgentClient, ConflictError } from "../../src/agent/client.ts";
import { listenSafely } from "../../src/agent/socket.ts";
import { OneAgent } from "./one-agent.ts";

// Each starts several Node processes, which takes long on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

describe("the socket", () => {
  let dir = "";
  let path = "";
  const servers: Server[] = [];
  const gid = process.getgid?.() ?? 0;
  const listen = async (group = gid): Promise<Server> => {
    const server = await listenSafely(path, group, (socket) => {
      socket.on("error", () => undefined);
      socket.end("hello");
    });
    servers.push(server);
    return server;
  };

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "orchbridge-socket-"));
    path = join(dir, "run/agent.sock");
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it("is for its owner and group, whatever the umask, in a folder that only its owner writes", async () => {
    const umask = process.umask(0);
    await listen();
    process.umask(umask);
    expect(statSync(path).mode & 0o7777).toBe(0o660);
    expect(statSync(join(dir, "run")).mode & 0o7777).toBe(0o755);
    expect(readdirSync(join(dir, "run"))).toEqual(["agent.sock"]);
  });

  it.skipIf(process.getuid?.() !== 0)("belongs to the group that is asked for", async () => {
    await listen(12_345);
    expect(statSync(path)).toMatchObject({ uid: 0, gid: 12_345 });
  });

  it("replaces a dead agent's, and refuses a living one's with its pid", async () => {
    const server = await listen();
    await expect(listen()).rejects.toThrow(`the agent with pid ${process.pid} listens on ${path} already`);
    // Closing unlinks the name under which it was made, which is gone, as after a kill.
    server.close();
    expect(existsSync(path)).toBe(true);
    await listen();
    const { promise, resolve } = Promise.withResolvers<string>();
    connect(path).once("data", (text: Buffer) => resolve(text.toString()));
    expect(await promise).toBe("hello");
  });

  it("refuses what is no socket, a folder that others write, and a name that is too long", async () => {
    mkdirSync(join(dir, "run"));
    writeFileSync(path, "");
    await expect(listen()).rejects.toThrow(`--socket ${path}: there is something else than a socket`);
    chmodSync(join(dir, "run"), 0o777);
    await expect(listen()).rejects.toThrow("may be written by others (mode 777)");
    path = join(dir, "x".repeat(100));
    await expect(listen()).rejects.toThrow(/longer than the \d+ bytes/);
  });

  it("says which group there is not", () => {
    expect(() => socketGroup("no-such-group")).toThrow("--group no-such-group: there is no such group on this host");
  });
});

describe("the agent's methods", () => {
  let agent: OneAgent;
  beforeEach(async () => {
    agent = new OneAgent();
    await agent.start();
  });
  afterEach(() => agent.down());

  it.each([
    ["daemon/act", { name: "mds.a", action: "explode" }, "daemon/act action: "],
    ["daemon/deploy", { daemon: { name: "mds.../x", service: "mds" } }, "daemon/deploy daemon.name: "],
    [
      "daemon/deploy",
      { daemon: { name: "mds.a", service: "mds", ports: [1, 70_000] } },
      "daemon/deploy daemon.ports[1]: ",
    ],
    ["record/write", { generation: 0, changes: {}, more: 1 }, "record/write: "],
  ] as const)("refuse wrong params of %s by the name of the field", async (method, params, start) => {
    const error = await agent.ask(method, params as never).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "ValidationError", message: expect.stringContaining(start) as string });
  });

  it("say that there is no other method", async () => {
    await expect(agent.ask("shell/run" as "daemon/list", {})).rejects.toThrow("there is no method shell/run");
  });

  it("let many clients change records at once, and lose no change", async () => {
    const clients = Array.from({ length: 6 }, () => new AgentClient(agent.settings.socketPath, () => undefined));
    const count = async (client: AgentClient): Promise<void> => {
      for (let done = 0; done < 5; ) {
        const { generation, records } = await client.request("record/read", {});
        const count_ = Number(records["counter"] ?? 0) + 1;
        try {
          await client.request("record/write", { generation, changes: { counter: count_ } });
          done += 1;
        } catch (error) {
          if (!(error instanceof ConflictError)) throw error;
        }
      }
    };
    await Promise.all(clients.map(count));
    expect(await agent.ask("record/read", {})).toEqual({ generation: 30, records: { counter: 30 } });
    for (const client of clients) client.close();
    await agent.end("SIGKILL");
    await agent.start();
    expect(await agent.ask("record/read", {})).toEqual({ generation: 30, records: { counter: 30 } });
  });

  it("go on for the others when a client breaks off in the middle of a message", async () => {
    const socket = connect(agent.settings.socketPath);
    socket.write("Content-Length: 1000\r\n\r\n{");
    socket.on("connect", () => socket.destroy());
    const rude = connect(agent.settings.socketPath);
    const { promise, resolve } = Promise.withResolvers<void>();
    rude.on("close", () => resolve());
    rude.on("error", () => undefined);
    rude.write("GET / HTTP/1.1\r\n\r\n");
    await promise;
    expect(await agent.ask("daemon/list", {})).toEqual([]);
  });
});
