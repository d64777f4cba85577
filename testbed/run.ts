import { spawn } from "node:child_process";

/** How a command ended. A command ended by a signal has the code 128 + n. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: Record<string, string>;
}

const SIGKILL = 9;

/** Runs a command to its end and collects what it wrote; past `timeoutMs` it is killed and the promise fails. */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const { input, timeoutMs = 120_000, env } = options;
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], ...(env === undefined ? {} : { env }) });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.on("error", () => undefined); // a command may end without reading its input
  child.stdin.end(input);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("close", (code) => resolve(code ?? 128 + SIGKILL));
  try {
    const code = await promise;
    if (late) throw new Error(`${[file, ...args].join(" ").slice(-200)}: no end within ${timeoutMs / 1000} s`);
    return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
  } finally {
    clearTimeout(timer);
  }
}
