/** Services: applying, describing, planning and removing them. */
import {
  type AnySpec,
  type Backend,
  checkDriveGroup,
  checkPlacement,
  type GenericSpec,
  type HostSpec,
  NotFoundError,
  type PlanRow,
  placementOf,
  type ServiceDescription,
  type ServiceSpec,
  serviceName,
  serviceType,
  TRACING,
  ValidationError,
} from "../../index.ts";
import { type Cluster, now, type Service } from "./cluster.ts";
import { daemonName, isRunning } from "./daemon.ts";
import { osdPreview } from "./osds.ts";
import type { Pace, Step } from "./pace.ts";
import { allSteps, changes, noteOf, serviceSteps } from "./schedule.ts";

export function serviceReads(cluster: Cluster) {
  return {
    describeService({ refresh }) {
      if (refresh) for (const daemon of cluster.daemons.values()) daemon.last_refresh = now();
      return describeAll(cluster);
    },
    plan({ spec: specs }) {
      const services = specs.filter((spec) => !isHost(spec));
      if (services.length < specs.length) return [{ error: "hosts cannot be previewed" }];
      const rows = services.flatMap(expand).map((spec) => planRow(cluster, spec));
      return [
        {
          warning:
            "A preview is true for the moment only: hosts, devices and daemons may change until the specs are applied.",
        },
        ...rows,
      ];
    },
    previewOsdspecs({ osdspec_name: name, osdspecs }) {
      const known = [...cluster.services.values()]
        .map(({ spec }) => spec)
        .filter((spec) => spec.service_type === "osd");
      const specs = osdspecs ?? known.filter((spec) => name === null || ["osd", spec.service_id].includes(name));
      return JSON.stringify(
        specs.map((spec) => ({ service_name: serviceName(spec), data: osdPreview(cluster, spec) })),
      );
    },
  } satisfies Backend;
}

export function serviceWrites(cluster: Cluster, pace: Pace) {
  return {
    applyService({ spec, no_overwrite }, call) {
      const specs = expand(spec);
      for (const each of specs) checkSpec(cluster, each);
      const texts = specs.map((each) => applyOne(cluster, each, no_overwrite));
      const steps = (): Step[] => specs.flatMap((each) => stepsOf(cluster, serviceName(each)));
      return pace.converge(call, texts.join("\n"), steps);
    },
    removeService({ service_name: name, force }, call) {
      const text = `Removed service ${name}`;
      const service = cluster.services.get(name) ?? orphan(cluster, name);
      if (service === undefined) return removeUnknown(name, call.resumed ? text : undefined);
      checkRemoval(cluster, service, force);
      cluster.services.set(name, service);
      service.deleted = true;
      return pace.converge(call, text, () =>
        service.deleted && cluster.services.get(name) === service ? serviceSteps(cluster, service) : [],
      );
    },
    setUnmanaged({ service_name: name, value }, call) {
      for (const service of servicesNamed(cluster, name)) {
        const { unmanaged: _former, ...spec } = service.spec;
        service.spec = value ? { ...spec, unmanaged: true } : spec;
      }
      return pace.convergeIfNeeded(call, `Set unmanaged to ${value ? "True" : "False"} for service ${name}`, () =>
        allSteps(cluster),
      );
    },
  } satisfies Backend;
}

function isHost(spec: GenericSpec): spec is HostSpec {
  return spec.service_type === "host" || spec.service_type === undefined;
}

/** `jaeger-tracing` only stands for the services of tracing; any other spec is one service. */
export function expand(spec: ServiceSpec): ServiceSpec[] {
  if (spec.service_type !== "jaeger-tracing") return [normal(spec)];
  const {
    service_type: _type,
    service_name: _name,
    spec: { without_query: withoutQuery, es_nodes: nodes } = {},
    ...rest
  } = spec;
  return TRACING.filter(
    (type) => !(type === "elasticsearch" && nodes !== undefined) && !(type === "jaeger-query" && withoutQuery === true),
  ).map((type) =>
    normal({ ...rest, service_type: type, ...(nodes === undefined ? {} : { spec: { es_nodes: nodes } }) }),
  );
}

/** With its name and its usual placement, and without what belongs to the call only. */
function normal(spec: ServiceSpec): ServiceSpec {
  const named = { ...spec, service_name: serviceName(spec), placement: placementOf(spec) };
  if (spec.spec?.preview_only === undefined) return named;
  const { preview_only: _preview, ...fields } = spec.spec;
  // Leaving a field out of a member of the union gives no member of it, to the type checker.
  return { ...named, spec: fields } as ServiceSpec;
}

export function checkSpec(cluster: Cluster, spec: ServiceSpec): void {
  const traits = serviceType(spec.service_type);
  if (traits === undefined) throw new ValidationError(`service type ${spec.service_type} is not known`);
  const named = spec.service_id !== undefined && spec.service_id !== "";
  if (traits.named && !named && spec.service_type !== "osd")
    throw new ValidationError(`a service of type ${spec.service_type} needs a service_id`);
  if (!traits.named && named)
    throw new ValidationError(`a service of type ${spec.service_type} has no service_id (got ${spec.service_id})`);
  checkPlacement(spec, cluster.hosts.values());
  if (spec.service_type === "osd") checkDriveGroup(spec);
}

function applyOne(cluster: Cluster, spec: ServiceSpec, noOverwrite: boolean): string {
  const name = serviceName(spec);
  const known = cluster.services.get(name);
  if (noOverwrite && known !== undefined && !known.deleted) {
    return `Skipped ${name} service spec. To change ${name} spec omit --no-overwrite flag`;
  }
  putService(cluster, spec);
  return `Scheduled ${name} update...`;
}

export function putService(cluster: Cluster, spec: ServiceSpec): Service {
  const name = serviceName(spec);
  const known = cluster.services.get(name);
  if (known !== undefined && !known.deleted) {
    known.spec = spec;
    return known;
  }
  const service = { spec, name, created: now(), events: [noteOf(name, "service was created")], deleted: false };
  cluster.services.set(name, service);
  return service;
}

function stepsOf(cluster: Cluster, name: string): Step[] {
  const service = cluster.services.get(name);
  return service === undefined || service.deleted ? [] : serviceSteps(cluster, service);
}

/** The service of that name, or all of a type. */
function servicesNamed(cluster: Cluster, name: string): Service[] {
  const ofType = [...cluster.services.values()].filter(({ spec, deleted }) => !deleted && spec.service_type === name);
  return cluster.services.has(name) || ofType.length === 0 ? [cluster.service(name)] : ofType;
}

function removeUnknown(name: string, resumed: string | undefined): string {
  if (resumed !== undefined) return resumed;
  throw new NotFoundError(`service ${name} does not exist; 'ceph orch ls' lists the services`);
}

/** Daemons that no spec asks for make a service too: one that can only be removed. */
function orphan(cluster: Cluster, name: string): Service | undefined {
  return cluster.daemonsOf(name).length === 0 ? undefined : unmanagedService(name);
}

function checkRemoval(cluster: Cluster, { name, spec }: Service, force: boolean): void {
  if (spec.service_type === "mon" || spec.service_type === "mgr") {
    throw new ValidationError(
      `service ${name} cannot be removed; 'ceph orch set-unmanaged ${name}' leaves its daemons alone`,
    );
  }
  const osds = spec.service_type === "osd" && !force ? cluster.daemonsOf(name) : [];
  if (osds.length === 0) return;
  const lines = osds.map((daemon) => `  ${daemonName(daemon)} on host ${daemon.hostname ?? ""}`);
  throw new ValidationError(
    `these OSDs of ${name} would remain without a spec; --force removes it all the same:\n${lines.join("\n")}`,
  );
}

function planRow(cluster: Cluster, spec: ServiceSpec): PlanRow {
  checkSpec(cluster, spec);
  const service_name = serviceName(spec);
  if (spec.service_type === "osd") return { service_type: "osd", service_name, data: osdPreview(cluster, spec) };
  const { add, remove } = changes(spec, cluster.daemonsOf(service_name), cluster);
  return {
    service_type: spec.service_type,
    service_name,
    add: add.map(({ hostname }) => hostname),
    remove: remove.map(daemonName),
  };
}

/** Daemons without a service's spec are described too, as a service that nobody manages. */
function describeAll(cluster: Cluster): ServiceDescription[] {
  const orphans = new Map(
    [...cluster.daemons.values()].flatMap(({ service_name: name }) =>
      name === undefined || cluster.services.has(name) ? [] : [[name, name]],
    ),
  );
  return [
    ...[...cluster.services.values()].map((service) => describe(cluster, service)),
    ...[...orphans.keys()].map((name) => describe(cluster, unmanagedService(name))),
  ];
}

function unmanagedService(name: string): Service {
  const [service_type = "", ...id] = name.split(".");
  const spec = {
    service_type,
    service_name: name,
    placement: placementOf({ service_type }),
    unmanaged: true,
    ...(id.length === 0 ? {} : { service_id: id.join(".") }),
    // Ceph's class of drive groups refuses one without devices; nobody manages it, so nothing comes of it.
    ...(service_type === "osd" ? { spec: { data_devices: { all: true } } } : {}),
  };
  // Nothing but the names of such a service is known.
  return { spec: spec as ServiceSpec, name, created: "", events: [], deleted: false };
}

function describe(cluster: Cluster, { spec, name, created, events }: Service): ServiceDescription {
  const daemons = cluster.daemonsOf(name);
  const { add, remove } = spec.service_type === "osd" ? { add: [], remove: [] } : changes(spec, daemons, cluster);
  const [first] = daemons;
  const refreshed =
    daemons
      .map(({ last_refresh: time = "" }) => time)
      .sort()
      .at(-1) ?? "";
  const ports = serviceType(spec.service_type)?.ports(spec) ?? [];
  const ip = virtualIp(spec);
  return {
    ...spec,
    status: {
      size: daemons.length + add.length - remove.length,
      running: daemons.filter(isRunning).length,
      ...(created === "" ? {} : { created }),
      ...(refreshed === "" ? {} : { last_refresh: refreshed }),
      ...(first?.container_image_name === undefined ? {} : { container_image_name: first.container_image_name }),
      ...(first?.container_image_id === undefined ? {} : { container_image_id: first.container_image_id }),
      ...(ip === undefined ? {} : { virtual_ip: ip }),
      ...(ports.length === 0 ? {} : { ports: [...ports] }),
    },
    ...(events.length === 0 ? {} : { events }),
  };
}

function virtualIp({ spec }: AnySpec): string | undefined {
  const ip = spec?.["virtual_ip"];
  return typeof ip === "string" ? ip : undefined;
}
