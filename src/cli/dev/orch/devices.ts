/** `orch device …` and `orch osd …` */

import { OrchestratorError, ValidationError } from "../../../orchestrator/errors.ts";
import type { Device, InventoryHost, OsdRemovalStatus } from "../../../orchestrator/generated/types.ts";
import type { Arguments } from "./arguments.ts";
import { command, type Orch, type OrchCommand, oneCall, resultText } from "./command.ts";
import { formatted } from "./formats.ts";
import { age, bytes, naturally } from "./quantities.ts";
import { type Column, plainTable } from "./table.ts";

interface Row {
  readonly host: string;
  readonly device: Device;
  readonly now: number;
}

const COLUMNS = {
  host: { heading: "HOST", cell: ({ host }) => host },
  path: { heading: "PATH", cell: ({ device }) => device.path },
  type: { heading: "TYPE", cell: ({ device }) => kindOf(device) },
  transport: { heading: "TRANSPORT", cell: ({ device }) => textOf(device.lsm_data?.["transport"]) },
  rpm: { heading: "RPM", cell: ({ device }) => textOf(device.lsm_data?.["rpm"]) },
  id: { heading: "DEVICE ID", cell: ({ device }) => device.device_id ?? "" },
  size: { heading: "SIZE", cell: ({ device }) => bytes(Number(device.sys_api?.["size"] ?? 0)), right: true },
  health: { heading: "HEALTH", cell: ({ device }) => textOf(device.lsm_data?.["health"]) },
  ident: { heading: "IDENT", cell: ({ device }) => light(device, "IDENTstatus") },
  fault: { heading: "FAULT", cell: ({ device }) => light(device, "FAILstatus") },
  available: { heading: "AVAILABLE", cell: ({ device }) => (device.available === true ? "Yes" : "No") },
  refreshed: {
    heading: "REFRESHED",
    cell: ({ device, now }) => age(device.created ?? new Date(now).toISOString(), now, " ago"),
  },
  reasons: { heading: "REJECT REASONS", cell: ({ device }) => (device.rejected_reasons ?? []).join(", ") },
} satisfies Record<string, Column<Row>>;

const { host, path, type, transport, rpm, id, size, health, ident, fault, available, refreshed, reasons } = COLUMNS;
const NARROW: readonly Column<Row>[] = [host, path, type, id, size, available, refreshed, reasons];
const WIDE: readonly Column<Row>[] = [
  host,
  path,
  type,
  transport,
  rpm,
  id,
  size,
  health,
  ident,
  fault,
  available,
  refreshed,
  reasons,
];

const REMOVALS: readonly Column<OsdRemovalStatus>[] = [
  { heading: "OSD", cell: ({ osd_id }) => String(osd_id) },
  { heading: "HOST", cell: ({ hostname }) => hostname ?? "None" },
  { heading: "STATE", cell: ({ drain_status }) => drain_status ?? "None" },
  { heading: "PGS", cell: ({ pg_count }) => String(pg_count ?? "None"), right: true },
  { heading: "REPLACE", cell: ({ replace }) => pythonBoolean(replace) },
  { heading: "FORCE", cell: ({ force }) => pythonBoolean(force) },
  { heading: "ZAP", cell: ({ zap }) => pythonBoolean(zap) },
  { heading: "DRAIN STARTED AT", cell: ({ drain_started_at }) => drain_started_at ?? "" },
];

const FORMAT = "[--format=plain|json|json-pretty|yaml]";

export const DEVICE_COMMANDS: readonly OrchCommand[] = [
  command(
    "device ls",
    `[hostname...] ${FORMAT} [--refresh] [--wide] [--summary]`,
    "List devices on a host",
    listDevices,
  ),
  command("device zap", "hostname path [--force]", "Zap (erase!) a device so it can be re-used", async (args, orch) => {
    if (!args.flag("force")) throw new OrchestratorError("must pass --force to PERMANENTLY ERASE DEVICE DATA");
    return resultText(await orch.call("zap_device", { host: args.text("hostname"), path: args.text("path") }));
  }),
  oneCall(
    "device replace",
    "hostname device [--clear] [--yes-i-really-mean-it]",
    "Perform all required operations in order to replace a device",
    "replace_device",
  ),
  command(
    "daemon add osd",
    "[svc_arg] [--method=raw|lvm] [--skip-validation]",
    "Create OSD daemon(s) on specified host and device(s) (e.g., ceph orch daemon add osd myhost:/dev/sdb)",
    addOsd,
  ),
  oneCall("osd rm stop", "osd_id...", "Cancel ongoing OSD removal operation", "stop_remove_osds", {
    osd_id: "osd_ids",
  }),
  command("osd rm status", FORMAT, "Status of OSD removal operation", async (args, orch) => {
    const report = await orch.call<OsdRemovalStatus[]>("remove_osds_status");
    if (report.length === 0) return "No OSD remove/replace operations reported";
    const format = args.optional("format") ?? "plain";
    if (format !== "plain") return formatted(report, format);
    return plainTable(
      REMOVALS,
      report.toSorted((a, b) => a.osd_id - b.osd_id),
    );
  }),
  oneCall("osd rm", "osd_id... [--replace] [--force] [--zap] [--no-destroy]", "Remove OSD daemons", "remove_osds", {
    osd_id: "osd_ids",
  }),
  oneCall("osd set-spec-affinity", "service_name osd_id...", "Set service spec affinity for osd", "set_osd_spec", {
    osd_id: "osd_ids",
  }),
];

async function listDevices(args: Arguments, orch: Orch): Promise<string> {
  const named = args.list("hostname");
  const host_filter = named.length === 0 ? null : { hosts: named, labels: null };
  const hosts = await orch.call<InventoryHost[]>("get_inventory", { host_filter, refresh: args.flag("refresh") });
  const format = args.optional("format") ?? "plain";
  if (format !== "plain") return formatted(hosts, format);
  const rows = hosts
    .toSorted((a, b) => naturally(a.name, b.name))
    .flatMap(({ name, devices }) =>
      devices.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map((device) => ({ host: name, device, now: orch.now })),
    );
  const table = plainTable(args.flag("wide") ? WIDE : NARROW, rows);
  return args.flag("summary") ? `${table}\n${summary(hosts.length, rows)}` : table;
}

function summary(hosts: number, rows: readonly Row[]): string {
  const counts = new Map([
    ["hdd", 0],
    ["ssd", 0],
  ]);
  for (const { device } of rows) counts.set(kindOf(device), (counts.get(kindOf(device)) ?? 0) + 1);
  const kinds = [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, count]) => `${count} ${kind.toUpperCase()}`);
  return `${hosts} host(s), ${kinds.join(", ")}, ${rows.filter(({ device }) => device.available === true).length} available`;
}

const OSD_USAGE = `
Usage:
  ceph orch daemon add osd host:device1,device2,...
  ceph orch daemon add osd host:data_devices=device1,device2,db_devices=device3,osds_per_device=2[,encrypted=false]
  ceph orch daemon add osd host:data_devices=device1[,encrypted=true,tpm2=true]
`;

const SELECTIONS = ["data_devices", "db_devices", "wal_devices", "journal_devices"];

async function addOsd(args: Arguments, orch: Orch): Promise<string> {
  const given = args.optional("svc_arg");
  if (given === undefined) throw new ValidationError(OSD_USAGE);
  const parts = given.split(":");
  const [hostname = "", devices = ""] = parts;
  if (parts.length !== 2) throw new ValidationError(`Invalid 'host:device' spec: '${given}'${OSD_USAGE}`);
  const method = args.optional("method");
  const drive_group = {
    service_type: "osd",
    service_name: "osd",
    placement: { host_pattern: hostname },
    spec: { ...selectionsOf(devices, given), ...(method === undefined ? {} : { method }) },
  };
  return resultText(await orch.call("create_osds", { drive_group, skip_validation: args.flag("skip-validation") }));
}

/** `/dev/sdb,/dev/sdc` or `data_devices=/dev/sdb,db_devices=/dev/sdc,encrypted=true`. */
function selectionsOf(devices: string, given: string): Record<string, unknown> {
  const paths = new Map<string, string[]>([["data_devices", []]]);
  const others: [string, unknown][] = [];
  let selection = "data_devices";
  for (const part of devices.split(",")) {
    const [, name, value = ""] = /^([a-z_0-9]+)=(.*)$/.exec(part) ?? [];
    if (name === undefined) paths.get(selection)?.push(part);
    else if (SELECTIONS.includes(name)) {
      selection = name;
      paths.set(name, [value]);
    } else others.push([name, optionValue(value)]);
  }
  if ((paths.get("data_devices") ?? []).join("") === "")
    throw new ValidationError(`Invalid 'host:device' spec: '${given}': no data device${OSD_USAGE}`);
  return Object.fromEntries([
    ...[...paths].map(([name, list]): [string, unknown] => [name, { paths: list }]),
    ...others,
  ]);
}

function optionValue(value: string): unknown {
  if (/^(?:true|false)$/i.test(value)) return value.toLowerCase() === "true";
  return /^\d+$/.test(value) ? Number(value) : value;
}

function kindOf({ sys_api: facts, human_readable_type: said }: Device): string {
  const rotational = facts?.["rotational"];
  if (rotational === undefined) return said ?? "unknown";
  return rotational === "1" || rotational === 1 || rotational === true ? "hdd" : "ssd";
}

function light({ lsm_data: facts }: Device, name: string): string {
  const support = facts?.["ledSupport"];
  const status = typeof support === "object" && support !== null && !Array.isArray(support) ? support[name] : undefined;
  return status === "On" || status === "Off" ? status : "N/A";
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function pythonBoolean(value: boolean | undefined): string {
  return value === undefined ? "None" : value ? "True" : "False";
}
