/** What a service needs as a whole before its daemons: options of its section, its certificate, its place in a realm. */
import type { AgentParams } from "../../../agent/client.ts";
import { OrchestratorError, type RGWSpec, type ServiceSpec } from "../../../index.ts";
import type { Site } from "../site.ts";
import { certificateKey } from "./caps.ts";
import { keyringOf } from "./deploy.ts";
import { digest } from "./names.ts";
import { PLACE_FIELDS } from "./nfs.ts";
import { changeService, type ServiceRecord } from "./record.ts";
import { putCertificate } from "./rgw.ts";

/** Done once for each form of the spec. Options that the spec names no more are removed. */
export async function prepare(site: Site, name: string, record: ServiceRecord): Promise<void> {
  const form = digest(record.spec);
  if (record.prepared === form) return;
  const { spec } = record;
  const wanted = settingsOf(spec, site.ceph.release);
  if (spec.service_type === "rgw") {
    await putCertificate(site, spec);
    await makeRealm(site, name, spec, record);
  }
  // Written down before they are set, so that they are taken back whatever happens in between.
  const settings = wanted.map(({ who, name: option }) => ({ who, name: option }));
  const known = [...record.settings, ...settings].filter(unlike);
  await changeService(site, name, (now) => (now === undefined ? undefined : { ...now, settings: known }));
  for (const { who, name: option, value } of wanted) await site.mon({ prefix: "config set", who, name: option, value });
  const stale = known.filter(({ who, name: option }) => !wanted.some((one) => one.who === who && one.name === option));
  for (const { who, name: option } of stale) await site.mon({ prefix: "config rm", who, name: option });
  await changeService(site, name, (now) =>
    now === undefined || digest(now.spec) !== form ? undefined : { ...now, settings, prepared: form },
  );
}

/**
 * A realm that is not there is made, with its first zone group and zone. In one that is there nothing is made: that is a
 * decision about sites. Noted before it begins, so that a realm that was made in part is told from one of somebody else's.
 */
async function makeRealm(site: Site, name: string, spec: RGWSpec, record: ServiceRecord): Promise<void> {
  const { rgw_realm: realm, rgw_zone: zone, rgw_zonegroup: zonegroup = "default" } = spec.spec ?? {};
  if (realm === undefined || zone === undefined) return;
  const entity = realmEntity(spec.service_id);
  const keyring = await keyringOf(site, { entity, caps: REALM_CAPS });
  try {
    await inRealm(site, name, { entity, keyring, realm, zonegroup, zone }, record);
  } finally {
    await site.mon({ prefix: "auth rm", entity });
  }
}

async function inRealm(
  site: Site,
  name: string,
  place: Omit<AgentParams<"rgw/realm">, "make">,
  record: ServiceRecord,
): Promise<void> {
  const { realm } = place;
  const { missing } = await site.agent.request("rgw/realm", { ...place, make: false });
  const begun = record.realm === realm;
  if (missing.length > 0 && !begun && !missing.includes("realm"))
    throw new OrchestratorError(
      `realm ${realm} has no ${missing.join(" and no ")} of that name: make it with 'radosgw-admin', or name another one`,
    );
  if (missing.includes("realm") || begun) {
    await changeService(site, name, (now) => (now === undefined ? undefined : { ...now, realm }));
    await site.agent.request("rgw/realm", { ...place, make: true });
  }
}

/** Of the account that looks for realms and makes them, which is there only meanwhile. */
const REALM_CAPS = ["mon", "allow rw", "osd", "allow rwx"];

function realmEntity(service: string): `client.${string}` {
  return `client.rgw-realm.${service}`;
}

/** Takes back what `prepare` set. */
export async function unprepare(site: Site, { spec, settings }: ServiceRecord): Promise<void> {
  for (const { who, name } of settings) await site.mon({ prefix: "config rm", who, name });
  if (spec.service_type !== "rgw") return;
  await site.mon({ prefix: "config-key rm", key: certificateKey(spec.service_id) });
  // A manager that died while a realm was looked for left it.
  await site.mon({ prefix: "auth rm", entity: realmEntity(spec.service_id) });
}

interface Setting {
  readonly who: string;
  readonly name: string;
  readonly value: string;
}

/** A metadata server prefers the file system that its service is named after; Nautilus does not know of that. */
export function settingsOf(spec: ServiceSpec, release: string): Setting[] {
  const who = sectionOf(spec);
  const own = spec.service_type === "mds" && release !== "nautilus" ? { mds_join_fs: spec.service_id } : {};
  const config = "config" in (spec.spec ?? {}) ? (spec.spec as { config?: Record<string, unknown> }).config : {};
  const options = Object.entries({ ...own, ...config }).filter(([name]) => !isNfsPlace(spec.service_type, name));
  return options.map(([name, value]) => ({ who, name, value: String(value) }));
}

function isNfsPlace(type: string, name: string): boolean {
  return type === "nfs" && PLACE_FIELDS.some((field) => field === name);
}

/** The section that all daemons of a service read. */
export function sectionOf({
  service_type: type,
  service_id: id,
}: Pick<ServiceSpec, "service_type" | "service_id">): string {
  const name = id === undefined || id === "" ? type : `${type}.${id}`;
  return ["mon", "mgr", "osd", "mds"].includes(type) ? name : `client.${name}`;
}

function unlike<Entry extends { who: string; name: string }>(entry: Entry, index: number, all: Entry[]): boolean {
  return all.findIndex(({ who, name }) => who === entry.who && name === entry.name) === index;
}
