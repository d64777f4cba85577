/** Writes about upgrades, tuned profiles, the monitoring stack and the orchestrator itself. */
import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import type {
  AccessInfo,
  BackendMethodName,
  DaemonDescription,
  TunedProfileSpec,
  UpgradeStatusSpec,
} from "../../index.ts";
import type { Bench } from "../bench.ts";
import { appliedService, daemonName, upgradeTarget } from "../sample.ts";
import type { Prepared, Write } from "./write.ts";

const PROFILE = "contract-profile";

async function settingsOf(bench: Bench): Promise<TunedProfileSpec["settings"] | undefined> {
  const profiles = await bench.read<TunedProfileSpec[]>("tunedProfileLs");
  return profiles.find(({ profile_name }) => profile_name === PROFILE)?.settings;
}

function profileWrite(method: BackendMethodName, source: string, params: object, settings: object | undefined): Write {
  const first = method === "applyTunedProfiles";
  return {
    method,
    source,
    needs: ["tunedProfileLs", "applyTunedProfiles"],
    bare: first,
    async prepare(bench): Promise<Prepared> {
      const specs = [{ profile_name: PROFILE, settings: { "vm.swappiness": "10", "net.core.somaxconn": "512" } }];
      if (!first) await bench.write("applyTunedProfiles", { specs });
      const seen = async (): Promise<void> => deepEqual(await settingsOf(bench), settings);
      return { params: first ? { specs } : { profile_name: PROFILE, ...params }, names: [PROFILE], seen };
    },
  };
}

const PROFILE_WRITES: readonly Write[] = [
  profileWrite(
    "applyTunedProfiles",
    "Orchestrator.apply_tuned_profiles: `ceph orch tuned-profile ls` lists it with its settings",
    {},
    { "net.core.somaxconn": "512", "vm.swappiness": "10" },
  ),
  profileWrite("rmTunedProfile", "Orchestrator.rm_tuned_profile: the profile goes", {}, undefined),
  profileWrite(
    "tunedProfileAddSetting",
    "Orchestrator.tuned_profile_add_setting: the setting stands beside the others",
    { setting: "vm.swappiness", value: "20" },
    { "net.core.somaxconn": "512", "vm.swappiness": "20" },
  ),
  profileWrite(
    "tunedProfileAddSettings",
    "Orchestrator.tuned_profile_add_settings: the settings stand beside the others",
    { setting: { "fs.file-max": "9", "vm.swappiness": "30" } },
    { "fs.file-max": "9", "net.core.somaxconn": "512", "vm.swappiness": "30" },
  ),
  profileWrite(
    "tunedProfileRmSetting",
    "Orchestrator.tuned_profile_rm_setting: that setting goes, others stay",
    { setting: "vm.swappiness" },
    { "net.core.somaxconn": "512" },
  ),
  profileWrite(
    "tunedProfileRmSettings",
    "Orchestrator.tuned_profile_rm_settings: these settings go, others stay",
    { settings: ["vm.swappiness"] },
    { "net.core.somaxconn": "512" },
  ),
];

async function upgradeStatus(bench: Bench): Promise<UpgradeStatusSpec> {
  return bench.read<UpgradeStatusSpec>("upgradeStatus");
}

/** The versions of daemons, by their names. */
async function versions(bench: Bench): Promise<Map<string, string | undefined>> {
  const daemons = await bench.read<DaemonDescription[]>("listDaemons");
  return new Map(daemons.map((daemon) => [daemonName(daemon), daemon.version]));
}

/** An upgrade of the daemons of one service, which leaves all others as they are. */
async function upgradeOf(bench: Bench): Promise<Prepared> {
  const { name, daemons } = await appliedService(bench);
  const target = await upgradeTarget(bench);
  const before = await versions(bench);
  const own = daemons.map(daemonName);
  const all = {
    image: target.image,
    version: target.version,
    daemon_types: null,
    hosts: null,
    services: [name],
    limit: null,
  };
  const upgraded = async (): Promise<boolean> => {
    const after = await versions(bench);
    return own.every((daemon) => after.get(daemon) !== before.get(daemon)) && !(await upgradeStatus(bench)).in_progress;
  };
  const seen = async (): Promise<void> => {
    equal((await upgradeStatus(bench)).in_progress, false, "the upgrade is effective and still in progress");
    for (const [daemon, version] of await versions(bench)) {
      if (!own.includes(daemon)) equal(version, before.get(daemon), `${daemon} is not of ${name} and was upgraded too`);
      else if (target.version === null) notEqual(version, before.get(daemon), `${daemon} was not upgraded`);
      else equal(version, target.version, `${daemon} was not upgraded`);
    }
  };
  return { params: all, names: [], seen, done: upgraded };
}

const UPGRADE_WRITES: readonly Write[] = [
  {
    method: "upgradeStart",
    of: "of one service",
    source: "Orchestrator.upgrade_start(services): upgrades the daemons of these services and no others",
    needs: ["upgradeStatus", "applyService", "listDaemons"],
    prepare: upgradeOf,
  },
];

/** What is set and can be read again, secrets included: it is the dashboard that asks. */
function accessWrite(method: BackendMethodName, read: BackendMethodName): Write {
  return {
    method,
    source: "Orchestrator.set_alertmanager_access_info, set_prometheus_access_info: get_…_access_info tells it",
    needs: [read],
    bare: true,
    async prepare(bench) {
      const access = { user: "contract", password: "contract-password" };
      const seen = async (): Promise<void> => {
        const { user, password } = await bench.read<AccessInfo>(read);
        deepEqual({ user, password }, access);
      };
      return { params: access, names: [], seen };
    },
  };
}

/** What acts on second stages and answers nothing. */
function control(method: BackendMethodName, source: string): Write {
  const prepare = async (): Promise<Prepared> => ({ params: {}, names: [], seen: async () => {} });
  return { method, source, needs: [], bare: true, prepare };
}

export const OTHER_WRITES: readonly Write[] = [
  ...PROFILE_WRITES,
  ...UPGRADE_WRITES,
  accessWrite("setAlertmanagerAccessInfo", "getAlertmanagerAccessInfo"),
  accessWrite("setPrometheusAccessInfo", "getPrometheusAccessInfo"),
  control("resume", "Orchestrator.resume: background work goes on"),
  control("cancelCompletions", "Orchestrator.cancel_completions: cancels ongoing work"),
];

/** The methods whose answer is nothing. */
export const SILENT: readonly BackendMethodName[] = ["pause", "resume", "cancelCompletions"];

/** Rejects unless every part of an answer says something. */
export function checkAnswer(method: BackendMethodName, answer: unknown, names: readonly string[]): void {
  if (SILENT.includes(method)) return;
  const lines = Array.isArray(answer) ? answer : [answer];
  ok(lines.length > 0, `${method} answered an empty list; the operator sees nothing`);
  for (const line of lines) {
    ok(
      typeof line === "string" && line.trim() !== "",
      `${method} answered ${JSON.stringify(line)}; the operator sees nothing`,
    );
  }
  const text = lines.join("\n");
  for (const name of names)
    ok(text.includes(name), `the answer of ${method} does not name ${name}: ${JSON.stringify(text)}`);
}
