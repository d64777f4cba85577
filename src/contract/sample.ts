/** What the suite's writes are about: the author's samples, what the reads offer, or what it makes up. */
import {
  type DaemonDescription,
  type HostSpec,
  type InventoryHost,
  type ServiceDescription,
  type ServiceSpec,
  serviceName,
  type UpgradeLsResult,
} from "../index.ts";
import type { Bench } from "./bench.ts";
import { Skip } from "./case.ts";

/** A name that nothing has. */
export const NOBODY = "contract-no-such";

/** The nth host that can be added; undefined when there are no more. */
export function newHost(bench: Bench, nth = 0): HostSpec | undefined {
  const { newHosts } = bench.facts.samples;
  if (newHosts !== undefined) return newHosts[nth];
  const addr = `10.99.${Math.floor(nth / 250)}.${(nth % 250) + 1}`;
  return { hostname: `contract-${nth + 1}`, addr, labels: [], status: "" };
}

/** A host that was added for the case. */
export async function addedHost(bench: Bench, nth = 0): Promise<HostSpec> {
  bench.needs("addHost");
  const spec = newHost(bench, nth);
  if (spec === undefined) throw new Skip(`samples.newHosts has fewer than ${nth + 1} hosts`);
  await bench.write("addHost", { host_spec: spec });
  return spec;
}

/** A host of the world; one is added where there is none. */
export async function someHost(bench: Bench): Promise<string> {
  bench.needs("getHosts");
  const [first] = await bench.read<HostSpec[]>("getHosts");
  return first?.hostname ?? (await addedHost(bench)).hostname;
}

/** A service that can be applied and is not there yet. */
export async function newService(bench: Bench): Promise<ServiceSpec> {
  const { service } = bench.facts.samples;
  if (service !== undefined) return { ...service, service_name: serviceName(service) };
  const placement = bench.has("getHosts") ? { hosts: await twoHosts(bench) } : { count: 1 };
  return { service_type: "mds", service_id: "contract", service_name: "mds.contract", placement };
}

/** Two where there are so many, so that one daemon can be told from all. */
async function twoHosts(bench: Bench): Promise<string[]> {
  await someHost(bench);
  return (await bench.read<HostSpec[]>("getHosts")).slice(0, 2).map(({ hostname }) => hostname);
}

export interface AppliedService {
  readonly spec: ServiceSpec;
  readonly name: string;
  readonly daemons: readonly DaemonDescription[];
}

/** A service that was applied for the case, with the daemons that it got. */
export async function appliedService(bench: Bench, more: object = {}): Promise<AppliedService> {
  bench.needs("applyService", "listDaemons");
  const spec = { ...(await newService(bench)), ...more };
  const name = serviceName(spec);
  await bench.write("applyService", { spec });
  const daemons = await daemonsOf(bench, name);
  if (daemons.length === 0) throw new Skip(`${name} got no daemon; give another samples.service`);
  return { spec, name, daemons };
}

export function daemonsOf(bench: Bench, service: string): Promise<DaemonDescription[]> {
  return bench.read("listDaemons", { service_name: service });
}

export function daemonName({ daemon_type: type, daemon_id: id }: DaemonDescription): string {
  return `${type}.${id}`;
}

export async function described(bench: Bench, name: string): Promise<ServiceDescription | undefined> {
  const [service] = await bench.read<ServiceDescription[]>("describeService", { service_name: name });
  return service;
}

export interface FreeDevice {
  readonly host: string;
  readonly path: string;
}

/** A device that an OSD can be made on. */
export async function freeDevice(bench: Bench): Promise<FreeDevice> {
  bench.needs("getInventory");
  const inventory = await bench.read<InventoryHost[]>("getInventory");
  for (const { name: host, devices } of inventory) {
    const free = devices.find(({ available }) => available === true);
    if (free !== undefined) return { host, path: free.path };
  }
  throw new Skip("no host has an available device; give options under which one has");
}

export function driveGroup({ host, path }: FreeDevice): ServiceSpec {
  return {
    service_type: "osd",
    service_id: "contract",
    service_name: "osd.contract",
    placement: { host_pattern: host },
    spec: { data_devices: { paths: [path] } },
  };
}

/** An OSD that was made for the case. */
export async function madeOsd(bench: Bench): Promise<{ readonly id: string; readonly device: FreeDevice }> {
  bench.needs("createOsds", "listDaemons");
  const device = await freeDevice(bench);
  const before = await osdIds(bench);
  await bench.write("createOsds", { drive_group: driveGroup(device) });
  const [id] = (await osdIds(bench)).filter((osd) => !before.includes(osd));
  if (id === undefined)
    throw new Error(`createOsds on ${device.path} of ${device.host} made no OSD that listDaemons lists`);
  return { id, device };
}

export async function osdIds(bench: Bench): Promise<string[]> {
  const osds = await bench.read<DaemonDescription[]>("listDaemons", { daemon_type: "osd" });
  return osds.map(({ daemon_id }) => daemon_id);
}

/** What an upgrade can go to. */
export async function upgradeTarget(bench: Bench): Promise<{ image: string | null; version: string | null }> {
  const { upgrade } = bench.facts.samples;
  if (upgrade !== undefined) return { image: upgrade.image ?? null, version: upgrade.version ?? null };
  const available = bench.has("upgradeAvailable") ? await bench.read<string[]>("upgradeAvailable") : [];
  const listed = bench.has("upgradeLs")
    ? (await bench.read<UpgradeLsResult>("upgradeLs", { image: null, tags: false })).versions
    : [];
  const daemons = bench.has("listDaemons") ? await bench.read<DaemonDescription[]>("listDaemons") : [];
  const running = new Set(daemons.map((daemon) => daemon.version));
  const version = [...available, ...(listed ?? [])].find((candidate) => !running.has(candidate));
  if (version === undefined) throw new Skip("there is nothing to upgrade to; give samples.upgrade");
  return { image: null, version };
}
