/** Objects that are written without a pause while something is done to the OSDs, and read back afterwards, all of them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "vitest";

import type { Cluster } from "../../../testbed/cluster.ts";

const PROGRAM = "steady-writes.py";

/** Starts to write to the pool; `stop` ends it and gives the number of objects that Ceph acknowledged. */
export async function writeSteadily(cluster: Cluster, pool: string): Promise<{ stop(): Promise<number> }> {
  const [file, args] = cluster.argv(words(cluster, pool, "write"));
  const child = spawn(file, args, { env: cluster.env(), stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => void (errors = (errors + chunk.toString()).slice(-2000)));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`the writer ended: ${errors}`);
    return value;
  };
  expect(JSON.parse(await next())).toEqual({ writing: true });
  return {
    async stop() {
      const ended = once(child, "close");
      child.stdin.end();
      const { written } = JSON.parse(await next()) as { written: number };
      await ended;
      return written;
    },
  };
}

/** Reads back the first so many objects; each has to be as it was written. */
export async function expectObjects(cluster: Cluster, pool: string, count: number): Promise<void> {
  const { code, stdout, stderr } = await cluster.inRoot(words(cluster, pool, "check", String(count)));
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ wrong: [] });
}

function words(cluster: Cluster, pool: string, ...rest: readonly string[]): string[] {
  copyFileSync(join(import.meta.dirname, PROGRAM), join(cluster.dir, "in", PROGRAM));
  return ["python3", `${cluster.inside}/in/${PROGRAM}`, `${cluster.inside}/ceph.conf`, pool, ...rest];
}
