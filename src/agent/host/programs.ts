/** The one place where the agent runs a program for its host tools: known programs, words and no shell, bounded time and output. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";

import { messageOf, OrchestratorError, UnavailableError, ValidationError } from "../../index.ts";
import { programPath } from "../daemon-types.ts";
import { firstProblem } from "./first-problem.ts";

/** The programs that may be run, with the package that holds each; the light's template names one more. */
const PACKAGES = {
  lsblk: "util-linux",
  wipefs: "util-linux",
  parted: "parted",
  "ceph-volume": "ceph-volume",
  "ceph-osd": "ceph-osd",
  "ceph-bluestore-tool": "ceph-osd",
  "ceph-mon": "ceph-mon",
  "ceph-mgr": "ceph-mgr",
  "ceph-mds": "ceph-mds",
  radosgw: "radosgw",
  "rbd-mirror": "rbd-mirror",
  "cephfs-mirror": "cephfs-mirror",
  "ceph-exporter": "ceph-exporter",
  "ceph-crash": "ceph-base",
  "ceph-conf": "ceph-common",
  "ganesha.nfsd": "nfs-ganesha",
  ledctl: "ledmon",
  lvm: "lvm2",
  cryptsetup: "cryptsetup-bin",
  udevadm: "udev",
} as const;

export type Program = keyof typeof PACKAGES;

/** The Debian package that holds a program; undefined for one that the agent does not know. */
export function packageOf(program: string): string | undefined {
  return Object.entries(PACKAGES).find(([name]) => name === program)?.[1];
}

export interface RunOptions {
  /** The folder in which it is run by chroot; left out, the host's own. */
  readonly root?: string | undefined;
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** A file that gets what it prints, instead of the answer, so that it can be read after the agent was killed. */
  readonly output?: string;
  /** Told its pid as soon as it runs. */
  readonly started?: (pid: number) => void;
}

/** How a program ended. One that a signal ended has the code 128 + its number, as in a shell. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const OUTPUT_BYTES = 32 * 1024 ** 2;
const DEFAULT_MS = 60_000;
const NOT_RUN = 127;
const SIGNALLED = 128;

const ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LANG: "C.UTF-8",
  LC_ALL: "C.UTF-8",
};

/** Runs a program to its end. Throws when it is not installed, takes too long or prints too much; failing is a code. */
export function run(program: Program, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return runAny(program, args, options);
}

/** The same for the program that the operator's template names. */
export async function runAny(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const path = program.startsWith("/") ? program : programPath(program, options.root);
  if (path === undefined) throw new ValidationError(notInstalled(program, options.root));
  const [file, words] = options.root === undefined ? [path, args] : ["/usr/sbin/chroot", [options.root, path, ...args]];
  return spawned(program, file, words, options);
}

/** The sentence for a program that is not there. */
export function notInstalled(program: string, root?: string): string {
  const where = root === undefined ? "" : ` in ${root}`;
  const name = packageOf(program);
  return `${program} is not installed${where}${name === undefined ? "" : ` (package ${name})`}`;
}

async function spawned(program: string, file: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const { input, timeoutMs = DEFAULT_MS, output } = options;
  const log = output === undefined ? undefined : openSync(output, "w", 0o600);
  const child = spawn(file, args, {
    cwd: "/",
    env: { ...ENVIRONMENT, ...options.environment },
    // A session of its own: a program must not end with the agent in the middle of making a store.
    detached: true,
    stdio: log === undefined ? ["pipe", "pipe", "pipe"] : ["pipe", log, log],
  });
  if (log !== undefined) closeSync(log);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("close", (code, signal) => resolve(code ?? SIGNALLED + (signal === null ? 0 : constants.signals[signal])));
  if (child.pid !== undefined) options.started?.(child.pid);
  let stopped: string | undefined;
  const stop = (why: string): void => {
    stopped ??= why;
    killSession(child.pid);
  };
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream?.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > OUTPUT_BYTES) stop(`printed more than ${OUTPUT_BYTES} bytes`);
      else chunks.push(chunk);
    });
    return chunks;
  });
  child.stdin?.on("error", () => undefined); // it may end without reading its input
  child.stdin?.end(input);
  const timer = setTimeout(() => stop(`did not end within ${timeoutMs / 1000} s`), timeoutMs);
  try {
    const code = await promise;
    if (stopped !== undefined) throw new UnavailableError(`${program} ${stopped} and was stopped`);
    return { code, stdout: Buffer.concat(stdout ?? []).toString(), stderr: Buffer.concat(stderr ?? []).toString() };
  } catch (cause) {
    if (cause instanceof UnavailableError) throw cause;
    return {
      code: NOT_RUN,
      stdout: "",
      stderr: `${program}: ${messageOf(cause)}`,
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Ends a program that was started here, and what it started. */
export function killSession(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** What a program printed, when its code is 0; else an error with the line that says why. */
export function printed(program: string, ended: Ended): string {
  if (ended.code === 0) return ended.stdout;
  throw new OrchestratorError(`${program}: ${firstProblem(`${ended.stderr}\n${ended.stdout}`, ended.code)}`);
}
