/** Writes about hosts. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { HostSpec } from "../../index.ts";
import type { Bench } from "../bench.ts";
import { Skip } from "../case.ts";
import { addedHost, appliedService, daemonsOf, newHost } from "../sample.ts";
import type { Prepared, Write } from "./write.ts";

const LABEL = "contract-label";

async function hostNamed(bench: Bench, name: string): Promise<HostSpec | undefined> {
  return (await bench.read<HostSpec[]>("getHosts")).find(({ hostname }) => hostname === name);
}

/** A write about a host that was added, whose HostSpec then has to fit. */
function onHost(bench: Bench, host: HostSpec, params: object, fits: (host: HostSpec) => void): Prepared {
  const seen = async (): Promise<void> => {
    const found = await hostNamed(bench, host.hostname);
    ok(found, `getHosts does not list ${host.hostname}`);
    fits(found);
  };
  return { params, names: [host.hostname], seen };
}

/** The daemons of a service that runs on a host added for it. */
async function drainable(bench: Bench): Promise<{ host: HostSpec; daemons(): Promise<number> }> {
  const host = await addedHost(bench);
  const { spec, name } = await appliedService(bench, { placement: { hosts: [host.hostname] } });
  if (spec.placement?.hosts?.[0] !== host.hostname) throw new Skip("the sample service cannot be placed on a host");
  return { host, daemons: async () => (await daemonsOf(bench, name)).length };
}

export const HOST_WRITES: readonly Write[] = [
  {
    method: "addHost",
    source: "Orchestrator.add_host: adds a host, with its address and labels; `ceph orch host ls` lists it",
    needs: ["getHosts"],
    bare: true,
    async prepare(bench) {
      const plain = newHost(bench);
      if (plain === undefined) throw new Skip("samples.newHosts is empty");
      const host = { ...plain, labels: [...(plain.labels ?? []), LABEL] };
      return onHost(bench, host, { host_spec: host }, (found) => {
        ok(found.labels?.includes(LABEL), `${host.hostname} was added with the label ${LABEL} and does not have it`);
        if (host.addr !== undefined) equal(found.addr, host.addr);
      });
    },
  },
  {
    method: "removeHost",
    source: "Orchestrator.remove_host: the host is forgotten; `ceph orch host ls` lists it no more",
    needs: ["addHost", "getHosts"],
    async prepare(bench) {
      const host = await addedHost(bench);
      const seen = async (): Promise<void> => {
        equal(await hostNamed(bench, host.hostname), undefined, `getHosts still lists ${host.hostname}`);
      };
      return { params: { host: host.hostname, force: true }, names: [host.hostname], seen };
    },
  },
  {
    method: "updateHostAddr",
    source: "Orchestrator.update_host_addr: the host keeps its name and gets the address",
    needs: ["addHost", "getHosts"],
    async prepare(bench) {
      const host = await addedHost(bench);
      return onHost(bench, host, { host: host.hostname, addr: "10.98.7.6" }, ({ addr }) => equal(addr, "10.98.7.6"));
    },
  },
  {
    method: "addHostLabel",
    source: "Orchestrator.add_host_label: the label stands beside those that the host has",
    needs: ["addHost", "getHosts"],
    async prepare(bench) {
      const host = await addedHost(bench);
      return onHost(bench, host, { host: host.hostname, label: LABEL }, ({ labels }) =>
        deepEqual(labels?.toSorted(), [...(host.labels ?? []), LABEL].toSorted()),
      );
    },
  },
  {
    method: "removeHostLabel",
    source: "Orchestrator.remove_host_label: that label goes, others stay",
    needs: ["addHost", "addHostLabel", "getHosts"],
    async prepare(bench) {
      const host = await addedHost(bench);
      for (const label of [LABEL, "contract-other"]) await bench.write("addHostLabel", { host: host.hostname, label });
      return onHost(bench, host, { host: host.hostname, label: LABEL }, ({ labels }) => {
        ok(!labels?.includes(LABEL), `${host.hostname} still has the label`);
        ok(labels?.includes("contract-other"), `${host.hostname} lost another label too`);
      });
    },
  },
  {
    method: "drainHost",
    source: "Orchestrator.drain_host: the daemons of the host's services go from it",
    needs: ["addHost", "applyService", "listDaemons"],
    async prepare(bench) {
      const { host, daemons } = await drainable(bench);
      return {
        params: { hostname: host.hostname },
        names: [host.hostname],
        seen: async () => equal(await daemons(), 0, `daemons are left on the drained host ${host.hostname}`),
        done: async () => (await daemons()) === 0,
      };
    },
  },
  {
    method: "stopDrainHost",
    source: "Orchestrator.stop_drain_host: what the drain has marked is taken back, and daemons may come again",
    needs: ["addHost", "applyService", "listDaemons", "drainHost"],
    async prepare(bench) {
      const { host, daemons } = await drainable(bench);
      await bench.write("drainHost", { hostname: host.hostname });
      const seen = async (): Promise<void> => ok((await daemons()) > 0, `no daemon came back to ${host.hostname}`);
      return { params: { hostname: host.hostname }, names: [host.hostname], seen };
    },
  },
  {
    method: "enterHostMaintenance",
    source: "Orchestrator.enter_host_maintenance: the host's status is `maintenance`",
    needs: ["addHost", "getHosts"],
    async prepare(bench) {
      const host = await addedHost(bench);
      const params = { hostname: host.hostname, force: true };
      return onHost(bench, host, params, ({ status }) => equal(status?.toLowerCase(), "maintenance"));
    },
  },
  {
    method: "exitHostMaintenance",
    source: "Orchestrator.exit_host_maintenance: the host has no status",
    needs: ["addHost", "getHosts", "enterHostMaintenance"],
    async prepare(bench) {
      const host = await addedHost(bench);
      await bench.write("enterHostMaintenance", { hostname: host.hostname, force: true });
      return onHost(bench, host, { hostname: host.hostname }, ({ status }) => equal(status ?? "", ""));
    },
  },
  {
    method: "rescanHost",
    source: "Orchestrator.rescan_host: the host looks for devices again; what is there stays",
    needs: ["addHost", "getHosts"],
    async prepare(bench) {
      const host = await addedHost(bench);
      return { ...onHost(bench, host, { hostname: host.hostname }, () => {}), names: [] };
    },
  },
];
