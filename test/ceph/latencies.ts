/** How long the commands of other modules take, and whether that changes while a backend misbehaves. */
import { expect, type TestContext } from "vitest";

import type { ClusterWithModule } from "./cluster-with-module.ts";

/** `ceph -s`, which the monitor answers, and cheap commands of modules that every release has. */
const OTHERS = [
  { from: "mon", prefix: "status" },
  { from: "mgr", prefix: "balancer status" },
  { from: "mgr", prefix: "progress json" },
  { from: "mgr", prefix: "telemetry status" },
  { from: "mgr", prefix: "fs volume ls" },
  { from: "mgr", prefix: "crash ls" },
] as const;

export type OtherCommand = (typeof OTHERS)[number]["prefix"];

const MOST = 2;
/** A median that is longer by no more than this shows the machine's other work, not a wait for the orchestrator. */
const NOISE_MS = 5;

/** Milliseconds inside librados, one for each round. */
export type Latencies = ReadonlyMap<OtherCommand, readonly number[]>;

const ROUNDS = 60;
/** Fewer have no median to speak of. */
const FEWEST = 10;

/**
 * Runs each command once a round, one after another. `among` leaves out the rest. On a busy machine there are fewer rounds than
 * usual: none begins when `lasts` is false, and the last one, in which that may have changed, does not count.
 */
export async function latencies(
  at: ClusterWithModule,
  lasts: () => boolean = () => true,
  among: (command: OtherCommand) => boolean = () => true,
): Promise<Latencies> {
  const commands = OTHERS.filter(({ prefix }) => among(prefix));
  const times = new Map<OtherCommand, number[]>(commands.map(({ prefix }) => [prefix, []]));
  for (let round = 0; round < ROUNDS && lasts(); round += 1) {
    for (const { from, prefix } of commands) {
      const { ret, err, seconds } = await at.cluster.rados()[from]({ prefix, format: "json" });
      expect({ ret, err }, prefix).toMatchObject({ ret: 0 });
      times.get(prefix)?.push(seconds * 1000);
    }
  }
  if (!lasts()) for (const of of times.values()) of.pop();
  expect(Math.min(...[...times.values()].map(({ length }) => length)), "rounds").toBeGreaterThanOrEqual(FEWEST);
  return times;
}

/** Each command's median may be twice what it is normally. The figures become annotations of the test. */
export async function expectNotDelayed(context: TestContext, normal: Latencies, meanwhile: Latencies): Promise<void> {
  const rows = [...meanwhile].map(([command, times]) => {
    const usual = median(normal.get(command) ?? []);
    return { command, usual, now: median(times), longest: Math.max(...times) };
  });
  const told = rows.map(
    ({ command, usual, now, longest }) =>
      `${command}: ${usual.toFixed(2)} ms normally, ${now.toFixed(2)} ms meanwhile, ${longest.toFixed(1)} ms at most`,
  );
  await context.annotate(told.join("; "));
  for (const { command, usual, now } of rows) {
    expect(now, `${command}, normally ${usual.toFixed(2)} ms`).toBeLessThan(Math.max(MOST * usual, usual + NOISE_MS));
  }
}

function median(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error("nothing was measured");
  return middle;
}
