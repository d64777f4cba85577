/** The removal queue of OSDs: an OSD drains, then it is gone, or its id is kept for a replacement. */
import { NotFoundError, type OsdRemovalStatus } from "../../index.ts";
import { type Cluster, now, type Removal } from "./cluster.ts";
import { zapOsd } from "./osds.ts";
import type { Step } from "./pace.ts";

/** So many placement groups each OSD holds at first, and so many leave it in one step. */
const PGS = 32;
const PGS_A_STEP = 8;

export interface RemovalFlags {
  readonly replace?: boolean;
  readonly force?: boolean;
  readonly zap?: boolean;
  readonly no_destroy?: boolean;
}

/** Puts an OSD into the queue; one that is there already keeps its place. */
export function queueRemoval(cluster: Cluster, id: number, flags: RemovalFlags): void {
  const daemon = cluster.daemon(`osd.${id}`);
  if (cluster.removals.has(id)) return;
  cluster.removals.set(id, {
    osd_id: id,
    hostname: daemon.hostname ?? "",
    drain_status: "started",
    pg_count: PGS,
    replace: flags.replace ?? false,
    force: flags.force ?? false,
    zap: flags.zap ?? false,
    no_destroy: flags.no_destroy ?? false,
    started: true,
    draining: false,
    stopped: false,
    drain_started_at: null,
    drain_stopped_at: null,
    drain_done_at: null,
    process_started_at: now(),
  });
}

/** Takes an OSD out of the queue; its data stays where it is. */
export function stopRemoval(cluster: Cluster, id: number): void {
  cluster.removals.delete(id);
}

export function removalRows(cluster: Cluster): OsdRemovalStatus[] {
  return [...cluster.removals.values()].map(({ no_destroy: _own, ...row }) => ({ ...row }));
}

/** What is left to do for those of these OSDs that are still in the queue. */
export function removalSteps(cluster: Cluster, ids: readonly number[]): Step[] {
  return ids.flatMap((id) => {
    const removal = cluster.removals.get(id);
    if (removal === undefined) return [];
    const drains = removal.force ? 0 : Math.ceil(removal.pg_count / PGS_A_STEP);
    return [
      ...Array.from({ length: drains }, () => ({ text: `draining osd.${id}`, run: () => drain(removal) })),
      { text: `removing osd.${id}`, run: () => finish(cluster, removal) },
    ];
  });
}

function drain(removal: Removal): void {
  removal.drain_started_at ??= now();
  removal.pg_count = Math.max(0, removal.pg_count - PGS_A_STEP);
  removal.draining = removal.pg_count > 0;
  removal.drain_status = removal.draining ? "draining" : "done, waiting for purge";
  if (!removal.draining) removal.drain_done_at = now();
}

function finish(cluster: Cluster, removal: Removal): void {
  cluster.removals.delete(removal.osd_id);
  cluster.daemons.delete(`osd.${removal.osd_id}`);
  if (removal.replace) cluster.destroyed.set(removal.osd_id, removal.hostname);
  if (removal.zap) zapOsd(cluster, removal.osd_id, removal.hostname);
}

/** OSD ids as `ceph orch osd rm` passes them on: text. */
export function osdIdsOf(cluster: Cluster, texts: readonly string[]): number[] {
  return texts.map((text) => {
    if (!/^\d+$/.test(text) || !cluster.daemons.has(`osd.${text}`)) {
      throw new NotFoundError(`OSD ${text} does not exist; 'ceph orch ps --daemon-type osd' lists the OSDs`);
    }
    return Number(text);
  });
}
