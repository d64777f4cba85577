/** Options in the monitors' configuration database, by section. */
import { z } from "zod";

import type { Site } from "../site.ts";

const dump = z.array(z.object({ section: z.string(), name: z.string() }));

/** Sets options in a section such as `client.rgw.a`. */
export async function setOptions(site: Site, who: string, options: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(options)) await site.mon({ prefix: "config set", who, name, value });
}

/** Removes all options of a section. */
export async function dropSection(site: Site, who: string): Promise<void> {
  const options = await site.monJson({ prefix: "config dump" }, dump);
  for (const { section, name } of options) if (section === who) await site.mon({ prefix: "config rm", who, name });
}
