/** Runs real Ceph daemons of the distribution's packages on one host, through the host agent. */
import { setTimeout } from "node:timers/promises";

import { AgentClient } from "../../agent/client.ts";
import { type Backend, defineBackend } from "../../index.ts";
import { availability } from "./availability.ts";
import { control } from "./control.ts";
import { hostReads, hostWrites } from "./hosts/methods.ts";
import { inventoryReads } from "./inventory.ts";
import { lightWrites } from "./lights.ts";
import { Maintenance } from "./maintenance.ts";
import { localOptions } from "./options.ts";
import { osdReads, osdWrites } from "./osds/methods.ts";
import { OsdPart } from "./osds/part.ts";
import { promptly } from "./prompt-reads.ts";
import { daemonWrites } from "./services/actions.ts";
import { FailedDaemons } from "./services/failed-daemons.ts";
import { serviceReads } from "./services/reads.ts";
import { Services } from "./services/services.ts";
import { untilPlaced } from "./services/until.ts";
import { serviceWrites } from "./services/writes.ts";
import { Site } from "./site.ts";
import { upgradeReads, upgradeWrites, whyUpgradeHinders } from "./upgrade/methods.ts";
import { Upgrade } from "./upgrade/upgrade.ts";

/** So long a step that is under way is waited for at the end. */
const STEP_MS = 1000;

export default defineBackend({
  name: "local",
  options: localOptions,
  permissions: { network: true },

  create(context): Backend {
    const agent = new AgentClient(context.options.agent_socket, (message) => context.log.warn(message));
    const site = new Site(context, agent);
    const osds = new OsdPart(site);
    const services = new Services(site);
    const failed = new FailedDaemons(site);
    const upgrade = new Upgrade(site);
    const changed = (): void => {
      for (const each of [...rounds, maintenance.rounds]) each.kick();
    };
    const maintenance = new Maintenance(site, { changed, upgrade: () => whyUpgradeHinders(site) });
    const pausable = [osds.making, osds.removing, services.rounds];
    const rounds = [...pausable, upgrade.rounds];
    // Not paused by `ceph orch pause`: what watches, and what the operator asks for by a command of its own.
    const always = [failed.rounds, maintenance.rounds];
    for (const each of [...rounds, ...always]) each.start();
    return {
      available: () => availability(site),
      ...promptly(hostReads(site)),
      ...hostWrites(site, osds.drain, changed, async (operation) => {
        await services.rounds.until(operation, untilPlaced(site, services));
        await osds.removing.until(operation, osds.drain.left);
      }),
      ...maintenance.writes(),
      ...lightWrites(site),
      ...promptly(upgradeReads(site, upgrade)),
      ...upgradeWrites(site, upgrade),
      ...promptly(inventoryReads(site)),
      ...promptly(osdReads(osds)),
      ...osdWrites(osds),
      ...promptly(serviceReads(site, osds)),
      ...serviceWrites(site, services, osds),
      ...daemonWrites(site, services),
      ...control(site, pausable, upgrade.rounds, () => void availability(site).then(context.setAvailable)),
      async close() {
        const ended = Promise.all([...rounds, ...always].map((each) => each.close()));
        // A step may take minutes, such as the erasing of a device. The agent brings it to its end, and whoever comes next sees that.
        await Promise.race([ended, setTimeout(STEP_MS, undefined, { ref: false })]);
        agent.close();
      },
    };
  },
});
