/** Runs a program to its end: an argument list, never a shell; an output of bounded size; a bounded time. */
import { execFile } from "node:child_process";

export interface Ended {
  /** Its exit status, or the name of what ended it. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Rejects only when the program cannot be run at all. */
export async function runProgram(
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
  withinMs: number,
): Promise<Ended> {
  const [program, ...args] = argv;
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const options = { cwd: "/", env, timeout: withinMs, maxBuffer: 16 * 1024 ** 2, killSignal: "SIGKILL" } as const;
  execFile(program, args, options, (error, stdout, stderr) => {
    if (error === null) return resolve({ status: 0, stdout, stderr });
    const { code, signal } = error;
    if (typeof code === "string") return reject(error);
    resolve({ status: code ?? signal ?? "no status", stdout, stderr });
  });
  return promise;
}
