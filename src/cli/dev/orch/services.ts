/** `orch ls`, `orch apply …` and what acts on a whole service. */

import { OrchestratorError, ValidationError } from "../../../orchestrator/errors.ts";
import type { GenericSpec, PlanRow, ServiceDescription } from "../../../orchestrator/generated/types.ts";
import { serviceName } from "../../../orchestrator/service-types.ts";
import { validate } from "../../../orchestrator/validate.ts";
import type { Arguments } from "./arguments.ts";
import { command, type Orch, type OrchCommand, resultText } from "./command.ts";
import { formatted } from "./formats.ts";
import { placementOf, placementText } from "./placement.ts";
import { previewTables } from "./preview.ts";
import { age } from "./quantities.ts";
import { serviceSpec, specsIn } from "./specs.ts";
import { type Column, plainTable } from "./table.ts";

interface Row {
  readonly service: ServiceDescription;
  readonly now: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { heading: "NAME", cell: ({ service }) => serviceName(service) },
  { heading: "PORTS", cell: ({ service: { status } }) => portsOf(status) },
  { heading: "RUNNING", cell: ({ service }) => runningOf(service), right: true },
  { heading: "REFRESHED", cell: ({ service: { status }, now }) => age(status.last_refresh, now, " ago") },
  { heading: "AGE", cell: ({ service: { status }, now }) => age(status.created, now) },
  {
    heading: "PLACEMENT",
    cell: ({ service }) => (service.unmanaged === true ? "<unmanaged>" : placementText(service.placement)),
  },
];

const FORMAT = "[--format=plain|json|json-pretty|yaml]";
const HOW = `[--dry-run] [--unmanaged] ${FORMAT} [--no-overwrite]`;

export const SERVICE_COMMANDS: readonly OrchCommand[] = [
  command(
    "ls",
    `[service_type] [service_name] [--export] ${FORMAT} [--refresh]`,
    "List services known to orchestrator",
    list,
  ),
  command(
    "apply osd",
    "[--all-available-devices] [--method=raw|lvm] [-in-file=text] [--dry-run] [--unmanaged] [--no-overwrite] [--format=plain|json|json-pretty|yaml]",
    "Create OSD daemon(s) on all available devices",
    applyOsd,
  ),
  command(
    "apply mds",
    `fs_name [placement] ${HOW}`,
    "Update the number of MDS instances for the given fs_name",
    (args, orch) => applyOne(args, orch, { service_type: "mds", service_id: args.text("fs_name") }),
  ),
  command(
    "apply rgw",
    `svc_id [placement] [--realm=text] [--zonegroup=text] [--zone=text] [--networks=text] [--port=integer] [--ssl] ${HOW}`,
    "Update the number of RGW instances for the given zone",
    (args, orch) => {
      const [realm, zone] = [args.optional("realm"), args.optional("zone")];
      if (realm !== undefined && zone === undefined)
        throw new ValidationError("Cannot add RGW: Realm specified but no zone specified");
      if (zone !== undefined && realm === undefined)
        throw new ValidationError("Cannot add RGW: Zone specified but no realm specified");
      return applyOne(args, orch, {
        service_type: "rgw",
        service_id: args.text("svc_id"),
        networks: args.optional("networks")?.split(","),
        rgw_realm: realm,
        rgw_zonegroup: args.optional("zonegroup"),
        rgw_zone: zone,
        rgw_frontend_port: args.integer("port"),
        ssl: args.flag("ssl") ? true : undefined,
      });
    },
  ),
  command("apply nfs", `svc_id [placement] [--port=integer] ${HOW}`, "Scale an NFS service", (args, orch) =>
    applyOne(args, orch, { service_type: "nfs", service_id: args.text("svc_id"), port: args.integer("port") }),
  ),
  command(
    "apply iscsi",
    `pool api_user api_password [trusted_ip_list] [placement] ${HOW}`,
    "Scale an iSCSI service",
    (args, orch) =>
      applyOne(args, orch, {
        service_type: "iscsi",
        service_id: args.text("pool"),
        pool: args.text("pool"),
        api_user: args.text("api_user"),
        api_password: args.text("api_password"),
        trusted_ip_list: args.optional("trusted_ip_list"),
      }),
  ),
  command(
    "apply",
    `[service_type] [placement] ${HOW} [--continue-on-error] [-in-file=text]`,
    "Update the size or placement for a service or apply a large yaml spec",
    applyAny,
  ),
  command("rm", "service_name [--force]", "Remove a service", async (args, orch) => {
    const service_name = args.text("service_name");
    if (["mon", "mgr"].includes(service_name) && !args.flag("force"))
      throw new OrchestratorError("The mon and mgr services cannot be removed");
    return resultText(await orch.call("remove_service", { service_name, force: args.flag("force") }));
  }),
  ...["start", "stop", "restart", "redeploy", "reconfig"].map((action) =>
    command(action, "service_name", `${action} an entire service (i.e. all daemons)`, async (args, orch) =>
      resultText(await orch.call("service_action", { action, service_name: args.text("service_name") })),
    ),
  ),
  ...[true, false].map((value) =>
    command(
      value ? "set-unmanaged" : "set-managed",
      "service_name",
      `Set 'unmanaged: ${value}' for the given service name`,
      async (args, orch) =>
        resultText(await orch.call("set_unmanaged", { service_name: args.text("service_name"), value })),
    ),
  ),
];

async function list(args: Arguments, orch: Orch): Promise<string> {
  const found = await orch.call<ServiceDescription[]>("describe_service", {
    service_type: args.optional("service_type") ?? null,
    service_name: args.optional("service_name") ?? null,
    refresh: args.flag("refresh"),
  });
  const services = found.toSorted((a, b) => (serviceName(a) < serviceName(b) ? -1 : 1));
  if (services.length === 0) return "No services reported";
  const exported = args.flag("export");
  const format = args.optional("format") ?? "plain";
  if (format === "plain" && !exported)
    return plainTable(
      COLUMNS,
      services.map((service) => ({ service, now: orch.now })),
    );
  const shown = services.map((service) => inOrder(exported ? withoutStatus(service) : service));
  return formatted(shown, format === "plain" ? "yaml" : format);
}

function withoutStatus(service: ServiceDescription): object {
  const { status: _status, events: _events, ...spec } = service;
  return spec;
}

/** As Ceph's classes write their fields. */
const ORDER = [
  "service_type",
  "service_id",
  "service_name",
  "placement",
  "unmanaged",
  "networks",
  "spec",
  "status",
  "events",
];

function inOrder(service: object): object {
  const place = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.indexOf("spec") - 0.5);
  return Object.fromEntries(Object.entries(service).toSorted(([a], [b]) => place(a) - place(b)));
}

function portsOf({ ports = [], virtual_ip: address }: ServiceDescription["status"]): string {
  if (ports.length === 0) return "";
  return `${(address ?? "?").split("/", 1)[0]}:${ports.toSorted((a, b) => a - b).join(",")}`;
}

function runningOf({ service_type: type, status: { running = 0, size = 0 } }: ServiceDescription): string {
  return type === "osd" ? String(running) : `${running}/${size}`;
}

const APPLY_USAGE = `Usage:
  ceph orch apply -i <yaml spec> [--dry-run]
  ceph orch apply <service_type> [--placement=<placement_string>] [--unmanaged]
        `;

async function applyAny(args: Arguments, orch: Orch): Promise<string> {
  const [type, file] = [args.optional("service_type"), args.optional("in-file")];
  if (file !== undefined) {
    if (type !== undefined || args.has("placement") || args.flag("unmanaged")) throw new ValidationError(APPLY_USAGE);
    return applySpecs(args, orch, specsIn(orch.readFile(file), args.flag("dry-run")));
  }
  if (type === undefined) throw new ValidationError(APPLY_USAGE);
  return applyOne(args, orch, { service_type: type });
}

function applyOne(args: Arguments, orch: Orch, fields: Record<string, unknown>): Promise<string> {
  const spec = serviceSpec(
    {
      ...fields,
      placement: placementOf(args.optional("placement")),
      unmanaged: args.flag("unmanaged") ? true : undefined,
    },
    args.flag("dry-run"),
  );
  // The schema of the call checks it.
  return applySpecs(args, orch, [spec as unknown as GenericSpec]);
}

async function applyOsd(args: Arguments, orch: Orch): Promise<string> {
  const [file, all] = [args.optional("in-file"), args.flag("all-available-devices")];
  if (file !== undefined && all)
    throw new ValidationError("-i infile and --all-available-devices are mutually exclusive");
  if (file !== undefined) return applySpecs(args, orch, specsIn(orch.readFile(file), args.flag("dry-run")));
  if (!all) throw new ValidationError("--all-available-devices is required");
  const method = args.optional("method");
  const spec = serviceSpec(
    {
      service_type: "osd",
      service_id: "all-available-devices",
      placement: { host_pattern: "*" },
      unmanaged: args.flag("unmanaged") ? true : undefined,
      data_devices: { all: true },
      method,
    },
    args.flag("dry-run"),
  );
  return applySpecs(args, orch, [spec as unknown as GenericSpec]);
}

/** A dry run is an `apply` of specs that are marked as previews, and then a `plan`. */
async function applySpecs(args: Arguments, orch: Orch, specs: readonly GenericSpec[]): Promise<string> {
  // As Ceph's classes refuse a field that a service does not have; the call, which may be of a later release, would drop it.
  const { issues } = validate("params:orchestrator/apply", { specs }, { root: "apply" });
  if (issues.length > 0) throw new ValidationError(issues.join("; "));
  const text = resultText(
    await orch.call("apply", {
      specs,
      no_overwrite: args.flag("no-overwrite"),
      continue_on_error: args.flag("continue-on-error"),
    }),
  );
  if (!args.flag("dry-run")) return text;
  const plan = await orch.call<PlanRow[]>("plan", { spec: specs });
  const format = args.optional("format") ?? "plain";
  return format === "plain" ? previewTables(plan) : formatted(plan, format);
}
