/** Tuned profiles: named sets of kernel settings for hosts. */
import { type Backend, NotFoundError, type TunedProfileSpec, ValidationError } from "../../index.ts";
import type { Cluster } from "./cluster.ts";

export function profileReads(cluster: Cluster) {
  return {
    tunedProfileLs: () => [...cluster.profiles.values()],
  } satisfies Backend;
}

export function profileWrites(cluster: Cluster) {
  return {
    applyTunedProfiles({ specs, no_overwrite: keep }) {
      const unnamed = specs.some(({ profile_name: name }) => name.trim() === "");
      if (unnamed) throw new ValidationError("a tuned profile needs a profile_name");
      return specs.map((spec) => apply(cluster, spec, keep)).join("\n");
    },
    rmTunedProfile({ profile_name: name }, call) {
      if (!call.resumed) profile(cluster, name);
      cluster.profiles.delete(name);
      return `Removed tuned profile ${name}`;
    },
    tunedProfileAddSetting({ profile_name: name, setting, value }) {
      add(cluster, name, { [setting]: value });
      return `Added setting ${setting} with value ${value} to tuned profile ${name}`;
    },
    tunedProfileAddSettings({ profile_name: name, setting: settings }) {
      add(cluster, name, settings);
      const texts = Object.entries(settings).map(([setting, value]) => `${setting} with value ${value}`);
      return `Added settings ${texts.join(", ")} to tuned profile ${name}`;
    },
    tunedProfileRmSetting({ profile_name: name, setting }, call) {
      remove(cluster, name, [setting], call.resumed);
      return `Removed setting ${setting} from tuned profile ${name}`;
    },
    tunedProfileRmSettings({ profile_name: name, settings }, call) {
      remove(cluster, name, settings, call.resumed);
      return `Removed settings ${settings.join(", ")} from tuned profile ${name}`;
    },
  } satisfies Backend;
}

function profile(cluster: Cluster, name: string): TunedProfileSpec {
  const found = cluster.profiles.get(name);
  if (found === undefined)
    throw new NotFoundError(`tuned profile ${name} does not exist; 'ceph orch tuned-profile ls' lists the profiles`);
  return found;
}

function apply(cluster: Cluster, spec: TunedProfileSpec, keep: boolean): string {
  const name = spec.profile_name;
  if (keep && cluster.profiles.has(name)) return `Tuned profile '${name}' already exists (--no-overwrite was passed)`;
  cluster.profiles.set(name, {
    ...spec,
    placement: spec.placement ?? { host_pattern: "*" },
    settings: spec.settings ?? {},
  });
  return `Saved tuned profile ${name}`;
}

function add(cluster: Cluster, name: string, settings: { [setting: string]: string }): void {
  const found = profile(cluster, name);
  found.settings = { ...found.settings, ...settings };
}

/** A setting that is gone already is an error of the caller's, unless the write is being resumed. */
function remove(cluster: Cluster, name: string, settings: readonly string[], resumed: boolean): void {
  const found = profile(cluster, name);
  const missing = settings.filter((setting) => found.settings?.[setting] === undefined);
  if (missing.length > 0 && !resumed)
    throw new NotFoundError(`tuned profile ${name} has no setting ${missing.join(", ")}`);
  found.settings = Object.fromEntries(
    Object.entries(found.settings ?? {}).filter(([setting]) => !settings.includes(setting)),
  );
}
