/** What the reads answer: the schema's shapes, rows that fit together, filters, and the same again when asked again. */
import { deepEqual, equal, ok } from "node:assert/strict";
import {
  type BackendMethodName,
  type DaemonDescription,
  type HostSpec,
  type InventoryHost,
  type OsdRemovalStatus,
  type ServiceDescription,
  serviceName,
} from "../../index.ts";
import type { Bench } from "../bench.ts";
import { type Case, Skip } from "../case.ts";
import { addedHost, appliedService, daemonName, daemonsOf, madeOsd } from "../sample.ts";
import { stateOf, steady } from "../state.ts";

/** Reads that need no parameters, or only ones that mean everything. */
const READS: readonly (readonly [method: BackendMethodName, params: object, source: string])[] = [
  ["getHosts", {}, "Orchestrator.get_hosts: List[HostSpec]"],
  ["getFacts", { hostname: null }, "Orchestrator.get_facts: List[Dict]"],
  ["getInventory", {}, "Orchestrator.get_inventory: List[InventoryHost]"],
  ["describeService", {}, "Orchestrator.describe_service: List[ServiceDescription]"],
  ["listDaemons", {}, "Orchestrator.list_daemons: List[DaemonDescription]"],
  ["removeOsdsStatus", {}, "Orchestrator.remove_osds_status: the removal queue"],
  ["previewOsdspecs", { osdspec_name: null, osdspecs: null }, "Orchestrator.preview_osdspecs: str"],
  ["upgradeStatus", {}, "Orchestrator.upgrade_status: UpgradeStatusSpec"],
  ["upgradeAvailable", {}, "Orchestrator.upgrade_available: versions"],
  ["upgradeLs", { image: null, tags: false }, "Orchestrator.upgrade_ls: Dict"],
  ["tunedProfileLs", {}, "Orchestrator.tuned_profile_ls: List[TunedProfileSpec]"],
  ["certStoreCertLs", {}, "Orchestrator.cert_store_cert_ls: Dict"],
  ["certStoreEntityLs", {}, "Orchestrator.cert_store_entity_ls: Dict[str, Dict[str, List[str]]]"],
  ["certStoreCertCheck", {}, "Orchestrator.cert_store_cert_check: List[str]"],
  ["certStoreKeyLs", {}, "Orchestrator.cert_store_key_ls: Dict"],
  ["getPrometheusAccessInfo", {}, "Orchestrator.get_prometheus_access_info: Dict[str, str]"],
  ["getAlertmanagerAccessInfo", {}, "Orchestrator.get_alertmanager_access_info: Dict[str, str]"],
  ["getSecurityConfig", {}, "Orchestrator.get_security_config: Dict[str, bool]"],
  ["serviceDiscoveryDumpCert", {}, "Orchestrator.service_discovery_dump_cert: str"],
  ["hardwareStatus", { hostname: null }, "Orchestrator.hardware_status: str"],
  ["nodeProxySummary", { hostname: null }, "Orchestrator.node_proxy_summary: Dict"],
  ["nodeProxyFullreport", { hostname: null }, "Orchestrator.node_proxy_fullreport: Dict"],
  ["nodeProxyFirmware", { hostname: null }, "Orchestrator.node_proxy_firmware: Dict"],
  ["nodeProxyFirmwares", { hostname: null }, "Orchestrator.node_proxy_firmwares: Dict"],
  ["nodeProxyCriticals", { hostname: null }, "Orchestrator.node_proxy_criticals: Dict"],
  ["nodeProxyCommon", { hostname: null, category: "summary" }, "Orchestrator.node_proxy_common: Dict"],
];

const FITS: readonly Case[] = READS.map(([method, params, source]) => ({
  name: `${method} answers what its schema allows, and the same again`,
  source,
  needs: [method],
  async run(bench) {
    await populate(bench);
    const first = await bench.read(method, params);
    const [second, third] = await Promise.all([bench.read(method, params), bench.read(method, params)]);
    deepEqual(steady(bench, second), steady(bench, first), "the second answer is another one");
    deepEqual(steady(bench, third), steady(bench, first), "asked twice at once, the answers differ");
  },
}));

/** Something for every read to tell of, where the backend can make it. */
export async function populate(bench: Bench): Promise<void> {
  for (const make of [addedHost, appliedService, madeOsd]) {
    await make(bench).catch((error: unknown) => {
      if (!(error instanceof Skip)) throw error;
    });
  }
}

function unique(names: readonly string[], what: string): void {
  deepEqual(
    names.filter((name, index) => names.indexOf(name) < index),
    [],
    `${what} twice`,
  );
}

const ROWS: readonly Case[] = [
  {
    name: "getHosts lists every host once, and its daemons and devices are on hosts that it lists",
    source: "DaemonDescription.hostname, InventoryHost.name: names as in get_hosts; the dashboard joins them",
    needs: ["getHosts"],
    async run(bench) {
      await populate(bench);
      const hosts = (await bench.read<HostSpec[]>("getHosts")).map(({ hostname }) => hostname);
      unique(hosts, "getHosts lists");
      const inventory = bench.has("getInventory") ? await bench.read<InventoryHost[]>("getInventory") : [];
      const daemons = bench.has("listDaemons") ? await bench.read<DaemonDescription[]>("listDaemons") : [];
      const elsewhere = [
        ...inventory.map(({ name }) => name),
        ...daemons.flatMap(({ hostname }) => (hostname === undefined ? [] : [hostname])),
      ].filter((name) => !hosts.includes(name));
      deepEqual([...new Set(elsewhere)], [], "rows name hosts that getHosts does not list");
    },
  },
  {
    name: "getInventory lists every host and every device path once",
    source: "`ceph orch device ls` shows a row for each host and path",
    needs: ["getInventory"],
    async run(bench) {
      await populate(bench);
      const inventory = await bench.read<InventoryHost[]>("getInventory");
      unique(
        inventory.map(({ name }) => name),
        "getInventory lists",
      );
      for (const { name, devices } of inventory)
        unique(
          devices.map(({ path }) => path),
          `the inventory of ${name} lists`,
        );
    },
  },
  {
    name: "listDaemons lists every daemon once, with its host and its state",
    source: "DaemonDescription: `ceph orch ps` shows NAME, HOST and STATUS",
    needs: ["listDaemons"],
    async run(bench) {
      await populate(bench);
      const daemons = await bench.read<DaemonDescription[]>("listDaemons");
      unique(daemons.map(daemonName), "listDaemons lists");
      for (const daemon of daemons) {
        ok(daemon.hostname !== undefined && daemon.hostname !== "", `${daemonName(daemon)} has no hostname`);
        ok(daemon.status !== undefined, `${daemonName(daemon)} has no status`);
      }
    },
  },
  {
    name: "describeService lists every service once under its own name, and counts its daemons as listDaemons does",
    source: "ServiceDescription: RUNNING in `ceph orch ls` is running/size; service_name is type and id",
    needs: ["describeService"],
    async run(bench) {
      await populate(bench);
      const services = await bench.read<ServiceDescription[]>("describeService");
      const names = services.map((service) => service.service_name ?? serviceName(service));
      unique(names, "describeService lists");
      for (const service of services) {
        equal(
          service.service_name ?? serviceName(service),
          serviceName(service),
          "a service has a name that is not type.id",
        );
        const { size, running } = service.status;
        ok(
          size === undefined || running === undefined || running <= size,
          `${serviceName(service)}: ${running} of ${size} run`,
        );
        if (!bench.has("listDaemons")) continue;
        const up = (await daemonsOf(bench, serviceName(service))).filter(({ status }) => status === 1).length;
        if (running !== undefined) equal(running, up, `${serviceName(service)}: running daemons`);
      }
    },
  },
  {
    name: "listDaemons names for each daemon a service that describeService lists",
    source: "DaemonDescription.service_name: `ceph orch ps --service_name` and the dashboard's service page need it",
    needs: ["listDaemons", "describeService"],
    async run(bench) {
      await populate(bench);
      const services = (await bench.read<ServiceDescription[]>("describeService")).map(serviceName);
      const daemons = await bench.read<DaemonDescription[]>("listDaemons");
      const lost = daemons.filter(({ service_name: name }) => name !== undefined && !services.includes(name));
      deepEqual(lost.map(daemonName), [], "these daemons name services that are not listed");
    },
  },
  {
    name: "removeOsdsStatus lists only OSDs that are there",
    source: "OSDRemovalQueue: an OSD leaves the queue when it is gone",
    needs: ["removeOsdsStatus", "listDaemons"],
    async run(bench) {
      await populate(bench);
      const queue = await bench.read<OsdRemovalStatus[]>("removeOsdsStatus");
      const daemons = (await bench.read<DaemonDescription[]>("listDaemons")).map(daemonName);
      deepEqual(
        queue.filter(({ osd_id }) => !daemons.includes(`osd.${osd_id}`)),
        [],
      );
    },
  },
  {
    name: "the reads change nothing",
    source: "a read is no write: the dashboard polls all of them every few seconds",
    needs: [],
    async run(bench) {
      await populate(bench);
      const before = await stateOf(bench);
      for (const [method, params] of READS) if (bench.has(method)) await bench.read(method, params);
      deepEqual(await stateOf(bench), before);
    },
  },
  {
    name: "the reads with refresh tell the same as without",
    source:
      "get_inventory, describe_service, list_daemons(refresh): looks again now instead of answering what was seen before",
    needs: [],
    async run(bench) {
      await populate(bench);
      const refreshable = (["getInventory", "describeService", "listDaemons"] as const).filter((method) =>
        bench.has(method),
      );
      if (refreshable.length === 0) throw new Skip("this backend has none that can be refreshed");
      for (const method of refreshable) {
        const fresh = await bench.read(method, { refresh: true });
        deepEqual(steady(bench, await bench.read(method)), steady(bench, fresh), method);
      }
    },
  },
];

export const READ_CASES: readonly Case[] = [...FITS, ...ROWS];
