/** `orch ps` and `orch daemon …` */

import { OrchestratorError, ValidationError } from "../../../orchestrator/errors.ts";
import type { DaemonDescription } from "../../../orchestrator/generated/types.ts";
import { serviceOf } from "../../../orchestrator/service-types.ts";
import type { Arguments } from "./arguments.ts";
import { command, type Orch, type OrchCommand, resultText } from "./command.ts";
import { formatted } from "./formats.ts";
import { placementOf } from "./placement.ts";
import { age, bytesOrDash, naturally } from "./quantities.ts";
import { serviceSpec, specsIn } from "./specs.ts";
import { type Column, plainTable } from "./table.ts";

interface Row {
  readonly daemon: DaemonDescription;
  readonly now: number;
}

const UNKNOWN = "<unknown>";

const COLUMNS: readonly Column<Row>[] = [
  { heading: "NAME", cell: ({ daemon }) => nameOf(daemon) },
  { heading: "HOST", cell: ({ daemon }) => daemon.hostname ?? UNKNOWN },
  {
    heading: "PORTS",
    cell: ({ daemon: { ports = [], ip } }) => (ports.length === 0 ? "" : `${ip ?? "*"}:${ports.join(",")}`),
  },
  { heading: "STATUS", cell: ({ daemon, now }) => statusOf(daemon, now) },
  { heading: "REFRESHED", cell: ({ daemon, now }) => age(daemon.last_refresh, now, " ago"), right: true },
  { heading: "AGE", cell: ({ daemon, now }) => age(daemon.created, now), right: true },
  { heading: "MEM USE", cell: ({ daemon }) => bytesOrDash(daemon.memory_usage), right: true },
  { heading: "MEM LIM", cell: ({ daemon }) => bytesOrDash(daemon.memory_request), right: true },
  { heading: "VERSION", cell: ({ daemon }) => daemon.version ?? UNKNOWN },
  { heading: "IMAGE ID", cell: ({ daemon }) => (daemon.container_image_id ?? UNKNOWN).slice(0, 12) },
];

const CONTAINER: Column<Row> = { heading: "CONTAINER ID", cell: ({ daemon }) => daemon.container_id ?? UNKNOWN };

const STATUS_WORDS: Readonly<Record<string, string>> = {
  "-2": "unknown",
  "-1": "error",
  "0": "stopped",
  "1": "running",
  "2": "starting",
};

/** What `--sort-by` compares. */
const SORTS: Readonly<Record<string, (daemon: DaemonDescription) => string>> = {
  name: nameOf,
  host: ({ hostname }) => hostname ?? "",
  status: ({ status }) => String(status ?? ""),
  refreshed: ({ last_refresh }) => last_refresh ?? "",
  age: ({ created }) => created ?? "",
  mem_use: ({ memory_usage }) => String(memory_usage ?? ""),
  mem_lim: ({ memory_request }) => String(memory_request ?? ""),
  image: ({ container_image_id }) => container_image_id ?? "",
  daemon_type: ({ daemon_type }) => daemon_type,
  service_name: serviceOf,
};

const ACTIONS = "start|stop|restart|reconfig";
const FORCED = ["osd", "mon", "prometheus"];
const EPERM = 1;

export const DAEMON_COMMANDS: readonly OrchCommand[] = [
  command(
    "ps",
    `[hostname] [--service_name=text] [--daemon_type=text] [--daemon_id=text] [--sort_by=${Object.keys(SORTS).join("|")}] [--format=plain|json|json-pretty|yaml] [--refresh]`,
    "List daemons known to orchestrator",
    listDaemons,
  ),
  command("daemon add mds", "fs_name [placement]", "Start MDS daemon(s)", (args, orch) =>
    addDaemon(orch, { service_type: "mds", service_id: args.text("fs_name"), placement: given(args) }),
  ),
  command("daemon add rgw", "svc_id [placement] [--port=integer] [--ssl]", "Start RGW daemon(s)", (args, orch) =>
    addDaemon(orch, {
      service_type: "rgw",
      service_id: args.text("svc_id"),
      placement: given(args),
      rgw_frontend_port: args.integer("port"),
      ssl: args.flag("ssl") ? true : undefined,
    }),
  ),
  command("daemon add nfs", "svc_id [placement]", "Start NFS daemon(s)", (args, orch) =>
    addDaemon(orch, { service_type: "nfs", service_id: args.text("svc_id"), placement: given(args) }),
  ),
  command("daemon add", "[daemon_type] [placement] [-in-file=text]", "Add daemon(s)", async (args, orch) => {
    const [type, file] = [args.optional("daemon_type"), args.optional("in-file")];
    if (file !== undefined && type === undefined) {
      const [spec] = specsIn(orch.readFile(file), false);
      return resultText(await orch.call("add_daemon", { spec }));
    }
    if (type === undefined || !args.has("placement") || file !== undefined) {
      throw new ValidationError(`Usage:
    ceph orch daemon add -i <json_file>
    ceph orch daemon add ${type ?? "<daemon_type>"} <placement>`);
    }
    return addDaemon(orch, { service_type: type, placement: given(args) });
  }),
  command("daemon redeploy", "name [image]", "Redeploy a daemon (with a specific image)", (args, orch) =>
    act(orch, { action: "redeploy", daemon_name: args.text("name"), image: args.optional("image") ?? null }),
  ),
  command("daemon rm", "names... [--force]", "Remove specific daemon(s)", async (args, orch) => {
    const names = args.list("names");
    for (const name of names) {
      if (!name.includes(".")) throw new ValidationError(`${name} is not a valid daemon name`);
      if (!args.flag("force") && FORCED.includes(name.split(".", 1)[0] ?? "")) {
        throw new OrchestratorError(`must pass --force to REMOVE daemon with potentially PRECIOUS DATA for ${name}`, {
          errno: EPERM,
        });
      }
    }
    return resultText(await orch.call("remove_daemons", { names }));
  }),
  command(
    "daemon",
    `action=${ACTIONS} name [--force]`,
    "Start, stop, restart, redeploy or reconfig for a specific daemon",
    (args, orch) =>
      act(orch, { action: args.text("action"), daemon_name: args.text("name"), force: args.flag("force") }),
  ),
];

async function listDaemons(args: Arguments, orch: Orch): Promise<string> {
  const daemons = await orch.call<DaemonDescription[]>("list_daemons", {
    service_name: args.optional("service_name") ?? null,
    daemon_type: args.optional("daemon_type") ?? null,
    daemon_id: args.optional("daemon_id") ?? null,
    host: args.optional("hostname") ?? null,
    refresh: args.flag("refresh"),
  });
  const format = args.optional("format") ?? "plain";
  if (format !== "plain") return formatted(daemons, format);
  if (daemons.length === 0) return "No daemons reported";
  const key = SORTS[args.optional("sort_by") ?? "name"] ?? nameOf;
  const rows = daemons.toSorted((a, b) => naturally(key(a), key(b))).map((daemon) => ({ daemon, now: orch.now }));
  const inContainers = daemons.some(({ container_id }) => container_id !== undefined);
  return plainTable(inContainers ? [...COLUMNS, CONTAINER] : COLUMNS, rows);
}

function nameOf({ daemon_type: type, daemon_id: id }: DaemonDescription): string {
  return `${type}.${id}`;
}

function statusOf({ status, status_desc: said = "", started }: DaemonDescription, now: number): string {
  const word = said === "" ? (STATUS_WORDS[String(status ?? -2)] ?? UNKNOWN) : said;
  return status === 1 && started !== undefined ? `${word} (${age(started, now)})` : word;
}

function given(args: Arguments): object {
  return placementOf(args.optional("placement"));
}

async function addDaemon(orch: Orch, fields: Record<string, unknown>): Promise<string> {
  return resultText(await orch.call("add_daemon", { spec: serviceSpec(fields) }));
}

async function act(
  orch: Orch,
  params: { action: string; daemon_name: string; image?: string | null; force?: boolean },
): Promise<string> {
  if (!params.daemon_name.includes("."))
    throw new OrchestratorError(`${params.daemon_name} is not a valid daemon name`);
  return resultText(await orch.call("daemon_action", params));
}
