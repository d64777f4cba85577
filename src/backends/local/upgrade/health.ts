/** The health check of an upgrade that paused by itself. */
import type { Site } from "../site.ts";
import { CHECKS, type UpgradeRecord } from "./record.ts";

/** Raises the check, or takes it back once the upgrade goes on or is over. */
export async function tellHealth(site: Site, upgrade: UpgradeRecord | undefined): Promise<void> {
  const error = upgrade?.error ?? undefined;
  for (const check of CHECKS) {
    if (error?.check !== check) {
      await site.health.set(check, null);
      continue;
    }
    await site.health.set(check, {
      severity: "warning",
      summary: `Upgrade to ${upgrade?.version ?? ""} paused: ${error.summary}`,
      detail: [error.detail, "'ceph orch upgrade resume' tries again, 'ceph orch upgrade stop' ends it"],
      count: 1,
    });
  }
}
