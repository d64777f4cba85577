/** Answers the agent's methods about its host: devices, OSDs' stores, facts and lights. */
import type { Handlers, HostMethod, ManifestView } from "../handlers.ts";
import type { HostDevice } from "../protocol.ts";
import type { AgentSettings } from "../settings.ts";
import { hostDevices } from "./devices.ts";
import { hostFacts } from "./facts.ts";
import { leftovers } from "./leftovers.ts";
import { setLight } from "./light.ts";
import { osdsOnHost } from "./osds.ts";
import { prepareOsd } from "./prepare.ts";
import { Turns } from "./turns.ts";
import { zap } from "./zap.ts";

export { describeHost } from "./describe.ts";

/** For so long devices are told again as they were, unless a refresh is asked for or the agent changed one itself. */
const FRESH_MS = 5_000;

/** One set for the agent's life: what works on devices takes turns. */
export function hostHandlers(settings: AgentSettings, manifest: ManifestView): Handlers<HostMethod> {
  const turns = new Turns();
  let told: { readonly wanted: string; readonly until: number; readonly devices: HostDevice[] } | undefined;
  const changing = <T>(work: () => Promise<T>): Promise<T> =>
    turns.take(async () => {
      told = undefined;
      return work();
    });
  return {
    "host/facts": () => hostFacts(),
    "host/light": (params) => setLight(settings, params),
    "host/devices": ({ refresh, ...wanted }) =>
      turns.take(async () => {
        const key = JSON.stringify(wanted);
        if (!refresh && told?.wanted === key && performance.now() < told.until) return told.devices;
        const devices = await hostDevices(settings, wanted);
        told = { wanted: key, until: performance.now() + FRESH_MS, devices };
        return devices;
      }),
    "osd/list": () => osdsOnHost(settings),
    "osd/prepare": (params) => changing(() => prepareOsd(settings, params)),
    "osd/leftovers": ({ forget }) => turns.take(() => leftovers(settings, forget)),
    "osd/zap": ({ path }) => changing(() => zap(settings, manifest, path)),
  };
}
