/** Applying and removing services. */
import {
  type Backend,
  type DriveGroupSpec,
  NotFoundError,
  type Operation,
  type PlacementSpec,
  type PlanRow,
  placementOf,
  type ServiceSpec,
  serviceName,
  serviceType,
  ValidationError,
} from "../../../index.ts";
import type { Rounds } from "../rounds.ts";
import type { Site } from "../site.ts";
import { orphanSpec } from "./describe.ts";
import { checkNfs, withFormerPlace } from "./nfs.ts";
import { checkPorts } from "./ports.ts";
import { changeService, readService, readServices, type ServiceRecord, withEvent } from "./record.ts";
import { readPresent, type Services } from "./services.ts";
import { checkSpec, isDaemonType } from "./support.ts";
import { untilGone, untilRunning } from "./until.ts";
import { serviceOfDaemon } from "./wanted.ts";

/** What the OSDs' part does for drive groups. */
export interface DriveGroups {
  /** Throws where a drive group asks for what cannot be. */
  checkSpec(spec: DriveGroupSpec): Promise<void>;
  plan(spec: DriveGroupSpec): Promise<PlanRow>;
  untilMade(spec: DriveGroupSpec, operation: Operation): Promise<void>;
  readonly making: Pick<Rounds, "kick">;
}

export function serviceWrites(site: Site, services: Services, osds: DriveGroups) {
  return {
    async applyService({ spec: given, no_overwrite: noOverwrite }, call) {
      const name = serviceName(given);
      const scheduled = `Scheduled ${name} update...`;
      const known = await readService(site, name);
      const spec = completed(normal(given), known);
      // Taken up again, it was written before; what was written since counts.
      if (call.resumed) {
        return known === undefined || known.deleted ? scheduled : call.persisted(scheduled, running);
      }
      const { host } = await readPresent(site);
      checkSpec(spec, await site.describe(), host, site.ceph.release);
      if (spec.service_type === "osd") await osds.checkSpec(spec);
      else await checkPorts(site, spec);
      if (spec.service_type === "nfs") await checkNfs(site, spec);
      if (noOverwrite && known !== undefined && !known.deleted)
        return `Skipped ${name} service spec. To change ${name} spec omit --no-overwrite flag`;
      await changeService(site, name, (record) => applied(record, spec));
      return call.persisted(scheduled, running);

      function running(operation: Operation): Promise<void> {
        if (spec.service_type !== "osd") return services.rounds.until(operation, untilRunning(site, services, name));
        osds.making.kick();
        return osds.untilMade(spec, operation);
      }
    },
    async removeService({ service_name: name, force }, call) {
      const text = `Removed service ${name}`;
      const known = await readService(site, name);
      // Taken up again, it was marked before; gone or applied anew since, nothing is left to be done.
      if (call.resumed && known?.deleted !== true) return text;
      const record = known ?? (await orphanRecord(site, name));
      if (record === undefined) return unknownService(name);
      await checkRemoval(site, record, force);
      await changeService(site, name, (now) => ({ ...(now ?? record), deleted: true }));
      if (record.spec.service_type === "osd") osds.making.kick();
      return call.persisted(text, (operation) => services.rounds.until(operation, untilGone(site, services, name)));
    },
    async setUnmanaged({ service_name: name, value }) {
      for (const one of await servicesNamed(site, name))
        await changeService(site, one, (record) =>
          record === undefined ? undefined : { ...record, spec: managed(record.spec, !value) },
        );
      services.rounds.kick();
      osds.making.kick();
      return `Set unmanaged to ${value ? "True" : "False"} for service ${name}`;
    },
  } satisfies Backend;
}

/** With what the service keeps although its new spec does not say it. */
function completed(spec: ServiceSpec, known: ServiceRecord | undefined): ServiceSpec {
  if (spec.service_type !== "nfs" || known?.spec.service_type !== "nfs" || known.deleted) return spec;
  return withFormerPlace(spec, known.spec);
}

/** With its name and its usual placement, and without what belongs to the call only. */
export function normal(spec: ServiceSpec): ServiceSpec {
  const named = { ...spec, service_name: serviceName(spec), placement: usualPlacement(spec) };
  if (spec.spec === undefined || !("preview_only" in spec.spec)) return named;
  const { preview_only: _preview, ...fields } = spec.spec;
  // Leaving a field out of a member of the union gives no member of it, to the type checker.
  return { ...named, spec: fields } as ServiceSpec;
}

/**
 * The spec's own placement, or its type's usual one. Where a type has one daemon a host, such as five monitors, the usual
 * number is one, since there is one host; asked for by its number, more of them come to this host.
 */
function usualPlacement(spec: ServiceSpec): PlacementSpec {
  const usual = placementOf(spec);
  const given = Object.keys(spec.placement ?? {}).length > 0;
  return given || usual.count === undefined || serviceType(spec.service_type)?.colocated === true
    ? usual
    : { ...usual, count: 1 };
}

/** The record of a service that was applied: its history stays, unless it had been removed. */
export function applied(record: ServiceRecord | undefined, spec: ServiceSpec): ServiceRecord {
  if (record !== undefined && !record.deleted) return { ...record, spec };
  const fresh = {
    spec,
    created: new Date().toISOString(),
    deleted: false,
    prepared: null,
    realm: null,
    settings: record?.settings ?? [],
    events: [],
  };
  return withEvent<ServiceRecord>(fresh, "INFO", "service was created");
}

function managed(spec: ServiceSpec, value: boolean): ServiceSpec {
  const { unmanaged: _former, ...rest } = spec;
  return value ? rest : { ...rest, unmanaged: true };
}

/** The service of that name, or all of a type. */
async function servicesNamed(site: Site, name: string): Promise<string[]> {
  const records = await readServices(site);
  if (records.get(name)?.deleted === false) return [name];
  const ofType = [...records].filter(([, { spec, deleted }]) => !deleted && spec.service_type === name);
  if (ofType.length === 0) throw unknown(name);
  return ofType.map(([one]) => one);
}

/** Daemons of the agent's that no record asks for any more. */
async function orphanRecord(site: Site, name: string): Promise<ServiceRecord | undefined> {
  const { daemons } = await readPresent(site);
  const own = daemons.filter((daemon) => serviceOfDaemon(daemon) === name);
  if (own.length === 0) return undefined;
  const foreign = own.filter(({ state }) => state === "foreign").map((daemon) => daemon.name);
  if (foreign.length > 0)
    throw new ValidationError(
      `${name} is not removed: ${foreign.join(", ")} was not started by the agent; stop it where it was started`,
    );
  const created = new Date().toISOString();
  return { spec: orphanSpec(name), created, deleted: true, prepared: null, realm: null, settings: [], events: [] };
}

/**
 * The nfs module removes the ingress of a cluster before the cluster, whether there is one or not, and gives up on an error.
 * No service of a type that this backend cannot run exists, so there the answer is cephadm's, which is none.
 */
function unknownService(name: string): string {
  if (!isDaemonType(name.split(".")[0] ?? ""))
    return `Invalid service '${name}'. Use 'ceph orch ls' to list available services.`;
  throw unknown(name);
}

function unknown(name: string): NotFoundError {
  return new NotFoundError(`service ${name} does not exist; 'ceph orch ls' lists the services`);
}

async function checkRemoval(site: Site, { spec }: ServiceRecord, force: boolean): Promise<void> {
  const name = serviceName(spec);
  if (spec.service_type === "mon" || spec.service_type === "mgr")
    throw new ValidationError(
      `service ${name} cannot be removed; 'ceph orch set-unmanaged ${name}' leaves its daemons alone`,
    );
  if (spec.service_type !== "osd" || force) return;
  const { host, daemons } = await readPresent(site);
  const osds = daemons.filter((daemon) => serviceOfDaemon(daemon) === name);
  if (osds.length === 0) return;
  const lines = osds.map((daemon) => `  ${daemon.name} on host ${host.hostname}`);
  throw new ValidationError(
    `these OSDs of ${name} would remain without a spec; --force removes it all the same:\n${lines.join("\n")}`,
  );
}
