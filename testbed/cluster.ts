/**
 * A real Ceph in a folder, for tests, the demo and the benchmarks.
 *
 *   const reason = missing("tentacle");            // null, or one sentence why it cannot run on this machine
 *   const cluster = await upCluster({ release: "tentacle", name: "mytest", beforeStart: (c) => install(c.moduleDir) });
 *   await cluster.ceph(["orch", "status"]);        // the release's own `ceph` command -> { code, stdout, stderr }
 *   const { out } = await cluster.rados().mgr({ prefix: "orch host ls" });   // the same in a millisecond
 *   await cluster.enableModule("orchbridge");      // and waits until the mgr is back
 *   await cluster.killMgr("SIGKILL"); await cluster.startMgr();
 *   const killed = await cluster.down();           // what had to be killed besides daemons: should be []
 *
 * `up` takes 3 to 6 seconds once the release is prepared (a minute, the first time on a machine). Clusters of
 * several releases and names run side by side. One that belongs to a dead process is swept by the next `upCluster`.
 */
import { existsSync, rmSync } from "node:fs";

import { makeCluster, type Wish } from "./birth.ts";
import type { ObjectStore } from "./conf.ts";
import { isUp, sweep } from "./death.ts";
import { prepareRoot } from "./prepare.ts";
import { isRelease, RELEASE_NAMES, type Release } from "./releases.ts";
import { Cluster } from "./running-cluster.ts";
import { startDaemons } from "./start.ts";
import { clusterDir, readState } from "./state.ts";

export { missing } from "./missing.ts";
export type { RadosCommand } from "./rados-client.ts";
export { RELEASE_NAMES, RELEASES, type Release } from "./releases.ts";
export type { Result } from "./run.ts";
export type { Cluster } from "./running-cluster.ts";
export { until } from "./wait.ts";

export interface UpOptions {
  readonly release: Release;
  /** Default: the release's name. Lower-case letters, digits and dashes, at most 32. */
  readonly name?: string;
  readonly osds?: number;
  readonly objectStore?: ObjectStore;
  /** 1 (mgr.x) to 3 (x, y, z). */
  readonly mgrs?: number;
  /** The user as which the managers run; packaged ones run as ceph. Default: root. */
  readonly user?: "root" | "ceph";
  /**
   * Puts everything into the folders of a packaged host, named h1, as the host agent wants it (testbed/host.ts). The
   * managers run as their packaged unit has them: as ceph unless `user` says otherwise, and then without devices and new
   * privileges. Pools have two copies. `roots` are other releases, for daemons of another version.
   */
  readonly host?: boolean | { readonly roots: readonly Release[] };
  /** Starts the dashboard, on a free port of 127.0.0.1; see `cluster.state.dashboard`. */
  readonly dashboard?: boolean;
  /** Runs when the folder exists and no daemon yet: the time to install a module, so that the mgr knows it from the start. */
  readonly beforeStart?: (cluster: Cluster) => unknown;
  /** The cluster stays when this process ends. Default: it belongs to this process and is swept after it. */
  readonly stays?: boolean;
  /** Told what happens while the release is prepared, which takes a minute once. Default: written to stderr. */
  readonly progress?: (line: string) => void;
}

const MGR_IDS = ["x", "y", "z"];
const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** Brings a cluster up; returns when its mgr is available and its OSDs are up. */
export async function upCluster(options: UpOptions): Promise<Cluster> {
  const { release, beforeStart, stays = false } = options;
  const wish = checked(options);
  for (const one of [release, ...(wish.host?.roots ?? [])]) await prepareRoot(one, options.progress);
  await sweep();
  if (isUp(release, wish.name)) throw new Error(`the ${release} cluster ${wish.name} is up already`);
  // What is there now was kept to be read by `down --keep`, until the name is used again.
  const dir = clusterDir(release, wish.name);
  if (existsSync(dir)) rmSync(dir, { recursive: true, force: true });
  const cluster = new Cluster(release, wish.name, await makeCluster(wish));
  try {
    await beforeStart?.(cluster);
    await startDaemons(cluster, { osds: options.osds ?? 0, dashboard: options.dashboard ?? false });
    if (stays) cluster.remember({ owner: null });
    return cluster;
  } catch (error) {
    await cluster.down();
    throw error;
  }
}

function checked(options: UpOptions): Wish {
  const { release, name = release, mgrs = 1, osds = 0, objectStore = "memstore" } = options;
  const host = options.host === true ? { roots: [] } : options.host || null;
  const { user = host === null ? "root" : "ceph" } = options;
  if (!isRelease(release))
    throw new Error(`release: expected one of ${RELEASE_NAMES.join(", ")}, got ${String(release)}`);
  if (!NAME.test(name))
    throw new Error(`name: expected up to 32 lower-case letters, digits and dashes, got ${JSON.stringify(name)}`);
  if (!Number.isInteger(mgrs) || mgrs < 1 || mgrs > MGR_IDS.length)
    throw new Error(`mgrs: expected 1 to ${MGR_IDS.length}, got ${mgrs}`);
  if (!Number.isInteger(osds) || osds < 0 || osds > 16) throw new Error(`osds: expected 0 to 16, got ${osds}`);
  if (host !== null && osds > 0) throw new Error(`osds: expected 0 on a host, where the agent makes them, got ${osds}`);
  return {
    release,
    name,
    user,
    objectStore,
    mgrs: MGR_IDS.slice(0, mgrs),
    host: host && { roots: [...host.roots] },
  };
}

/** A cluster that is up already, started by whatever process; undefined if there is none by that name. */
export function openCluster(release: Release, name: string = release): Cluster | undefined {
  const state = readState(clusterDir(release, name));
  return state === undefined ? undefined : new Cluster(release, name, state);
}
