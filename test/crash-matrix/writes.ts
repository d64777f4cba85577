/** The writes of a run: sent by several clients at once, each of which asks again until it is answered that it succeeded. */
import { setTimeout as pause } from "node:timers/promises";

import type { RadosAnswer } from "../../testbed/rados-client.ts";
import type { Site } from "./site.ts";

/** One command and its answer. */
export interface Attempt {
  readonly sentAt: number;
  /** Undefined while it is in flight. */
  answeredAt?: number;
  ret?: number;
  err?: string;
}

type Way = "librados" | "second librados" | "ceph" | "one command of several specs";

export interface Write {
  readonly way: Way;
  /** The services that it makes. */
  readonly names: readonly string[];
  readonly attempts: Attempt[];
  /** Resolves when an attempt succeeded, or it has asked for too long. */
  readonly ended: Promise<void>;
}

/** Beyond every deadline of the module and of Ceph: what takes longer has been lost. */
const UNANSWERED_MS = 120_000;
const ASK_AGAIN_MS = 300;
const MOST_ATTEMPTS = 60;

/** Sends the writes of a run at once; the first one is the one that stages are about. */
export function sendWrites(site: Site, run: string, ways: readonly Way[]): Write[] {
  return ways.map((way, index) => {
    const ids = way === "one command of several specs" ? ["a", "b", "c"] : [""];
    const names = ids.map((id) => `mds.${run}w${index}${id}`);
    const attempts: Attempt[] = [];
    return { way, names, attempts, ended: untilDone(attempts, () => send(site, way, names)) };
  });
}

/** Which ways the writes of a run take. A `ceph` process costs half a second of a processor, so not every run has one. */
export function waysOf(site: Site, random: () => number): Way[] {
  // Nautilus has no `orch apply`.
  const several = site.release === "nautilus" ? "librados" : "one command of several specs";
  return ["librados", "second librados", random() < 0.3 ? "ceph" : "librados", several];
}

export function succeeded({ attempts }: Write): boolean {
  return attempts.at(-1)?.ret === 0;
}

/** Whether it has an attempt in flight. */
export function isInFlight({ attempts }: Write): boolean {
  const last = attempts.at(-1);
  return last !== undefined && last.answeredAt === undefined;
}

async function untilDone(attempts: Attempt[], ask: () => Promise<{ ret: number; err: string }>): Promise<void> {
  while (attempts.length < MOST_ATTEMPTS) {
    const attempt: Attempt = { sentAt: performance.now() };
    attempts.push(attempt);
    const { ret, err } = await ask().catch((error: unknown) => ({ ret: Number.NaN, err: String(error) }));
    Object.assign(attempt, { ret, err: err.trim(), answeredAt: performance.now() });
    if (ret === 0 || Number.isNaN(ret)) return;
    await pause(ASK_AGAIN_MS);
  }
}

async function send(site: Site, way: Way, names: readonly string[]): Promise<{ ret: number; err: string }> {
  const { cluster } = site.at;
  const options = { timeoutMs: UNANSWERED_MS };
  const [id = ""] = names.map((name) => name.slice("mds.".length));
  const classic = site.release === "nautilus";
  switch (way) {
    case "librados":
    case "second librados": {
      const client = way === "librados" ? cluster.rados() : site.second;
      const command = classic
        ? { prefix: "orchestrator mds add", svc_arg: id }
        : { prefix: "orch apply mds", fs_name: id };
      return withText(await client.mgr(command, options));
    }
    case "ceph": {
      const words = classic ? ["orchestrator", "mds", "add", id] : ["orch", "apply", "mds", id];
      const { code, stderr } = await cluster.ceph(words, options);
      return { ret: -code, err: stderr };
    }
    case "one command of several specs": {
      const input = names.map((name) => `service_type: mds\nservice_id: ${name.slice("mds.".length)}\n`).join("---\n");
      return withText(await site.second.mgr({ prefix: "orch apply" }, { ...options, input }));
    }
  }
}

/** What Ceph's own modules print where they failed is an error too, whatever they answered. */
function withText({ ret, out, err }: RadosAnswer): { ret: number; err: string } {
  return { ret, err: err === "" ? out : err };
}
