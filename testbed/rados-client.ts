import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { cleanEnvironment, enter, type Place } from "./namespace.ts";

/** A Ceph command as librados takes it: `{prefix: "orch host ls", format: "json"}`. */
export interface RadosCommand {
  readonly prefix: string;
  readonly [argument: string]: unknown;
}

/** `ret` is 0 or a negative errno; `seconds` is the time inside librados, without this pipe. */
export interface RadosAnswer {
  readonly ret: number;
  readonly out: string;
  readonly err: string;
  readonly seconds: number;
}

interface Pending {
  resolve(answer: RadosAnswer): void;
  reject(error: Error): void;
}

/**
 * One persistent librados connection to a cluster (rados-client.py, run by the root's own Python). A command costs
 * about as much as the cluster needs for it, where a `ceph` process costs half a second. Up to 64 run at a time.
 */
export class RadosClient {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #ready: Promise<void>;
  #last = 0;
  #errors = "";

  /** `dir` is the cluster's folder on the host, `inside` the same as its processes see it. */
  constructor(place: Place, dir: string, inside: string) {
    copyFileSync(join(import.meta.dirname, "rados-client.py"), join(dir, "in", "rados-client.py"));
    const [file, args] = enter(place, ["python3", `${inside}/in/rados-client.py`, `${inside}/ceph.conf`]);
    this.#child = spawn(file, args, { env: cleanEnvironment(), stdio: ["pipe", "pipe", "pipe"] });
    this.#ready = this.#listen();
    // Whoever sends a command sees the failure; without one nobody asked.
    this.#ready.catch(() => undefined);
  }

  mon(command: RadosCommand, options: { input?: string; timeoutMs?: number } = {}): Promise<RadosAnswer> {
    return this.#send("mon", command, options);
  }

  mgr(command: RadosCommand, options: { input?: string; timeoutMs?: number } = {}): Promise<RadosAnswer> {
    return this.#send("mgr", command, options);
  }

  close(): void {
    this.#child.stdin?.end();
    this.#child.kill("SIGKILL");
  }

  #listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { stdout, stderr, stdin } = this.#child;
    if (stdout === null || stderr === null) throw new Error("the librados client has no pipes");
    stderr.on("data", (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-2000);
    });
    stdin?.on("error", () => undefined); // told by "close" below
    createInterface({ input: stdout }).on("line", (line) => {
      const message: unknown = JSON.parse(line);
      if (isAnswer(message)) this.#settle(message);
      else resolve();
    });
    this.#child.on("error", reject);
    this.#child.on("close", () => {
      const error = new Error(`the librados client ended: ${this.#errors.trim()}`);
      reject(error);
      for (const pending of this.#pending.values()) pending.reject(error);
      this.#pending.clear();
    });
    return promise;
  }

  #settle(message: RadosAnswer & { id: number }): void {
    const { id, ...answer } = message;
    this.#pending.get(id)?.resolve(answer);
    this.#pending.delete(id);
  }

  async #send(
    target: "mon" | "mgr",
    command: RadosCommand,
    options: { input?: string; timeoutMs?: number },
  ): Promise<RadosAnswer> {
    const { input = "", timeoutMs = 60_000 } = options;
    this.#last += 1;
    const id = this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<RadosAnswer>();
    const late = (): void => reject(new Error(`${command.prefix}: no answer within ${timeoutMs / 1000} s`));
    const timer = setTimeout(late, timeoutMs);
    promise.catch(() => undefined); // the race below may have told the failure already
    try {
      this.#pending.set(id, { resolve, reject });
      await Promise.race([this.#ready, promise]);
      this.#child.stdin?.write(`${JSON.stringify({ id, target, command, input })}\n`);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }
}

function isAnswer(message: unknown): message is RadosAnswer & { id: number } {
  return typeof message === "object" && message !== null && "id" in message && "ret" in message;
}
