/** The clusters of a soak: one whose orchestrator is orchbridge, and for comparison one with Ceph's own test_orchestrator. */
import { installModule } from "../../test/ceph/installed-module.ts";
import { type Cluster, type Release, until, upCluster } from "../../testbed/cluster.ts";

/** How much more often than usual everything is asked. */
export const TIMES = 10;
/** How often prometheus gathers. */
const SCRAPE_S = 15;
/** Of Node: small, so that V8 tidies up often, and a leak ends the process instead of hiding in a heap with room. */
export const LIMIT_MB = 128;
/** Seconds that a call may take: short, so that hanging ones do not fill the time. */
const CALL_TIMEOUT = 3;
const READY_MS = 60_000;

/** The options of the memory backend: hosts, devices and daemons of a small cluster, writes that take their time. */
export function data(release: Release): object {
  return {
    generate: { hosts: 5, devices_per_host: 4, daemons_per_host: 3 },
    services: [{ service_type: "mds", service_id: "steady", placement: { count: 2 } }],
    delays: { read_ms: 2, persist_ms: 5, effective_ms: release === "nautilus" ? 100 : 300 },
  };
}

/** With the dashboard, and prometheus if wished. */
export async function upSubject(release: Release, prometheus: boolean): Promise<Cluster> {
  const cluster = await upCluster({
    release,
    name: `soak-${process.pid}`,
    dashboard: true,
    beforeStart: (made) => installModule(made.moduleDir),
  });
  await ending(cluster, async () => {
    await cluster.enableModule("orchbridge", { force: true });
    await setModuleOption(cluster, "call_timeout", String(CALL_TIMEOUT));
    await setModuleOption(cluster, "memory_limit", String(LIMIT_MB));
    await setModuleOption(cluster, "backend_options", JSON.stringify(data(release)));
    await setModuleOption(cluster, "backend", "memory");
    await must(cluster, { prefix: "orchbridge activate" });
    await serve(cluster, prometheus);
  });
  return cluster;
}

/** Its manager is asked as often for the same data; nothing goes wrong with it, and nothing is written. */
export async function upControl(subject: Cluster, prometheus: boolean): Promise<Cluster> {
  const { release } = subject;
  const cluster = await upCluster({ release, name: `soak-control-${process.pid}`, dashboard: true });
  await ending(cluster, async () => {
    await cluster.enableModule("test_orchestrator");
    const set = release === "nautilus" ? "orchestrator set backend" : "orch set backend";
    await must(cluster, { prefix: set, module_name: "test_orchestrator" });
    await serve(cluster, prometheus);
    // In the memory of a manager that does not start itself anew any more.
    if (release !== "nautilus") await copyData(subject, cluster);
  });
  return cluster;
}

/** An option that nothing depends on: each change of one costs a manager something, whoever's it is. */
export async function changeAnyOption(cluster: Cluster, value: string): Promise<void> {
  await setOption(cluster, "mgr/telemetry/contact", value);
}

/** Sets an option of the module. */
export async function setModuleOption(cluster: Cluster, name: string, value: string): Promise<void> {
  await setOption(cluster, `mgr/orchbridge/${name}`, value);
}

async function setOption(cluster: Cluster, name: string, value: string): Promise<void> {
  const { ret, err } = await cluster.rados().mon({ prefix: "config set", who: "mgr", name, value, force: true });
  if (ret !== 0) throw new Error(`config set ${name}: ${err} (${ret})`);
}

/** A cluster that cannot be prepared is of no use to anybody. */
async function ending(cluster: Cluster, prepare: () => Promise<void>): Promise<void> {
  try {
    await prepare();
  } catch (error) {
    await cluster.down();
    throw error;
  }
}

async function must(
  cluster: Cluster,
  command: { prefix: string; [name: string]: unknown },
  input = "",
): Promise<string> {
  const { ret, out, err } = await cluster.rados().mgr(command, { input });
  if (ret !== 0) throw new Error(`${cluster.name}: ${command.prefix}: ${err} (${ret})`);
  return out;
}

/**
 * Prometheus gathers by itself, whoever scrapes, so nobody needs to: 20.2 restarts its server for ten seconds at every change
 * of any module's options, of which a soak makes many. Returns when everything is there.
 */
async function serve(cluster: Cluster, prometheus: boolean): Promise<void> {
  if (prometheus) {
    const server_port = String(20_000 + Math.floor(Math.random() * 12_000));
    const scrape_interval = String(SCRAPE_S / TIMES);
    for (const [name, value] of Object.entries({ server_addr: "127.0.0.1", server_port, scrape_interval }))
      await setOption(cluster, `mgr/prometheus/${name}`, value);
    await cluster.enableModule("prometheus");
  }
  await cluster.waitForMgr(({ services }) => "dashboard" in services, "the dashboard to serve");
  const status = cluster.release === "nautilus" ? "orchestrator status" : "orch status";
  await until(`the orchestrator of ${cluster.name} to be available`, READY_MS, async () => {
    const { out } = await cluster.rados().mgr({ prefix: status });
    return /^Available: (Yes|True)/m.test(out) || undefined;
  });
}

async function copyData(from: Cluster, to: Cluster): Promise<void> {
  const read = async (what: string): Promise<object[]> =>
    JSON.parse(await must(from, { prefix: `orch ${what}`, format: "json" })) as object[];
  const [hosts, devices, services, daemons] = [
    (await read("host ls")) as { hostname: string; addr: string; labels: string[] }[],
    (await read("device ls")) as { name: string; devices: object[] }[],
    await read("ls"),
    await read("ps"),
  ];
  const inventory = hosts.map(({ hostname: name, addr, labels }) => ({
    name,
    addr,
    labels,
    devices: devices.find((host) => host.name === name)?.devices ?? [],
  }));
  await must(to, { prefix: "test_orchestrator load_data" }, JSON.stringify({ inventory, services, daemons }));
}
