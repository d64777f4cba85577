/** Answers the agent's methods about its host: devices, OSDs' stores, facts and lights. */
import type { Handlers, HostMethod, ManifestView } from "../handlers.ts";
import type { AgentSettings } from "../settings.ts";
import { DeviceLooks } from "./device-looks.ts";
import { hostDevices } from "./devices.ts";
import { discard } from "./discard.ts";
import { hostFacts } from "./facts.ts";
import { leftovers } from "./leftovers.ts";
import { setLight } from "./light.ts";
import { osdsOnHost } from "./osds.ts";
import { prepareOsd } from "./prepare.ts";
import { Turns } from "./turns.ts";
import { zap } from "./zap.ts";

export { describeHost } from "./describe.ts";

/** One set for the agent's life: what works on devices takes turns. */
export function hostHandlers(settings: AgentSettings, manifest: ManifestView): Handlers<HostMethod> {
  const turns = new Turns();
  const looks = new DeviceLooks(settings);
  const changing = <T>(work: () => Promise<T>): Promise<T> =>
    turns.take(async () => {
      looks.forget();
      return work();
    });
  return {
    "host/facts": () => hostFacts(),
    "host/light": (params) => setLight(settings, params),
    "host/devices": ({ refresh, ...wanted }) => turns.take(() => hostDevices(settings, wanted, looks, refresh)),
    "osd/list": () => osdsOnHost(settings),
    "osd/prepare": (params) => changing(() => prepareOsd(settings, params)),
    "osd/leftovers": ({ forget }) => turns.take(() => leftovers(settings, forget)),
    "osd/discard": (params) => changing(() => discard(settings, manifest, params)),
    "osd/zap": ({ path }) => changing(() => zap(settings, manifest, path)),
  };
}
