/** The methods of the only host there is: the one of the agent. */
import { isIP } from "node:net";

import type { Daemon } from "../../../agent/client.ts";
import {
  type Backend,
  type HostSpec,
  NO_CONF_KEYRING,
  NO_SCHEDULE,
  type Operation,
  OrchestratorError,
  ValidationError,
} from "../../../index.ts";
import type { Site } from "../site.ts";
import { addressOf } from "./address.ts";
import { isForeign, notOurs } from "./foreign.ts";
import { objections } from "./ok-to-stop.ts";
import { changeHost, type HostRecord, readHost } from "./record.ts";

const EBUSY = 16;

/** What draining needs of the OSDs' queue of removals. */
export interface DrainOsds {
  /** Queues OSDs for their removal; one that is queued already stays as it is. */
  readonly queue: (ids: readonly number[], options: { readonly zap: boolean }) => Promise<void>;
  /** Takes OSDs out of the queue again. */
  readonly unqueue: (ids: readonly number[]) => Promise<void>;
  /** How far the queue is; null when none of those in it can go on. */
  readonly left: () => Promise<readonly [fraction: number, text: string] | null>;
}

/** Tells the other parts that the host changed, so that they act on it at once. */
type HostChanged = () => void;

export function hostReads(site: Site) {
  return {
    async getHosts() {
      const record = await readHost(site);
      return [hostSpec(await site.hostname(), await addressOf(site, record), record)];
    },
    async getFacts({ hostname }) {
      if (hostname !== null) await site.checkHost(hostname);
      const facts = await site.agent.request("host/facts", {});
      return [{ hostname: await site.hostname(), ...facts }];
    },
    async hostOkToStop({ hostname }) {
      await site.checkHost(hostname);
      const { unsafe, warnings } = await objections(site, await site.agent.request("daemon/list", {}));
      const reasons = [...unsafe, ...warnings];
      if (reasons.length > 0) throw new OrchestratorError(reasons.join("; "), { errno: EBUSY });
      return `It is presumed safe to stop host ${hostname}`;
    },
  } satisfies Backend;
}

/** `placed` waits until daemons are where they belong, as far as they can go. (There is no removeHost: this host is all there is.) */
export function hostWrites(
  site: Site,
  osds: DrainOsds,
  changed: HostChanged,
  placed: (operation: Operation) => Promise<void>,
) {
  return {
    async addHost({ host_spec: spec }) {
      await checkSpec(site, spec);
      const { hostname, addr, labels = [], location } = spec;
      await addToCrush(site, hostname, location);
      const record = await changeHost(site, (before) => ({
        ...before,
        // Where the operator gives none, Ceph puts the host's name.
        addr: addr === undefined || addr === "" || addr === hostname ? before.addr : addr,
        labels: [...new Set([...before.labels, ...labels])],
        location: location ?? before.location,
      }));
      changed();
      return `Added host '${hostname}' with addr '${await addressOf(site, record)}'`;
    },
    async updateHostAddr({ host: hostname, addr }) {
      await site.checkHost(hostname);
      checkAddr(addr);
      await changeHost(site, (record) => ({ ...record, addr }));
      return `Updated host '${hostname}' addr to '${addr}'`;
    },
    async addHostLabel({ host: hostname, label }) {
      await site.checkHost(hostname);
      checkLabel(label);
      await changeHost(site, (record) => ({ ...record, labels: [...new Set([...record.labels, label])] }));
      changed();
      return `Added label ${label} to host ${hostname}`;
    },
    async removeHostLabel({ host: hostname, label }) {
      await site.checkHost(hostname);
      const { labels } = await readHost(site);
      if (!labels.includes(label)) return `Host ${hostname} does not have label '${label}'`;
      await changeHost(site, (record) => ({ ...record, labels: record.labels.filter((one) => one !== label) }));
      changed();
      return `Removed label ${label} from host ${hostname}`;
    },
    /**
     * The services see the label and take their daemons away. On a single host there is nowhere for the data of its OSDs to
     * go: unless other OSDs stay, they wait in the queue of removals (`ceph orch osd rm status`) and are never destroyed.
     * `force` is not for them: as with cephadm it only answers questions about the host, none of which is asked here.
     */
    async drainHost({ hostname, keep_conf_keyring: keep, zap_osd_devices: zap }, call) {
      await site.checkHost(hostname);
      const all = await site.agent.request("daemon/list", {});
      const staying = all.filter((daemon) => daemon.type === "osd" && isForeign(daemon));
      const daemons = all.filter((daemon) => !staying.includes(daemon));
      const text = [
        `Scheduled to remove the following daemons from host '${hostname}'`,
        table(daemons),
        ...staying.map((daemon) => notOurs(daemon, " and stays")),
      ].join("\n");
      // Taken up again, all of it was written before; what was written since counts.
      if (call.resumed) return call.persisted(text, placed);
      const labels = keep ? [NO_SCHEDULE] : [NO_SCHEDULE, NO_CONF_KEYRING];
      await changeHost(site, (record) => ({ ...record, labels: [...new Set([...record.labels, ...labels])] }));
      await osds.queue(osdIds(daemons), { zap });
      changed();
      return call.persisted(text, placed);
    },
    async stopDrainHost({ hostname }, call) {
      await site.checkHost(hostname);
      const text = `Stopped draining host '${hostname}'`;
      if (call.resumed) return call.persisted(text, placed);
      const drain = [NO_SCHEDULE, NO_CONF_KEYRING];
      await changeHost(site, (record) => ({
        ...record,
        labels: record.labels.filter((label) => !drain.includes(label)),
      }));
      await osds.unqueue(osdIds(await site.agent.request("daemon/list", {})));
      changed();
      return call.persisted(text, placed);
    },
    async rescanHost({ hostname }) {
      await site.checkHost(hostname);
      const { loop_devices, file_devices } = site.options;
      const devices = await site.agent.request("host/devices", {
        loop_devices,
        file_devices: file_devices ?? null,
        refresh: true,
      });
      return `Ok. ${devices.length} devices found on ${hostname}`;
    },
  } satisfies Backend;
}

function hostSpec(hostname: string, addr: string, { labels, location, maintenance }: HostRecord): HostSpec {
  return {
    hostname,
    addr,
    labels,
    status: maintenance ? "maintenance" : "",
    ...(Object.keys(location).length === 0 ? {} : { location }),
  };
}

async function checkSpec(site: Site, { hostname, addr, labels, status, oob }: HostSpec): Promise<void> {
  const own = await site.hostname();
  if (hostname !== own) {
    throw new ValidationError(
      `host ${JSON.stringify(hostname)} cannot be added: the local backend serves only ${own}, the host of its agent`,
    );
  }
  if (addr !== undefined && addr !== "") checkAddr(addr);
  for (const label of labels ?? []) checkLabel(label);
  if (oob !== undefined)
    throw new ValidationError("oob: the local backend does not talk to management boards; leave it out");
  if (status === "maintenance" && !(await readHost(site)).maintenance)
    throw new ValidationError(
      `status: a host is not added in maintenance; use 'ceph orch host maintenance enter ${hostname}'`,
    );
}

function checkAddr(addr: string): void {
  const isName = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(addr);
  if (isIP(addr) === 0 && !isName)
    throw new ValidationError(`addr ${JSON.stringify(addr)} is neither an IP address nor a host name`);
}

function checkLabel(label: string): void {
  if (!/^[\w.:=-]{1,128}$/.test(label))
    throw new ValidationError(
      `label ${JSON.stringify(label)}: expected up to 128 letters, digits and any of _ . : = - without blanks`,
    );
}

/** As the host's OSDs would: the first location counts, a later one moves nothing. */
async function addToCrush(site: Site, hostname: string, location: HostSpec["location"]): Promise<void> {
  if (location === undefined || Object.keys(location).length === 0) return;
  const args = Object.entries(location).map(([type, bucket]) => `${type}=${bucket}`);
  await site.mon({ prefix: "osd crush add-bucket", name: crushName(hostname), type: "host", args });
}

/** The name that OSDs give their host in the CRUSH map. */
export function crushName(hostname: string): string {
  return hostname.split(".", 1)[0] ?? hostname;
}

function osdIds(daemons: readonly Daemon[]): number[] {
  return daemons.filter(({ type }) => type === "osd").map(({ id }) => Number(id));
}

function table(daemons: readonly Daemon[]): string {
  const rows = [["type", "id"], ["-".repeat(20), "-".repeat(15)], ...daemons.map(({ type, id }) => [type, id])];
  return rows.map(([type = "", id = ""]) => `${type.padEnd(20)} ${id.padEnd(15)}`).join("\n");
}
