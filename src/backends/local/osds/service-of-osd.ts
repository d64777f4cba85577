/** Which drive group an OSD belongs to. */
import { type DriveGroupSpec, serviceName } from "../../../index.ts";
import type { Site } from "../site.ts";

/** Puts an OSD under another drive group; the daemon runs on as it is. */
export async function moveToService(site: Site, id: number, spec: DriveGroupSpec): Promise<void> {
  const labels = { osdspec_affinity: spec.service_id ?? "" };
  await site.agent.request("daemon/deploy", { daemon: { name: `osd.${id}`, service: serviceName(spec), labels } });
}
