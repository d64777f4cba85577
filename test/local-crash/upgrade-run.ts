/** One upgrade of a host of its own, struck by faults at random moments, and what it came to. */
import { setTimeout as pause } from "node:timers/promises";

import { until } from "../../testbed/cluster.ts";
import { type LocalCluster, upLocal } from "../ceph/local/local-cluster.ts";
import { begin, OPTIONS } from "./beginning.ts";
import type { Fault } from "./faults.ts";
import { UPGRADE_FAULTS } from "./upgrade-faults.ts";
import { brokenAfter, install, NEW, OLD, takeOver, UPGRADED_MS, upgradeOf } from "./upgrading.ts";

export interface UpgradeOutcome {
  readonly mgrs: number;
  /** Each with the daemon that was being restarted then. */
  readonly struck: readonly { readonly fault: string; readonly daemon: string }[];
  /** From its start until all was as promised, in seconds. */
  readonly tookS: number;
  readonly broken: readonly string[];
}

/** A daemon's restart takes about so long. */
const MOMENTS_MS = 6000;
/** Of the restarts after the first one, how many are struck. */
const CHANCE = 0.6;

/** Upgrades a new host with so many managers. `first` strikes at the first restart, then others at some of the next. */
export async function upgradeRun(mgrs: number, first: Fault, random: () => number): Promise<UpgradeOutcome> {
  const at = await upLocal({ release: "pacific", name: "upgrade-crash", mgrs, roots: ["reef"], options: OPTIONS });
  let broken: readonly string[] = ["it was not begun"];
  try {
    const outcome = await upgradeOn(at, mgrs, first, random);
    broken = outcome.broken;
    return outcome;
  } finally {
    const left = await at.cluster.down({ keep: broken.length > 0 });
    if (left.length > 0) console.error(`left: ${left.map(({ command }) => command).join("; ")}`);
    if (broken.length > 0) console.error(`the logs are kept in ${at.cluster.dir}`);
  }
}

async function upgradeOn(at: LocalCluster, mgrs: number, first: Fault, random: () => number): Promise<UpgradeOutcome> {
  const { osds, mds } = await begin(at);
  await takeOver(at);
  install(at, "reef");
  await at.ok(["orch", "upgrade", "start", "--ceph_version", NEW]);
  const started = performance.now();
  const struck: UpgradeOutcome["struck"][number][] = [];
  const broken: string[] = [];
  for (let daemon = await nextAfter(at, null); daemon !== undefined; daemon = await nextAfter(at, daemon)) {
    if (struck.length > 0 && random() > CHANCE) continue;
    const fault = struck.length === 0 ? first : anyOf(random);
    await pause(random() * MOMENTS_MS);
    struck.push({ fault: fault.name, daemon });
    await fault.strike(at, random).catch((error: unknown) => broken.push(`${fault.name}: ${String(error)}`));
  }
  broken.push(...(await brokenAfter(at, 1 + mgrs + osds + mds)));
  return { mgrs, struck, tookS: (performance.now() - started) / 1000, broken };
}

/** The next daemon that the upgrade is at; undefined when it is over, or hangs, which `brokenAfter` tells. */
function nextAfter(at: LocalCluster, daemon: string | null): Promise<string | undefined> {
  return until(
    `the upgrade to go on after ${daemon}`,
    UPGRADED_MS,
    () => {
      const upgrade = upgradeOf(at);
      if (upgrade === undefined) return [undefined];
      const { current } = upgrade;
      return current === null || current.name === daemon ? undefined : [current.name];
    },
    20,
  ).then(
    ([name]) => name,
    () => undefined,
  );
}

function anyOf(random: () => number): Fault {
  return UPGRADE_FAULTS[Math.floor(random() * UPGRADE_FAULTS.length)]!;
}

/** The outcomes as a section of docs/reliability.md. */
export function upgradeSection(seed: string, outcomes: readonly UpgradeOutcome[]): string {
  const kept = outcomes.filter(({ broken }) => broken.length === 0).length;
  const rows = outcomes.map(({ mgrs, struck, tookS }) => {
    const told = struck.map(({ fault, daemon }) => `${fault} (${daemon})`);
    return `| ${mgrs} | ${told.join(", ")} | ${tookS.toFixed(0)} s |`;
  });
  return [
    `Upgrades from ${OLD} to ${NEW}, seed ${seed}: ${outcomes.length}, ${kept} as promised.`,
    "",
    "| managers | what was killed, and the daemon that was being restarted then | time |",
    "|---|---|---|",
    ...rows,
  ].join("\n");
}
