/** A disk of two megabytes that can be filled: a tmpfs in a mount namespace of its own, which no one else on the machine sees. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

import { withOwnMounts } from "../../testbed/namespace.ts";

const MOUNT = "mount -t tmpfs -o size=2m,mode=700 orchbridge-disk /mnt && echo mounted && exec cat >/dev/null";

export class SmallDisk {
  /** Its path, from any namespace and any root that has /proc. */
  readonly path: string;
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.path = `/proc/${holder.pid}/root/mnt`;
  }

  /** It lasts until `remove`, or the end of this process: the holder's input ends with it. */
  static async make(): Promise<SmallDisk> {
    const [file, args] = withOwnMounts(["/bin/sh", "-c", MOUNT]);
    const holder = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
    await Promise.race([
      once(holder.stdout, "data"),
      once(holder, "exit").then(([code]) => {
        throw new Error(`no tmpfs could be mounted: exit code ${String(code)}`);
      }),
    ]);
    return new SmallDisk(holder);
  }

  /** Leaves no byte free. */
  fill(): void {
    const ballast = openSync(this.#ballast, "a");
    try {
      for (const size of [65_536, 4_096, 1]) fillBy(ballast, Buffer.alloc(size));
    } finally {
      closeSync(ballast);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  remove(): void {
    this.#holder.stdin?.end();
    this.#holder.kill("SIGKILL");
  }

  get #ballast(): string {
    return join(this.path, "ballast");
  }
}

function fillBy(fd: number, chunk: Buffer): void {
  try {
    while (writeSync(fd, chunk) === chunk.length);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  }
}
