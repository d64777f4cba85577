/** The backend as a whole: what it claims, its options, whether it is available, its end, and a large cluster. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { BackendMethodName, HostSpec, InventoryHost, UpgradeStatusSpec } from "../../index.ts";
import { BACKEND_METHODS } from "../../orchestrator/backend.ts";
import { isOrchestratorError } from "../../orchestrator/errors.ts";
import { METHODS } from "../../orchestrator/generated/methods.ts";
import { type Bench, Refused } from "../bench.ts";
import type { Case } from "../case.ts";
import { appliedService, daemonsOf, NOBODY, newHost, newService, someHost, upgradeTarget } from "../sample.ts";
import { stateOf } from "../state.ts";

const MANY = 1_000;
const AT_ONCE = 100;

/** Calls of the methods that no other case makes; each may be refused in a sentence. */
function probes(host: string): readonly (readonly [BackendMethodName, object])[] {
  const pem = "-----BEGIN CERTIFICATE-----\ncontract\n-----END CERTIFICATE-----\n";
  return [
    ["pause", {}],
    ["upgradePause", {}],
    ["upgradeResume", {}],
    ["upgradeStop", {}],
    ["hostOkToStop", { hostname: host }],
    ["hardwareLight", { light_type: "chassis", action: "get", hostname: host }],
    ["hardwarePowercycle", { hostname: host }],
    ["hardwareShutdown", { hostname: host }],
    ["certStoreReload", {}],
    ["certStoreGetCert", { cert_name: "contract" }],
    ["certStoreGetKey", { key_name: "contract" }],
    ["certStoreSetCert", { cert_name: "contract", cert: pem }],
    ["certStoreSetKey", { key_name: "contract", key: pem }],
    ["certStoreSetPair", { cert: pem, key: pem, entity: "contract" }],
    ["certStoreRmCert", { cert_name: "contract" }],
    ["certStoreRmKey", { key_name: "contract" }],
    ["generateCertificates", { module_name: "dashboard" }],
    ["setCustomPrometheusAlerts", { alerts_file: "groups: []" }],
    ["setPrometheusTarget", { url: "http://127.0.0.1:9283" }],
    ["removePrometheusTarget", { url: "http://127.0.0.1:9283" }],
    ["setOsdSpec", { service_name: `osd.${NOBODY}`, osd_ids: [] }],
    ["stopRemoveOsds", { osd_ids: [] }],
    ["resume", {}],
  ];
}

async function probe(bench: Bench, method: BackendMethodName, params: object): Promise<void> {
  try {
    (await bench.start(method, params)).leave();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { data, message } = error.wire;
    ok(
      !["NotSupportedError", "InternalError", "InvalidAnswerError", "TimeoutError"].includes(data.type),
      `${data.type}: ${message}`,
    );
  }
}

export const LIFE_CASES: readonly Case[] = [
  {
    name: "the features are the methods that are defined, and none of them says that it is not supported",
    source: "Orchestrator.get_feature_set: what is overridden; the dashboard hides what is not",
    needs: [],
    async run(bench) {
      const features = new Set(bench.heard.states.at(-1)?.features);
      for (const { name, backend } of Object.values(METHODS)) {
        if (backend === null || !Object.hasOwn(METHODS, `orchestrator/${name}`)) continue;
        equal(features.has(name), bench.has(backend), `${name} and ${backend}`);
      }
      const host = bench.has("getHosts") ? await someHost(bench) : NOBODY;
      for (const [method, params] of probes(host)) if (bench.has(method)) await probe(bench, method, params);
    },
  },
  {
    name: "a method that is left out answers that it is not supported",
    source: "NotImplementedError: `ceph orch` says `does not support`",
    needs: [],
    async run(bench) {
      const nothing = BACKEND_METHODS.filter((method) => !bench.has(method)).flatMap((method) => {
        const [wire, info] = Object.entries(METHODS).find(([, { backend }]) => backend === method) ?? [];
        return wire?.startsWith("orchestrator/") && info?.params.length === 0 ? [{ method, wire }] : [];
      });
      for (const { method, wire } of nothing) {
        const error = await bench.call(wire, {}).catch((reason: unknown) => reason);
        ok(error instanceof Refused && error.type === "NotSupportedError", `${method} came to ${String(error)}`);
      }
    },
  },
  {
    name: "the backend is available, and says so again when it is asked again",
    source: "Orchestrator.available: (True, '', {…}); several modules ask it every few seconds",
    needs: [],
    async run(bench) {
      const { name } = bench.definition;
      equal(bench.heard.states.at(-1)?.backend, name);
      await bench.restart("stopped");
      equal(bench.heard.states.at(-1)?.available, true);
      deepEqual(bench.heard.states.at(-1)?.reason, "");
    },
  },
  {
    name: "an option that does not exist is refused by its name",
    source: "`ceph orch status` names a wrong option; one that is ignored is found by nobody",
    needs: [],
    async run(bench) {
      await rejects(bench.definition.parseOptions({ [NOBODY]: 1 }), (error: unknown) => {
        ok(isOrchestratorError(error) && error.type === "ValidationError", String(error));
        ok(error.message.includes(NOBODY) || error.message.includes("takes none"), error.message);
        return true;
      });
    },
  },
  {
    name: "a new configuration closes the instance before it, and the next one serves",
    source: "`ceph config set mgr mgr/orchbridge/backend_options …`: the former instance is closed first",
    needs: [],
    async run(bench) {
      const before = bench.lasting ? await stateOf(bench) : undefined;
      await bench.restart("stopped");
      await bench.restart("stopped");
      if (before !== undefined) deepEqual(await stateOf(bench), before);
    },
  },
  {
    name: "work that is paused becomes effective after resume",
    source: "Orchestrator.pause, resume: `ceph orch pause` holds background work up",
    needs: ["pause", "resume", "applyService", "listDaemons"],
    async run(bench) {
      const spec = await newService(bench);
      await bench.write("pause");
      await bench.write("pause");
      const { operations, leave } = await bench.start("applyService", { spec });
      leave();
      await bench.write("resume");
      await bench.settled(operations);
      ok((await daemonsOf(bench, spec.service_name ?? "")).every(({ status }) => status === 1));
    },
  },
  {
    name: "an upgrade is told to be under way, paused, under way again, and stopped",
    source: "Orchestrator.upgrade_start, upgrade_pause, upgrade_resume, upgrade_stop, upgrade_status",
    needs: [
      "upgradeStart",
      "upgradeStatus",
      "upgradePause",
      "upgradeResume",
      "upgradeStop",
      "applyService",
      "listDaemons",
    ],
    async run(bench) {
      if (bench.facts.convergesByItself === true) return; // it may be over before it is asked about
      await appliedService(bench);
      const target = await upgradeTarget(bench);
      const status = (): Promise<UpgradeStatusSpec> => bench.read("upgradeStatus");
      const all = { ...target, daemon_types: null, hosts: null, services: null, limit: null };
      const { operations, leave } = await bench.start("upgradeStart", all);
      equal((await status()).in_progress, true, "an upgrade that is persistent is in progress");
      await bench.write("upgradePause");
      equal((await status()).is_paused, true);
      leave();
      await bench.write("upgradeResume");
      ok((await status()).is_paused !== true);
      await bench.write("upgradeStop");
      await bench.settled(operations);
      equal((await status()).in_progress, false, "a stopped upgrade is not in progress");
    },
  },
  {
    name: "a thousand hosts are added, listed once each, and found by name",
    source: "a cluster of 1,000 hosts: the lists stay whole, and single hosts can be asked for",
    needs: ["addHost", "getHosts"],
    long: true,
    async run(bench) {
      const hosts = Array.from({ length: MANY }, (_, nth) => newHost(bench, nth)).filter((host) => host !== undefined);
      for (let from = 0; from < hosts.length; from += AT_ONCE) {
        const specs = hosts.slice(from, from + AT_ONCE).map((host) => ({ ...host, service_type: "host" }));
        const answered = await bench.call("orchestrator/apply", { specs }, { writes: specs.length });
        answered.leave();
        await bench.settled(answered.operations);
      }
      const listed = (await bench.read<HostSpec[]>("getHosts")).map(({ hostname }) => hostname);
      equal(new Set(listed).size, listed.length, "getHosts lists a host twice");
      const lost = hosts.filter(({ hostname }) => !listed.includes(hostname));
      deepEqual(lost, [], `${lost.length} of ${hosts.length} hosts are not listed`);
      if (!bench.has("getInventory")) return;
      const some = hosts.filter((_, index) => index % 97 === 0).map(({ hostname }) => hostname);
      const inventory = await bench.read<InventoryHost[]>("getInventory", { host_filter: { hosts: some } });
      deepEqual(inventory.map(({ name }) => name).toSorted(), some.toSorted());
    },
  },
];
