/** What is asked about services and daemons. */
import type { Backend, GenericSpec, HostSpec, PlanRow, ServiceSpec } from "../../../index.ts";
import { serviceName } from "../../../index.ts";
import type { Site } from "../site.ts";
import { describeDaemon, describeOrphan, describeService } from "./describe.ts";
import { readServices } from "./record.ts";
import { readPresent } from "./services.ts";
import { checkSpec } from "./support.ts";
import { daemonsOf, difference, serviceOfDaemon } from "./wanted.ts";
import type { DriveGroups } from "./writes.ts";

export function serviceReads(site: Site, osds: Pick<DriveGroups, "plan">) {
  return {
    async describeService() {
      const [records, present] = await Promise.all([readServices(site), readPresent(site)]);
      const now = new Date().toISOString();
      const orphans = new Set(present.daemons.map(serviceOfDaemon).filter((name) => !records.has(name)));
      return [
        ...[...records.values()].map((record) => describeService(record, present, now)),
        ...[...orphans].map((name) => describeOrphan(name, present, now)),
      ];
    },
    async listDaemons() {
      const present = await readPresent(site);
      const now = new Date().toISOString();
      return present.daemons.map((daemon) => describeDaemon(daemon, present, now));
    },
    async plan({ spec: specs }) {
      if (specs.some(isHost)) return [{ error: "hosts cannot be previewed" }];
      const services = specs.filter((spec): spec is ServiceSpec => !isHost(spec));
      const rows = await Promise.all(services.map((spec) => planRow(site, spec, osds)));
      return [{ warning: PREVIEW }, ...rows];
    },
  } satisfies Backend;
}

const PREVIEW = "A preview is true for the moment only: devices and daemons may change until the specs are applied.";

function isHost(spec: GenericSpec): spec is HostSpec {
  return spec.service_type === "host" || spec.service_type === undefined;
}

async function planRow(site: Site, spec: ServiceSpec, osds: Pick<DriveGroups, "plan">): Promise<PlanRow> {
  const present = await readPresent(site);
  checkSpec(spec, await site.describe(), present.host, site.ceph.release);
  if (spec.service_type === "osd") return osds.plan(spec);
  const { add, remove } = difference(spec, present.host, daemonsOf(spec, present.daemons), {
    all: present.daemons,
    active: present.active,
  });
  return {
    service_type: spec.service_type,
    service_name: serviceName(spec),
    add: add.map(() => present.host.hostname),
    remove: remove.map(({ name }) => name),
  };
}
