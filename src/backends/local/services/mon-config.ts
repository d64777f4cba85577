/** Options in the monitors' configuration database, by section. */
import { z } from "zod";

import type { Site } from "../site.ts";

const dump = z.array(z.object({ section: z.string(), name: z.string() }));

/** The values of options as the monitors take them; undefined stays. */
export function optionTexts(
  values: Readonly<Record<string, string | number | boolean | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value === undefined ? undefined : String(value)]),
  );
}

/** Sets options in a section such as `client.rgw.a`, and removes those that are undefined. What else is there is the operator's. */
export async function setOptions(
  site: Site,
  who: string,
  options: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined) await site.mon({ prefix: "config set", who, name, value });
  const unset = Object.keys(options).filter((name) => options[name] === undefined);
  if (unset.length > 0) await drop(site, who, (name) => unset.includes(name));
}

/** Removes all options of a section. */
export function dropSection(site: Site, who: string): Promise<void> {
  return drop(site, who, () => true);
}

async function drop(site: Site, who: string, which: (name: string) => boolean): Promise<void> {
  const options = await site.monJson({ prefix: "config dump" }, dump);
  for (const { section, name } of options)
    if (section === who && which(name)) await site.mon({ prefix: "config rm", who, name });
}
