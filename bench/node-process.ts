/** What the Node process costs by itself: time to its first answers, and its memory when idle. */

import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

import { FrameParser, frame } from "../src/rpc/frame.ts";
import { until } from "../testbed/cluster.ts";

/** Milliseconds from the start of the process. */
export interface StartTimes {
  /** To the answer of `initialize`. */
  readonly hello: number;
  /** To the backend being available. */
  readonly available: number;
  /** To the answer of a first `get_hosts`. */
  readonly hosts: number;
}

export interface ProcessCost extends StartTimes {
  /** Resident memory in MB once it is idle, and the part of it that is not the program file shared with other processes. */
  readonly idle: number;
  readonly idleAnonymous: number;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly available?: boolean; readonly reason?: string };
  readonly error?: { readonly message: string };
}

const METHODS = ["get_hosts", "list_daemons", "describe_service", "get_inventory", "apply"];

/** The compile cache of a process; to be filled by a process that is left alone until it has written it. */
export interface Cache {
  readonly folder: string;
  readonly fill?: boolean;
}

/** Starts the process of an installed module with a backend, measures it and ends it. */
export async function measureProcess(moduleFolder: string, backend: string, cache?: Cache): Promise<ProcessCost> {
  const started = performance.now();
  const since = (): number => performance.now() - started;
  const child = start(moduleFolder, cache?.folder);
  const peer = listen(child);
  try {
    await peer.ask("initialize", session(moduleFolder, backend));
    const hello = since();
    await peer.heard((message) => message.method === "bridge/state" && message.params?.available === true);
    const available = since();
    await peer.ask("orchestrator/get_hosts", { _call: { id: "c1", deadline_ms: 10_000 } });
    const hosts = since();
    if (cache?.fill === true) await filled(cache.folder);
    return { hello, available, hosts, ...(await idleMemory(child.pid ?? 0)) };
  } finally {
    child.kill("SIGKILL");
  }
}

function start(moduleFolder: string, cacheFolder: string | undefined): ChildProcess {
  const args = [join(moduleFolder, "js/main.mjs"), "serve", "--fd", "3", "4"];
  const cache = cacheFolder === undefined ? {} : { ORCHBRIDGE_CACHE_DIR: cacheFolder };
  const env = { PATH: process.env["PATH"] ?? "", ORCHBRIDGE_LOG_LEVEL: "warn", ...cache };
  return spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "inherit", "pipe", "pipe"] });
}

function session(moduleFolder: string, backend: string): object {
  const manifest = JSON.parse(readFileSync(join(moduleFolder, "manifest.json"), "utf8")) as { schema_hash: string };
  return {
    schema_hash: manifest.schema_hash,
    protocol: 1,
    release: "tentacle",
    ceph_version: "20.2.4",
    dialect: "modern",
    fsid: "9f1c0000-0000-4000-8000-000000000001",
    mgr: { name: "x", gid: 4100 },
    methods: METHODS,
    backend: { name: backend, options: null, options_error: null },
    call_timeout: null,
    record_path: null,
  };
}

function listen(child: ChildProcess): {
  ask(method: string, params: object): Promise<Message>;
  heard(wanted: (message: Message) => boolean): Promise<Message>;
} {
  const input = child.stdio[3] as Writable;
  const output = child.stdio[4] as Readable;
  const parser = new FrameParser({ header: 4096, body: 1 << 26 });
  const received: Message[] = [];
  const waiting = new Set<() => void>();
  output.on("data", (chunk: Buffer) => {
    for (const body of parser.push(chunk)) received.push(JSON.parse(body.toString("utf8")) as Message);
    for (const look of waiting) look();
  });
  const heard = (wanted: (message: Message) => boolean): Promise<Message> => {
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const look = (): void => {
      const found = received.find(wanted);
      if (found !== undefined) resolve(found);
    };
    child.once("exit", (code) => reject(new Error(`the process ended with code ${code}`)));
    waiting.add(look);
    look();
    return promise.finally(() => waiting.delete(look));
  };
  let last = 0;
  return {
    heard,
    async ask(method, params) {
      const id = ++last;
      const body = JSON.stringify({ jsonrpc: "2.0", id, method, params });
      input.write(frame(body, Buffer.byteLength(body)));
      const answer = await heard((message) => message.id === id && message.method === undefined);
      if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
      return answer;
    },
  };
}

/** The process writes its cache some seconds after its start. */
async function filled(folder: string): Promise<void> {
  const entries = (): number => readdirSync(folder, { recursive: true }).length;
  await until("the compile cache to be written", 20_000, () => entries() > 3 || undefined);
}

/** Waits until the resident memory stands still, since V8 frees what the start needed a little later. */
async function idleMemory(pid: number): Promise<{ idle: number; idleAnonymous: number }> {
  const history: number[] = [];
  await until(
    "the memory of the process to stand still",
    10_000,
    () => {
      history.push(memory(pid, "VmRSS"));
      const last = history.slice(-6);
      return (last.length === 6 && Math.max(...last) - Math.min(...last) < 0.2) || undefined;
    },
    250,
  );
  return { idle: memory(pid, "VmRSS"), idleAnonymous: memory(pid, "RssAnon") };
}

function memory(pid: number, field: "VmRSS" | "RssAnon"): number {
  const [, kilobytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kilobytes) * 1024) / 1e6;
}
