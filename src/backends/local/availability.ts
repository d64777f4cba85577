/** Whether the agent answers, fits this backend, and serves this cluster. */
import { PROTOCOL } from "../../agent/client.ts";
import { type Availability, UnavailableError } from "../../index.ts";
import { isPaused } from "./control.ts";
import type { Site } from "./site.ts";

export async function availability(site: Site): Promise<Availability> {
  try {
    const { hostname, fsid, version, protocol } = await site.describe();
    if (protocol < PROTOCOL) {
      const reason = `the agent of ${hostname} is older than this backend: restart it with 'systemctl restart orchbridge-agent' (its daemons run on)`;
      return { ok: false, reason };
    }
    if (fsid !== null && fsid !== site.ceph.fsid) {
      const reason = `the agent of ${hostname} serves the cluster ${fsid}, not this one (${site.ceph.fsid}): see 'fsid' in its ceph.conf`;
      return { ok: false, reason };
    }
    return { ok: true, details: { host: hostname, agent: version, paused: await isPaused(site) } };
  } catch (error) {
    if (error instanceof UnavailableError) return { ok: false, reason: error.message };
    throw error;
  }
}
