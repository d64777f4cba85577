/** Two clusters of one release side by side: one whose orchestrator is orchbridge, one with Ceph's own test_orchestrator. */

import { execFileSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";

import { type Cluster, type RadosCommand, type Release, until, upCluster } from "../testbed/cluster.ts";

const root = join(import.meta.dirname, "..");
const node = join(root, `node_modules/node-linux-${process.arch}/bin/node`);

/** What is made up in the memory backend. */
export interface Size {
  readonly hosts: number;
  readonly daemons_per_host: number;
  readonly devices_per_host: number;
}

export interface Pair {
  readonly bridge: Cluster;
  readonly stock: Cluster;
}

export async function upPair(release: Release): Promise<Pair> {
  execFileSync(join(root, "scripts/with-node"), ["node", "scripts/build.ts"], { cwd: root, stdio: "inherit" });
  const bridge = await upCluster({ release, name: `bench-bridge-${process.pid}`, beforeStart: prepareBridge });
  const stock = await upCluster({ release, name: `bench-stock-${process.pid}`, beforeStart: addGilProbe });
  await bridge.enableModule("orchbridge", { force: true });
  await stock.enableModule("test_orchestrator");
  for (const cluster of [bridge, stock]) await cluster.enableModule("gil_probe", { force: true });
  await mon(bridge, { prefix: "config set", who: "mgr", name: "mgr/orchbridge/backend", value: "memory" });
  await mgr(bridge, { prefix: "orchbridge activate" });
  await mgr(stock, { prefix: `${orch(release)} set backend`, module_name: "test_orchestrator" });
  return { bridge, stock };
}

export async function downPair({ bridge, stock }: Pair): Promise<void> {
  await Promise.all([bridge.down(), stock.down()]);
}

/**
 * Gives both sides the same hosts, devices and daemons. Nautilus's test_orchestrator knows one host only, whose daemons it
 * asks `ps` for, and takes no data.
 */
export async function fill({ bridge, stock }: Pair, size: Size): Promise<void> {
  const value = JSON.stringify({ generate: size });
  await mon(bridge, { prefix: "config set", who: "mgr", name: "mgr/orchbridge/backend_options", value });
  const { release } = bridge;
  await until(`${size.hosts} hosts in the memory backend`, 30_000, async () => {
    return (await countHosts(bridge)) === size.hosts || undefined;
  });
  if (release === "nautilus") return;
  const [hosts, inventory, services, daemons] = await Promise.all(
    ["host ls", "device ls", "ls", "ps"].map(
      async (what) => JSON.parse(await mgr(bridge, { prefix: `orch ${what}`, format: "json" })) as object[],
    ),
  );
  const devices = new Map(
    (inventory as { name: string; devices: object[] }[]).map((host) => [host.name, host.devices]),
  );
  const machines = (hosts as { hostname: string; addr: string; labels: string[] }[]).map(
    ({ hostname, addr, labels }) => ({
      name: hostname,
      addr,
      labels,
      devices: devices.get(hostname) ?? [],
    }),
  );
  const data = JSON.stringify({ inventory: machines, services, daemons });
  await mgr(stock, { prefix: "test_orchestrator load_data" }, data);
}

async function countHosts(cluster: Cluster): Promise<number> {
  const { ret, out } = await cluster.rados().mgr({ prefix: `${orch(cluster.release)} host ls`, format: "json" });
  if (ret !== 0) return 0;
  // Nautilus lists one a line, whatever the format.
  return cluster.release === "nautilus" ? out.trim().split("\n").length : (JSON.parse(out) as unknown[]).length;
}

/** The first word of the orchestrator's commands. */
export function orch(release: Release): string {
  return release === "nautilus" ? "orchestrator" : "orch";
}

/** A command that must succeed; what it prints. */
export async function mgr(cluster: Cluster, command: RadosCommand, input = ""): Promise<string> {
  const { ret, out, err } = await cluster.rados().mgr(command, { input });
  if (ret !== 0) throw new Error(`${cluster.release}: ${command.prefix}: ${err} (${ret})`);
  return out;
}

async function mon(cluster: Cluster, command: RadosCommand): Promise<void> {
  const { ret, err } = await cluster.rados().mon(command);
  if (ret !== 0) throw new Error(`${cluster.release}: ${command.prefix}: ${err} (${ret})`);
}

function prepareBridge(cluster: Cluster): void {
  const cli = join(root, "dist/cli/orchbridge.js");
  execFileSync(node, [cli, "install", "--mgr-dir", cluster.moduleDir, "--node", node], { encoding: "utf8" });
  addGilProbe(cluster);
}

function addGilProbe(cluster: Cluster): void {
  cpSync(join(import.meta.dirname, "mgr-modules/gil_probe"), join(cluster.moduleDir, "gil_probe"), { recursive: true });
}
