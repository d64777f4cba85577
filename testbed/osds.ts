import { randomUUID } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { newKeys } from "./birth.ts";
import { keyringEntry } from "./conf.ts";
import type { Cluster } from "./running-cluster.ts";
import { until } from "./wait.ts";

const OSD_MS = 60_000;

/** Makes and starts OSDs 0 to count - 1; returns when all are up. */
export async function startOsds(cluster: Cluster, count: number): Promise<void> {
  if (count === 0) return;
  // One after the other: the monitor gives out the lowest free number.
  const keys = await newKeys(cluster.place, count);
  for (const [id, key] of keys.entries()) await startOsd(cluster, id, key);
  const daemons = Array.from({ length: count }, (_, id) => cluster.daemon(`osd.${id}`));
  await until(`${count} OSDs to be up`, OSD_MS, async () => {
    for (const daemon of daemons) daemon.check();
    const { out } = await cluster.rados().mon({ prefix: "osd stat", format: "json" });
    return upOsds(out) === count || undefined;
  });
  cluster.remember({ osds: count });
}

async function startOsd(cluster: Cluster, id: number, key: string): Promise<void> {
  const uuid = randomUUID();
  const secret = JSON.stringify({ cephx_secret: key });
  const made = await cluster.rados().mon({ prefix: "osd new", uuid, format: "json" }, { input: secret });
  if (made.ret !== 0) throw new Error(`osd new: ${made.err} (${made.ret})`);
  const keyring = join(cluster.folder(`osd.${id}`), "keyring");
  writeFileSync(keyring, keyringEntry(`osd.${id}`, key, {}));
  chmodSync(keyring, 0o600);
  const osd = `ceph-osd -i ${id} -c ${cluster.inside}/ceph.conf`;
  const script = `${osd} --mkfs --osd-uuid ${uuid} && exec ${osd} -f`;
  await cluster.daemon(`osd.${id}`).start(["/bin/sh", "-c", script]);
}

/** Older releases wrap the numbers in another object. */
function upOsds(json: string): number | undefined {
  const count = /"num_up_osds":\s*(\d+)/.exec(json)?.[1];
  return count === undefined ? undefined : Number(count);
}
