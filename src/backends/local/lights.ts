/** The LEDs of devices, by the agent's command template. */
import type { Backend } from "../../index.ts";
import type { Site } from "./site.ts";

export function lightWrites(site: Site) {
  return {
    async blinkDeviceLight({ ident_fault: light, on, locations }) {
      for (const { host } of locations) await site.checkHost(host);
      const texts: string[] = [];
      for (const { host, path, dev } of locations) {
        // The path is by-path and empty where udev made none; `dev` is the bare name in /dev.
        const device = path === "" ? `/dev/${dev}` : path;
        await site.agent.request("host/light", { path: device, light, on });
        texts.push(`Set ${light} light for ${host}:${device} ${on ? "on" : "off"}`);
      }
      return texts;
    },
  } satisfies Backend;
}
