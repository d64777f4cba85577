/** The Ceph options of a drive group: set for each of its OSDs, and noted, so that they are taken back. */
import type { DriveGroupSpec } from "../../../index.ts";
import { changeService, type ServiceRecord } from "../services/record.ts";
import type { Site } from "../site.ts";
import { digestOf } from "./host-state.ts";

/** Done once for each form of the options and each set of OSDs. */
export async function applyOptions(
  site: Site,
  name: string,
  record: ServiceRecord & { readonly spec: DriveGroupSpec },
): Promise<void> {
  const options = Object.entries(record.spec.spec?.config ?? {});
  if (options.length === 0 && record.settings.length === 0) return;
  const daemons = await site.agent.request("daemon/list", {});
  const own = daemons.flatMap((daemon): string[] => (daemon.service === name ? [daemon.name] : [])).toSorted();
  const form = digestOf(JSON.stringify([own, options]));
  if (record.prepared === form) return;
  const settings = own.flatMap((who) => options.map(([option]) => ({ who, name: option })));
  const stale = record.settings.filter((one) => !settings.some(({ who, name: option }) => isSame(one, who, option)));
  // Written down before they are set, so that they are taken back whatever happens in between.
  await changeService(site, name, (now) => now && { ...now, settings: [...stale, ...settings] });
  for (const who of own)
    for (const [option, value] of options)
      await site.mon({ prefix: "config set", who, name: option, value: String(value) });
  // Those of OSDs that are gone went with them.
  for (const { who, name: option } of stale)
    if (own.includes(who)) await site.mon({ prefix: "config rm", who, name: option });
  await changeService(site, name, (now) => now && { ...now, settings, prepared: form });
}

function isSame(setting: { who: string; name: string }, who: string, name: string): boolean {
  return setting.who === who && setting.name === name;
}
