/** Ending clusters, and only their own processes: those that carry the cluster's tag. */
import { rmSync } from "node:fs";

import { clusterNames } from "./cache.ts";
import { Daemon, type DaemonName, daemonNames } from "./daemon.ts";
import { processesUnder, signal, type TaggedProcess } from "./namespace.ts";
import { RELEASE_NAMES, type Release } from "./releases.ts";
import { abandonedAside, clusterDir, lives, placeOf, readState, retire } from "./state.ts";
import { until } from "./wait.ts";

/** How long a process that is not a daemon may outlive the daemons before it is killed. */
const LEFTOVER_MS = 3_000;
const KILL_MS = 10_000;

/**
 * Ends all processes of a cluster and removes its folder (`keep` leaves it to be read). Daemons get SIGTERM, what does
 * not go gets SIGKILL. Answers with the processes other than daemons that did not end by themselves.
 */
export async function endCluster(
  release: Release,
  name: string,
  options: { keep?: boolean } = {},
): Promise<TaggedProcess[]> {
  const dir = clusterDir(release, name);
  const state = readState(dir);
  if (state === undefined) return [];
  const place = placeOf(release, name, state);
  const stop = (names: DaemonName[]): Promise<unknown> =>
    Promise.all(names.map((daemon) => new Daemon(place, dir, daemon).stop()));
  const is = (type: string) => (daemon: DaemonName) => daemon.startsWith(`${type}.`);
  // The agent would start again what ends.
  await stop(daemonNames(dir).filter(is("agent")));
  // An OSD tells the monitor that it ends and waits five seconds for an answer.
  const others = daemonNames(dir).filter((daemon) => !is("mon")(daemon) && !is("agent")(daemon));
  await stop(others);
  if (state.host !== null) await endDaemons(state.tag, (program) => program !== "ceph-mon");
  await stop(daemonNames(dir).filter(is("mon")));
  if (state.host !== null) await endDaemons(state.tag, () => true);
  const left = await leftovers(state.tag);
  for (const { pid } of left) signal(pid, "SIGKILL");
  await until(`the processes of ${name} to end`, KILL_MS, () => processesUnder(state.tag).length === 0 || undefined);
  if (options.keep === true) retire(dir);
  else rmSync(dir, { recursive: true, force: true });
  return left;
}

/** The programs that an agent keeps running, and that run on when it ends. */
const DAEMON_PROGRAMS =
  /^(?:\S*python\S* (?:-\S+ )?)?(?:\S*\/)?(ceph-(?:mon|mgr|osd|mds|crash|exporter)|radosgw|ganesha\.nfsd|(?:rbd|cephfs)-mirror)(?: |$)/;

/** Ends the daemons of an agent that are chosen by the names of their programs. */
async function endDaemons(tag: string, chosen: (program: string) => boolean): Promise<void> {
  const running = (): TaggedProcess[] =>
    processesUnder(tag).filter(({ command }) => {
      const program = DAEMON_PROGRAMS.exec(command)?.[1];
      return program !== undefined && chosen(program);
    });
  for (const { pid } of running()) signal(pid, "SIGTERM");
  const gone = (): true | undefined => running().length === 0 || undefined;
  await until("the daemons to end", KILL_MS, gone).catch(() => {
    for (const { pid } of running()) signal(pid, "SIGKILL");
  });
}

async function leftovers(tag: string): Promise<TaggedProcess[]> {
  const end = performance.now() + LEFTOVER_MS;
  return until("", Number.POSITIVE_INFINITY, () => {
    const left = processesUnder(tag);
    return left.length === 0 || performance.now() > end ? left : undefined;
  });
}

/** Whether a cluster is of use to anyone: it runs, or its owner is at work on it. */
export function isUp(release: Release, name: string): boolean {
  const state = readState(clusterDir(release, name));
  if (state === undefined) return false;
  if (state.owner !== null) return lives(state.owner);
  return processesUnder(state.tag).length > 0;
}

/** Ends and removes the clusters that a died test run or an interrupted `up` left behind. */
export async function sweep(): Promise<void> {
  const stale = RELEASE_NAMES.flatMap((release) =>
    clusterNames(release)
      .filter((name) => !isUp(release, name))
      .map((name) => ({ release, name })),
  );
  for (const dir of RELEASE_NAMES.flatMap(abandonedAside)) rmSync(dir, { recursive: true, force: true });
  await Promise.all(stale.map(({ release, name }) => endCluster(release, name)));
}
