/** The first start of a cluster's daemons, each awaited by a condition. */
import { connect } from "node:net";

import { addDashboardUser, enableDashboard } from "./dashboard.ts";
import { startOsds } from "./osds.ts";
import type { Cluster } from "./running-cluster.ts";
import { until } from "./wait.ts";

const MON_MS = 30_000;

export interface Extent {
  readonly osds: number;
  readonly dashboard: boolean;
}

/** Starts the monitor, the managers, OSDs and the dashboard; returns when all of them are of use. */
export async function startDaemons(cluster: Cluster, { osds, dashboard }: Extent): Promise<void> {
  await startMon(cluster);
  if (dashboard) await enableDashboard(cluster);
  await Promise.all([startMgrs(cluster), startOsds(cluster, osds)]);
  if (dashboard) await addDashboardUser(cluster);
}

/** Makes the monitor's data and starts it, in one go; returns when it listens. */
async function startMon(cluster: Cluster): Promise<void> {
  const { inside, state } = cluster;
  const command = cluster.monCommand().join(" ");
  const script = `
set -e
monmaptool --create --fsid ${state.fsid} --addv a '[v2:127.0.0.1:${state.monPort}/0]' ${inside}/monmap
chmod 644 ${inside}/monmap
${command} --mkfs --monmap ${inside}/monmap --keyring ${inside}/mon.a.keyring
exec ${command}
`;
  const mon = cluster.daemon("mon.a");
  await mon.start(["/bin/sh", "-c", script]);
  // A client that comes too early waits three seconds before it tries again.
  await until(`mon.a to listen on port ${state.monPort}`, MON_MS, async () => {
    mon.check();
    return (await listens(state.monPort)) || undefined;
  });
}

async function startMgrs(cluster: Cluster): Promise<void> {
  const { mgrs } = cluster.state;
  const daemons = mgrs.map((id) => cluster.daemon(`mgr.${id}`));
  await Promise.all(mgrs.map((id) => cluster.launchMgr(id)));
  await cluster.waitForMgr((map) => {
    for (const daemon of daemons) daemon.check();
    return map.available && map.standbys.length === mgrs.length - 1;
  }, "the mgr to be active");
}

function listens(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => resolve(false));
  socket.on("connect", () => {
    socket.destroy();
    resolve(true);
  });
  return promise;
}
