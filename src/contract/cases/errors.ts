/** What a caller is told who asks for what is not there or makes no sense: which thing, by its name, and nothing has changed. */
import { deepEqual, ok } from "node:assert/strict";
import type { BackendMethodName } from "../../index.ts";
import type { Bench } from "../bench.ts";
import type { Case } from "../case.ts";
import { addedHost, appliedService, daemonName, madeOsd, NOBODY, newService, someHost } from "../sample.ts";
import { stateOf } from "../state.ts";

/** A call that has to be refused. */
interface Wrong {
  readonly method: BackendMethodName;
  /** What is wrong with it. */
  readonly of: string;
  readonly source: string;
  readonly needs?: readonly BackendMethodName[];
  params(bench: Bench): object | Promise<object>;
  /** What the error has to name; the thing that is not there when left out. */
  readonly names?: (params: object) => readonly string[];
}

const HOST = "an unknown host";
const LISTED = "OrchestratorError: only expected errors lose their traceback; the text has to name what is not there";

/** Methods that are told a host, under the name of the parameter. */
const OF_HOSTS: readonly (readonly [BackendMethodName, object])[] = [
  ["removeHost", { host: NOBODY, force: true }],
  ["updateHostAddr", { host: NOBODY, addr: "10.9.9.9" }],
  ["addHostLabel", { host: NOBODY, label: "l" }],
  ["removeHostLabel", { host: NOBODY, label: "l" }],
  ["drainHost", { hostname: NOBODY }],
  ["stopDrainHost", { hostname: NOBODY }],
  ["hostOkToStop", { hostname: NOBODY }],
  ["enterHostMaintenance", { hostname: NOBODY, force: true }],
  ["exitHostMaintenance", { hostname: NOBODY }],
  ["rescanHost", { hostname: NOBODY }],
  ["zapDevice", { host: NOBODY, path: "/dev/sdb" }],
  ["replaceDevice", { hostname: NOBODY, device: "/dev/sdb", yes_i_really_mean_it: true }],
  ["blinkDeviceLight", { ident_fault: "ident", on: true, locations: [{ host: NOBODY, dev: "sdb", path: "/dev/sdb" }] }],
  ["hardwareLight", { light_type: "chassis", action: "on", hostname: NOBODY }],
  ["hardwarePowercycle", { hostname: NOBODY, yes_i_really_mean_it: true }],
  ["hardwareShutdown", { hostname: NOBODY, force: true, yes_i_really_mean_it: true }],
];

const NO_DEVICE = `/dev/${NOBODY}`;

const WRONG: readonly Wrong[] = [
  ...OF_HOSTS.map(([method, params]): Wrong => ({ method, of: HOST, source: LISTED, params: () => params })),
  {
    method: "applyService",
    of: "a placement on an unknown host",
    source: "PlacementSpec.validate: Cannot place … on …: Unknown hosts",
    needs: ["getHosts"],
    params: async (bench) => ({ spec: { ...(await newService(bench)), placement: { hosts: [NOBODY] } } }),
  },
  {
    method: "addDaemon",
    of: "a placement on an unknown host",
    source: "PlacementSpec.validate: Cannot place … on …: Unknown hosts",
    needs: ["getHosts"],
    params: async (bench) => ({ spec: { ...(await newService(bench)), placement: { hosts: [NOBODY] } } }),
  },
  {
    method: "removeService",
    of: "an unknown service",
    source: LISTED,
    params: () => ({ service_name: `mds.${NOBODY}` }),
  },
  {
    method: "setUnmanaged",
    of: "an unknown service",
    source: LISTED,
    params: () => ({ service_name: `mds.${NOBODY}`, value: true }),
  },
  {
    method: "serviceAction",
    of: "an unknown service",
    source: LISTED,
    params: () => ({ action: "restart", service_name: `mds.${NOBODY}` }),
  },
  {
    method: "serviceAction",
    of: "an unknown action",
    source: "`ceph orch start|stop|restart|redeploy|reconfig|rotate-key`; the dashboard passes the word on as it is",
    needs: ["applyService", "listDaemons"],
    params: async (bench) => ({ action: NOBODY, service_name: (await appliedService(bench)).name }),
  },
  {
    method: "daemonAction",
    of: "an unknown daemon",
    source: LISTED,
    params: () => ({ action: "restart", daemon_name: `mds.${NOBODY}` }),
  },
  {
    method: "daemonAction",
    of: "an unknown action",
    source: "`ceph orch daemon start|stop|restart|…`",
    needs: ["applyService", "listDaemons"],
    params: async (bench) => ({
      action: NOBODY,
      daemon_name: (await appliedService(bench)).daemons.map(daemonName)[0],
    }),
  },
  { method: "removeDaemons", of: "an unknown daemon", source: LISTED, params: () => ({ names: [`mds.${NOBODY}`] }) },
  {
    method: "removeDaemons",
    of: "an unknown daemon behind a known one",
    source: "a write that is refused has changed nothing",
    needs: ["applyService", "listDaemons"],
    params: async (bench) => ({ names: [...(await appliedService(bench)).daemons.map(daemonName), `mds.${NOBODY}`] }),
  },
  {
    method: "removeOsds",
    of: "an unknown OSD",
    source: LISTED,
    params: () => ({ osd_ids: ["987654"] }),
    names: () => ["987654"],
  },
  {
    method: "removeOsds",
    of: "an unknown OSD behind a known one",
    source: "a write that is refused has changed nothing",
    needs: ["createOsds", "listDaemons", "getInventory"],
    params: async (bench) => ({ osd_ids: [(await madeOsd(bench)).id, "987654"] }),
    names: () => ["987654"],
  },
  { method: "removeOsds", of: "a number that is none", source: LISTED, params: () => ({ osd_ids: [NOBODY] }) },
  {
    method: "stopRemoveOsds",
    of: "an OSD that is not being removed",
    source: LISTED,
    params: () => ({ osd_ids: ["987654"] }),
    names: () => ["987654"],
  },
  {
    method: "zapDevice",
    of: "an unknown device",
    source: LISTED,
    needs: ["getHosts"],
    params: async (bench) => ({ host: await someHost(bench), path: NO_DEVICE }),
  },
  {
    method: "zapDevice",
    of: "a device that carries an OSD",
    source: "`ceph orch device zap` must not erase the data of an OSD that runs",
    needs: ["createOsds", "listDaemons", "getInventory"],
    params: async (bench) => (await madeOsd(bench)).device,
    names: (params) => [(params as { path: string }).path],
  },
  {
    method: "blinkDeviceLight",
    of: "an unknown device",
    source: LISTED,
    needs: ["getHosts"],
    params: async (bench) => ({
      ident_fault: "fault",
      on: true,
      locations: [{ host: await someHost(bench), dev: NOBODY, path: NO_DEVICE }],
    }),
  },
  {
    method: "createOsds",
    of: "an unknown device",
    source: "`ceph orch daemon add osd HOST:DEVICE`",
    needs: ["getHosts"],
    params: async (bench) => ({
      drive_group: {
        service_type: "osd",
        service_id: "contract",
        service_name: "osd.contract",
        placement: { host_pattern: await someHost(bench) },
        spec: { data_devices: { paths: [NO_DEVICE] } },
      },
    }),
  },
  {
    method: "createOsds",
    of: HOST,
    source: "`ceph orch daemon add osd HOST:DEVICE` hands the host on as a pattern",
    params: () => ({
      drive_group: {
        service_type: "osd",
        service_id: "contract",
        service_name: "osd.contract",
        placement: { host_pattern: NOBODY },
        spec: { data_devices: { paths: ["/dev/sdb"] } },
      },
    }),
  },
  {
    method: "replaceDevice",
    of: "a device, without --yes-i-really-mean-it",
    source: "Orchestrator.replace_device: destroys the OSDs on it, so it has to be confirmed",
    needs: ["createOsds", "getInventory", "listDaemons"],
    async params(bench) {
      const { host, path } = (await madeOsd(bench)).device;
      return { hostname: host, device: path };
    },
    names: (params) => [(params as { device: string }).device],
  },
  {
    method: "setOsdSpec",
    of: "an unknown service",
    source: LISTED,
    params: () => ({ service_name: `osd.${NOBODY}`, osd_ids: ["0"] }),
  },
  {
    method: "upgradeStart",
    of: "neither image nor version",
    source: "Orchestrator.upgrade_start(image, version): one of both says what to go to",
    params: () => ({ image: null, version: null, daemon_types: null, hosts: null, services: null, limit: null }),
    names: () => [],
  },
  {
    method: "upgradeStart",
    of: HOST,
    source: "Orchestrator.upgrade_start(hosts)",
    params: () => ({ image: null, version: "99.2.1", daemon_types: null, hosts: NOBODY, services: null, limit: null }),
  },
  {
    method: "updateService",
    of: "a type of which there is no daemon",
    source: "Orchestrator.update_service",
    params: () => ({ service_type: NOBODY, service_image: "image", image: "image:v1" }),
  },
  ...(
    [
      ["rmTunedProfile", {}],
      ["tunedProfileAddSetting", { setting: "a", value: "1" }],
      ["tunedProfileAddSettings", { setting: { a: "1" } }],
      ["tunedProfileRmSetting", { setting: "a" }],
      ["tunedProfileRmSettings", { settings: ["a"] }],
    ] as const
  ).map(
    ([method, more]): Wrong => ({
      method,
      of: "an unknown profile",
      source: LISTED,
      params: () => ({ profile_name: NOBODY, ...more }),
    }),
  ),
];

const EXPECTED = ["NotFoundError", "ValidationError"];

function refused({ method, of, source, needs = [], params, names }: Wrong): Case {
  return {
    name: `${method} of ${of} is refused by its name, and nothing has changed`,
    source,
    needs: [method, ...needs],
    async run(bench) {
      const asked = await params(bench);
      const before = await stateOf(bench);
      const { message, data } = await bench.refused(method, asked);
      ok(EXPECTED.includes(data.type), `expected ${EXPECTED.join(" or ")}, got ${data.type}: ${message}`);
      for (const name of names?.(asked) ?? [NOBODY])
        ok(message.includes(name), `the error does not name ${name}: ${message}`);
      deepEqual(await stateOf(bench), before, "the write was refused and has changed something");
    },
  };
}

export const ERROR_CASES: readonly Case[] = [
  ...WRONG.map(refused),
  {
    name: "removeHost of a host that runs daemons is refused without force",
    source: "Orchestrator.remove_host(force): not allowed while daemons run there, drain it first",
    needs: ["addHost", "removeHost", "applyService", "listDaemons", "getHosts"],
    async run(bench) {
      const { hostname } = await addedHost(bench);
      await appliedService(bench, { placement: { hosts: [hostname] } });
      const before = await stateOf(bench);
      const { message, data } = await bench.refused("removeHost", { host: hostname, force: false });
      ok([...EXPECTED, "OrchestratorError"].includes(data.type), message);
      ok(message.includes(hostname), `the error does not name ${hostname}: ${message}`);
      deepEqual(await stateOf(bench), before);
    },
  },
];
