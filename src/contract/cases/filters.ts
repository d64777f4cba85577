/** The filters of the reads: what comes back is what stands in the whole answer and fits. */
import { deepEqual, equal, ok } from "node:assert/strict";
import {
  type BackendMethodName,
  type DaemonDescription,
  type HostSpec,
  type InventoryHost,
  type ServiceDescription,
  serviceName,
} from "../../index.ts";
import type { Bench } from "../bench.ts";
import { type Case, Skip } from "../case.ts";
import { addedHost, daemonName, freeDevice, madeOsd, NOBODY, someHost } from "../sample.ts";
import { steady } from "../state.ts";

import { populate } from "./reads.ts";

/** With each of these filters, what comes back has to be what stands in the whole answer and fits. */
async function checkFilter<Row>(
  bench: Bench,
  method: BackendMethodName,
  params: object,
  fits: (row: Row) => boolean,
): Promise<void> {
  const all = await bench.read<Row[]>(method);
  const some = await bench.read<Row[]>(method, params);
  deepEqual(steady(bench, some), steady(bench, all.filter(fits)), `${method}(${JSON.stringify(params)})`);
  // A backend that keeps an answer must not keep it under the wrong name.
  deepEqual(steady(bench, await bench.read(method)), steady(bench, all), `${method}() after a filtered one`);
}

const PARTS: readonly (readonly [method: BackendMethodName, part: (host: string) => object])[] = [
  ["getInventory", (host) => ({ host_filter: { hosts: [host] } })],
  ["listDaemons", (host) => ({ host })],
  ["describeService", () => ({ service_type: NOBODY })],
];

export const FILTER_CASES: readonly Case[] = [
  {
    name: "getInventory filtered by hosts gives these hosts whole",
    source: "InventoryFilter.hosts: optional list of hosts",
    needs: ["getInventory", "getHosts"],
    async run(bench) {
      await populate(bench);
      const hosts = (await bench.read<InventoryHost[]>("getInventory")).map(({ name }) => name);
      for (const some of [hosts.slice(0, 1), hosts.slice(-2), hosts, [NOBODY]]) {
        await checkFilter<InventoryHost>(bench, "getInventory", { host_filter: { hosts: some } }, ({ name }) =>
          some.includes(name),
        );
      }
    },
  },
  {
    name: "getInventory filtered by labels gives hosts that have any of them",
    source: "InventoryFilter.labels: optional list of labels",
    needs: ["getInventory", "addHostLabel", "getHosts"],
    async run(bench) {
      const host = await someHost(bench);
      await addedHost(bench).catch(() => undefined);
      await bench.write("addHostLabel", { host, label: "contract-label" });
      const labels = ["contract-label", "contract-other"];
      const fits = (row: InventoryHost): boolean => row.labels?.some((label) => labels.includes(label)) === true;
      await checkFilter<InventoryHost>(bench, "getInventory", { host_filter: { labels } }, fits);
      const found = await bench.read<InventoryHost[]>("getInventory", { host_filter: { labels } });
      deepEqual(
        found.map(({ name }) => name),
        [host],
        "the labelled host is not found by its label",
      );
    },
  },
  {
    name: "describeService filtered by type and name gives what fits",
    source: "Orchestrator.describe_service(service_type, service_name): nfs and the dashboard count on it",
    needs: ["describeService"],
    async run(bench) {
      await populate(bench);
      const services = await bench.read<ServiceDescription[]>("describeService");
      for (const type of [...services.map((service) => service.service_type), NOBODY]) {
        const fits = (row: ServiceDescription): boolean => row.service_type === type;
        await checkFilter<ServiceDescription>(bench, "describeService", { service_type: type }, fits);
      }
      for (const name of [...services.map(serviceName), NOBODY]) {
        const fits = (row: ServiceDescription): boolean => serviceName(row) === name;
        await checkFilter<ServiceDescription>(bench, "describeService", { service_name: name }, fits);
      }
    },
  },
  {
    name: "listDaemons filtered by service, type, id and host gives what fits",
    source: "Orchestrator.list_daemons(service_name, daemon_type, daemon_id, host)",
    needs: ["listDaemons"],
    async run(bench) {
      await populate(bench);
      const daemons = await bench.read<DaemonDescription[]>("listDaemons");
      const samples = [daemons[0], daemons.at(-1)].filter((daemon) => daemon !== undefined);
      for (const { daemon_type, daemon_id, hostname, service_name } of samples) {
        const by = { daemon_type, daemon_id, host: hostname ?? NOBODY, service_name: service_name ?? NOBODY };
        const fits = {
          daemon_type: (row: DaemonDescription) => row.daemon_type === daemon_type,
          daemon_id: (row: DaemonDescription) => row.daemon_id === daemon_id,
          host: (row: DaemonDescription) => row.hostname === hostname,
          service_name: (row: DaemonDescription) => row.service_name === by.service_name,
        };
        for (const field of ["daemon_type", "daemon_id", "host", "service_name"] as const) {
          await checkFilter<DaemonDescription>(bench, "listDaemons", { [field]: by[field] }, fits[field]);
        }
        await checkFilter<DaemonDescription>(bench, "listDaemons", by, (row) =>
          Object.values(fits).every((fit) => fit(row)),
        );
      }
      deepEqual(
        await bench.read("listDaemons", { host: NOBODY }),
        [],
        "a filter that nothing fits gives an empty list",
      );
    },
  },
  {
    name: "getFacts of one host tells of that host",
    source: "Orchestrator.get_facts(hostname)",
    needs: ["getFacts", "getHosts"],
    async run(bench) {
      const host = await someHost(bench);
      await addedHost(bench).catch(() => undefined);
      const facts = await bench.read<{ hostname?: string }[]>("getFacts", { hostname: host });
      equal(facts.length, 1, `getFacts tells of ${facts.length} hosts`);
      if (facts[0]?.hostname !== undefined) equal(facts[0].hostname, host);
    },
  },
  {
    name: "a whole list is whole although a part of it was asked for first",
    source: "an answer that was kept under the wrong name; the first to ask may be anybody",
    needs: ["getHosts"],
    async run(bench) {
      if (!PARTS.some(([method]) => bench.has(method))) throw new Skip("this backend has no list with a filter");
      const other = await bench.another();
      const wholes = new Map<BackendMethodName, number>();
      try {
        for (const [method] of PARTS)
          if (bench.has(method)) wholes.set(method, (await other.read<object[]>(method)).length);
      } finally {
        await other.end();
      }
      const [host = NOBODY] = (await bench.read<HostSpec[]>("getHosts")).map(({ hostname }) => hostname);
      for (const [method, part] of PARTS) {
        if (!bench.has(method)) continue;
        await bench.read(method, part(host));
        equal((await bench.read<object[]>(method)).length, wholes.get(method), method);
      }
    },
  },
  {
    name: "a change is seen by the filtered reads too",
    source: "an answer that was kept from before the change is stale",
    needs: ["getInventory", "createOsds", "listDaemons"],
    async run(bench) {
      const device = await freeDevice(bench);
      const filters = { host_filter: { hosts: [device.host] } };
      await bench.read("getInventory", filters);
      await bench.read("listDaemons", { host: device.host });
      const { id } = await madeOsd(bench);
      const daemons = await bench.read<DaemonDescription[]>("listDaemons", { host: device.host });
      ok(daemons.map(daemonName).includes(`osd.${id}`), `the daemons of ${device.host} lack osd.${id}`);
      const [host] = await bench.read<InventoryHost[]>("getInventory", filters);
      equal(
        host?.devices.find(({ path }) => path === device.path)?.available,
        false,
        "the device is still told to be free",
      );
    },
  },
];
