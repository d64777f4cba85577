/** How long commands of the orchestrator take in a real mgr, in rounds that alternate between the two clusters of a pair. */

import type { Cluster, Release } from "../testbed/cluster.ts";
import { fill, mgr, orch, type Pair, type Size } from "./pair.ts";
import { type Summary, summary } from "./statistics.ts";

/** One line of the table: milliseconds inside librados. */
export interface CommandCost {
  readonly release: Release;
  readonly command: string;
  readonly hosts: number;
  readonly bridge: Summary;
  /** Null where Ceph's own backend cannot hold the same data. */
  readonly stock: Summary | null;
}

/** The delays of a thread that wants the interpreter, while `ps` and `host ls` run. */
export interface GilDelay {
  readonly longest_ms: number;
  readonly p999_ms: number;
}

/** Calls before the first that counts: V8 compiles what runs often. Fewer where each is long. */
const WARM_UP_HOSTS = 3000;
const BATCH = 10;

/** The commands as each release has them. */
function commandsOf(release: Release): readonly string[] {
  const names = release === "nautilus" ? ["status", "host ls", "service ls"] : ["status", "host ls", "ps"];
  return names.map((name) => `${orch(release)} ${name}`);
}

export async function measureCommands(pair: Pair, size: Size, rounds: number): Promise<CommandCost[]> {
  await fill(pair, size);
  const { release } = pair.bridge;
  const comparable = release !== "nautilus" || size.hosts === 1;
  const costs: CommandCost[] = [];
  for (const command of commandsOf(release)) {
    const sides = comparable ? [pair.bridge, pair.stock] : [pair.bridge];
    const [bridge, stock] = await alternate(
      sides,
      command,
      rounds,
      Math.min(30, Math.ceil(WARM_UP_HOSTS / size.hosts)),
    );
    if (bridge === undefined) throw new Error("nothing was measured");
    const cost = {
      release,
      command,
      hosts: size.hosts,
      bridge: summary(bridge),
      stock: stock === undefined ? null : summary(stock),
    };
    console.error(
      `  ${command}, ${size.hosts} hosts: ${cost.bridge.p50.toFixed(2)} ms against ${cost.stock?.p50.toFixed(2) ?? "-"} ms`,
    );
    costs.push(cost);
  }
  return costs;
}

async function alternate(
  sides: readonly Cluster[],
  command: string,
  rounds: number,
  warmUp: number,
): Promise<number[][]> {
  const times: number[][] = sides.map(() => []);
  for (const side of sides) await repeat(side, command, warmUp);
  for (let round = 0; round < rounds; round += 1) {
    // The first of a round must not always be the same: the machine's other work comes in waves.
    const order = sides.map((_, index) => (index + round) % sides.length);
    for (const index of order) times[index]?.push(...(await repeat(sides[index]!, command, BATCH)));
  }
  return times;
}

async function repeat(cluster: Cluster, prefix: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const { ret, err, seconds } = await cluster.rados().mgr({ prefix });
    if (ret !== 0) throw new Error(`${cluster.release}: ${prefix}: ${err} (${ret})`);
    times.push(seconds * 1000);
  }
  return times;
}

/** For the data that the cluster holds now. */
export async function measureGil(cluster: Cluster, count: number): Promise<GilDelay> {
  const [, hosts = "", daemons = ""] = commandsOf(cluster.release);
  await mgr(cluster, { prefix: "gil_probe start" });
  for (const command of [hosts, daemons]) await repeat(cluster, command, count);
  return JSON.parse(await mgr(cluster, { prefix: "gil_probe stop" })) as GilDelay;
}
