import { freePort } from "./birth.ts";
import type { Cluster } from "./running-cluster.ts";

const USER = "admin";
/** Long and mixed enough for the password policy of every release; it guards nothing. */
const PASSWORD = "Orchbridge-Testbed-1";

/**
 * Enables the dashboard without TLS on free ports of 127.0.0.1 (a standby serves too). To be called before the first
 * mgr starts: later the mgr would have to start itself anew. Forced, because the monitor knows no module yet.
 */
export async function enableDashboard(cluster: Cluster): Promise<void> {
  await setOption(cluster, "ssl", "false");
  await setOption(cluster, "server_addr", "127.0.0.1");
  for (const id of cluster.state.mgrs) await setOption(cluster, `${id}/server_port`, String(await freePort()));
  await cluster.setModule("enable", "dashboard", { force: true });
}

/** Waits for the page and makes an administrator, once a mgr is active. */
export async function addDashboardUser(cluster: Cluster): Promise<void> {
  const { services } = await cluster.waitForMgr((map) => "dashboard" in map.services, "the dashboard to serve");
  const made = await cluster.ceph(["dashboard", "ac-user-create", USER, "administrator"], { input: PASSWORD });
  if (made.code !== 0) throw new Error(`dashboard ac-user-create: ${made.stderr}`);
  cluster.remember({ dashboard: { url: services["dashboard"] ?? "", user: USER, password: PASSWORD } });
}

async function setOption(cluster: Cluster, option: string, value: string): Promise<void> {
  const name = `mgr/dashboard/${option}`;
  const { ret, err } = await cluster.rados().mon({ prefix: "config set", who: "mgr", name, value, force: true });
  if (ret !== 0) throw new Error(`config set ${name}: ${err} (${ret})`);
}
