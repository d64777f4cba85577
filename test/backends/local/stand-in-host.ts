/** Stand-ins for the host agent (over a real Unix socket) and for the manager with its monitors, for tests of the local backend. */
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

import { AgentClient, DAEMON_TYPES, type Daemon, type DaemonName, PROTOCOL } from "../../../src/agent/client.ts";
import { CONFLICT } from "../../../src/agent/protocol.ts";
import { localOptions } from "../../../src/backends/local/options.ts";
import { Site } from "../../../src/backends/local/site.ts";
import type { BackendContext, Json, Log, MgrPort, Operation, ReadCall, WriteCall } from "../../../src/index.ts";
import { Connection } from "../../../src/rpc/connection.ts";

type Answer = { retval: number; stdout: string; stderr: string };
/** What commands are asked about here is given in texts alone. */
type Command = { prefix: string; [argument: string]: string };
type Params = Record<string, unknown>;

/** An error as the agent answers it. */
export class AgentError extends Error {
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

export class StandInHost {
  readonly daemons: Map<string, Daemon>;
  readonly records: Record<string, Json> = {};
  generation = 0;
  /** What the agent was asked to do, and the monitor commands that change something, in order. */
  readonly done: string[] = [];
  /** The installed version by daemon type. */
  readonly installed: Record<string, string> = {};
  /** Answers of the agent other than its own, by method. */
  readonly agent: Record<string, (params: Params) => unknown> = {};
  /** Answers of monitor commands, by prefix; the rest succeed with nothing. */
  readonly commands: Record<string, (command: Command) => Partial<Answer> | Json> = {};
  readonly maps: Record<string, () => Json> = { mon_map: () => ({ mons: [] }) };
  release = "reef";
  /** Of the host's interfaces. */
  addresses: string[] = [];
  /** After so many requests and commands, the process that makes them is as good as dead: none is answered any more. */
  lives = Number.POSITIVE_INFINITY;
  readonly said: string[] = [];
  /** What the backend told the manager last. */
  health: object = {};

  /** Two stand-ins may be one host: then they share their daemons. */
  constructor(daemons = new Map<string, Daemon>()) {
    this.daemons = daemons;
  }

  /** Adds a running daemon. */
  add(name: DaemonName, change: Partial<Daemon> = {}): Daemon {
    const [type = "", ...rest] = name.split(".");
    const daemon: Daemon = {
      name,
      type: type as Daemon["type"],
      id: rest.join("."),
      service: type === "mds" || type === "rgw" ? `${type}.${rest[0] ?? ""}` : type,
      labels: {},
      ports: [],
      desired: "running",
      state: "running",
      pid: 100 + this.daemons.size,
      version: "18.2.7",
      memory_bytes: null,
      cpu_percent: null,
      created: null,
      deployed: null,
      started: "2026-01-01T00:00:00Z",
      crashes: 0,
      last_exit: null,
      events: [],
      ...change,
    };
    this.daemons.set(name, daemon);
    return daemon;
  }

  /** A backend's site on this host, as a new Node process would have it. */
  async site(): Promise<Site> {
    const { path, close } = await this.listen();
    const end = new AbortController();
    const agent = new AgentClient(path, (message) => void this.said.push(message));
    onTestFinished(() => {
      end.abort();
      agent.close();
      close();
    });
    const context = {
      options: localOptions.parse({ agent_socket: path }),
      ceph: { release: this.release, fsid: FSID, mgr: { name: "x", gid: 4100 } },
      mgr: this.manager,
      log: this.log,
      signal: end.signal,
    };
    // The local backend uses nothing else of what it is handed.
    return new Site(context as unknown as BackendContext<Site["options"]>, agent);
  }

  /** What the manager does for a backend, as far as the local one asks for it. */
  get manager(): Pick<MgrPort, "get" | "command" | "setHealthChecks" | "clusterLog"> {
    return {
      get: (name) => this.#map(name),
      command: (command) => this.#command(command as Command),
      setHealthChecks: (checks) => Promise.resolve(void (this.health = checks)),
      clusterLog: (_level, message) => Promise.resolve(void this.said.push(message)),
    };
  }

  get log(): Log {
    const say = (message: string): void => void this.said.push(message);
    return { debug: () => undefined, info: say, warn: say, error: say };
  }

  /** A write in progress, and what it gave: its text and its second stage. */
  call(resumed = false): WriteCall {
    // The brand of what `persisted` gives is the bridge's own business; `stage` takes it apart.
    const call = {
      ...readCall(this.log),
      resumed,
      persisted: (result: unknown, effective: unknown) => ({ result, effective }),
    };
    return call as unknown as WriteCall;
  }

  #spendLife(): void {
    this.lives -= 1;
    if (this.lives < 0) throw new AgentError("UnavailableError", "this process is dead, as the test wants it");
  }

  #map(name: string): Promise<Json> {
    const map = this.maps[name];
    if (map === undefined) throw new Error(`the stand-in has no map ${name}`);
    return Promise.resolve(map());
  }

  async #command(command: Command): Promise<Answer> {
    this.#spendLife();
    const { prefix, format: _format, ...rest } = command;
    const read = /metadata|dump|ls|stat|ok-to-stop|status|versions/.test(prefix);
    if (!read) this.done.push([prefix, ...Object.values(rest).flat()].join(" "));
    const answer = this.commands[prefix]?.(command) ?? "";
    const whole = { retval: 0, stdout: "", stderr: "" };
    if (answer !== null && typeof answer === "object" && "retval" in answer) return { ...whole, ...answer };
    return { ...whole, stdout: typeof answer === "string" ? answer : JSON.stringify(answer) };
  }

  /** Answers as an agent on a Unix socket, until `close`. */
  async listen(): Promise<{ path: string; close(): void }> {
    const path = join(tmpdir(), `orchbridge-${randomUUID()}.sock`);
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      const connection = new Connection({
        input: socket,
        output: socket,
        toWireError: (error) => ({
          code: 1001,
          message: error instanceof Error ? error.message : String(error),
          data: wireData(error),
        }),
        warn: (message) => void this.said.push(message),
      });
      for (const method of ["agent/", "host/", "osd/", "daemon/", "record/", "port/", "rgw/"])
        connection.onRequest(method, (params, { method: name }) => ({ result: this.#answer(name, params) }));
      connection.listen();
    });
    await new Promise<void>((resolve) => void server.listen(path, resolve));
    const close = (): void => {
      server.close();
      rmSync(path, { force: true });
    };
    return { path, close };
  }

  #answer(method: string, params: Params): unknown {
    this.#spendLife();
    const own = this.agent[method];
    if (own !== undefined) return own(params);
    switch (method) {
      case "agent/describe":
        return this.#description();
      case "daemon/list":
        return [...this.daemons.values()];
      case "daemon/act":
        return this.act(String(params["name"]), String(params["action"]));
      case "record/read":
        return { generation: this.generation, records: this.records };
      case "record/write":
        return this.#write(params as { generation: number; changes: Record<string, Json> });
      default:
        throw new AgentError("NotSupportedError", `the stand-in does not know ${method}`);
    }
  }

  /** What the agent would do; a test may replace it for one daemon by `onAct`. */
  act(name: string, action: string): Daemon {
    const daemon = this.daemons.get(name);
    if (daemon === undefined) throw new AgentError("NotFoundError", `daemon ${name} is not in the manifest`);
    this.done.push(`${action} ${name}`);
    const stopped = action === "stop";
    daemon.desired = stopped ? "stopped" : "running";
    daemon.state = stopped ? "stopped" : "running";
    daemon.pid = stopped ? null : (daemon.pid ?? 100) + 1000;
    const installed = this.installed[daemon.type];
    if (!stopped && daemon.version !== null && installed !== undefined) daemon.version = installed;
    this.onAct(daemon, action);
    return daemon;
  }

  onAct: (daemon: Daemon, action: string) => void = () => undefined;

  #write({ generation, changes }: { generation: number; changes: Record<string, Json> }): unknown {
    if (generation !== this.generation) throw new AgentError(CONFLICT, "the records changed");
    this.generation += 1;
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) delete this.records[key];
      else this.records[key] = value;
    }
    return { generation: this.generation };
  }

  #description(): Json {
    const abilities = { lvm: null, raw: null, encryption: null, light: null, iscsi: null, nvmeof: null };
    const binaries = DAEMON_TYPES.map((type) => {
      const version = this.installed[type] ?? null;
      return [
        type,
        { path: `/usr/bin/ceph-${type}`, version, problem: version === null ? "it is not installed" : null },
      ];
    });
    return {
      version: "0",
      protocol: PROTOCOL,
      hostname: HOSTNAME,
      addresses: this.addresses,
      boot_id: "b",
      user: "ceph",
      fsid: FSID,
      binaries: Object.fromEntries(binaries) as Json,
      abilities,
    };
  }
}

export const HOSTNAME = "h1.example.org";
export const FSID = "9f1c0000-0000-4000-8000-000000000001";

export function readCall(log: Log): ReadCall {
  return { id: "a call", signal: new AbortController().signal, log };
}

/** What a write answered, and its second stage carried out. */
export async function effective(given: unknown): Promise<string> {
  const awaited = await given;
  if (typeof awaited === "string") return awaited;
  const { result, effective: stage } = awaited as { result: string; effective: (operation: Operation) => unknown };
  await stage(operation());
  return result;
}

export function operation(progress: string[] = []): Operation {
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  return {
    id: "an operation",
    signal: new AbortController().signal,
    log,
    progress: (fraction, text) => void progress.push(`${fraction.toFixed(2)} ${text ?? ""}`),
  };
}

function wireData(error: unknown): { type: string; reason?: string } {
  const type = error instanceof AgentError ? error.type : "InternalError";
  return type === CONFLICT ? { type: "OrchestratorError", reason: CONFLICT } : { type };
}
