/** `orch host …` */

import type { HostSpec } from "../../../orchestrator/generated/types.ts";
import { command, type OrchCommand, oneCall, resultText } from "./command.ts";
import { formatted } from "./formats.ts";
import { matching } from "./placement.ts";
import { naturally } from "./quantities.ts";
import { type Column, plainTable } from "./table.ts";

const COLUMNS: readonly Column<HostSpec>[] = [
  { heading: "HOST", cell: ({ hostname }) => hostname },
  { heading: "ADDR", cell: ({ hostname, addr }) => addr ?? hostname },
  { heading: "LABELS", cell: ({ labels = [] }) => labels.join(",") },
  { heading: "STATUS", cell: ({ status = "" }) => status.charAt(0).toUpperCase() + status.slice(1).toLowerCase() },
];

export const HOST_COMMANDS: readonly OrchCommand[] = [
  command("host add", "hostname [addr] [labels...] [--maintenance]", "Add a host", async (args, orch) => {
    const hostname = args.text("hostname");
    const labels = args.list("labels");
    const spec = {
      service_type: "host",
      hostname,
      addr: (args.optional("addr") ?? hostname).replace(/^\[(.*)\]$/, "$1"),
      labels: labels.length === 1 ? (labels[0] ?? "").split(",") : labels,
      status: args.flag("maintenance") ? "maintenance" : "",
    };
    return resultText(await orch.call("apply", { specs: [spec] }));
  }),
  oneCall("host rm", "hostname [--force] [--offline] [--rm-crush-entry]", "Remove a host", "remove_host", {
    hostname: "host",
  }),
  oneCall("host drain stop", "hostname", "Stop draining a host", "stop_drain_host"),
  oneCall(
    "host drain",
    "hostname [--force] [--keep-conf-keyring] [--zap-osd-devices]",
    "drain all daemons from a host",
    "drain_host",
  ),
  oneCall("host set-addr", "hostname addr", "Update a host address", "update_host_addr", { hostname: "host" }),
  command(
    "host ls",
    "[--format=plain|json|json-pretty|yaml] [--host_pattern=text] [--label=text] [--host_status=text]",
    "List high level host information",
    async (args, orch) => {
      const [pattern = "", label = "", status = ""] = ["host_pattern", "label", "host_status"].map((name) =>
        args.optional(name),
      );
      let hosts = await orch.call<HostSpec[]>("get_hosts");
      if (label !== "") hosts = hosts.filter(({ labels = [] }) => labels.includes(label));
      if (pattern !== "") hosts = matching(hosts, pattern);
      if (status !== "") hosts = hosts.filter((host) => (host.status ?? "").toLowerCase() === status);
      const format = args.optional("format") ?? "plain";
      if (format !== "plain") return formatted(hosts.map(whole), format);
      const rows = hosts.toSorted((a, b) => naturally(a.hostname, b.hostname));
      return [
        `${plainTable(COLUMNS, rows)}\n${hosts.length} hosts in cluster`,
        label === "" ? "" : ` who had label ${label}`,
        pattern === "" ? "" : ` whose hostname matched ${pattern}`,
        status === "" ? "" : ` with status ${status}`,
      ].join("");
    },
  ),
  oneCall("host label add", "hostname label", "Add a host label", "add_host_label", { hostname: "host" }),
  oneCall("host label rm", "hostname label [--force]", "Remove a host label", "remove_host_label", {
    hostname: "host",
  }),
  oneCall(
    "host ok-to-stop",
    "hostname",
    "Check if the specified host can be safely stopped without reducing availability",
    "host_ok_to_stop",
  ),
  oneCall(
    "host maintenance enter",
    "hostname [--force] [--yes-i-really-mean-it]",
    "Prepare a host for maintenance by shutting down and disabling all Ceph daemons",
    "enter_host_maintenance",
  ),
  oneCall(
    "host maintenance exit",
    "hostname [--force] [--offline]",
    "Return a host from maintenance, restarting all Ceph daemons",
    "exit_host_maintenance",
  ),
  command("host rescan", "hostname [--with-summary]", "Perform a disk rescan on a host", async (args, orch) => {
    const text = resultText(await orch.call("rescan_host", { hostname: args.text("hostname") }));
    return args.flag("with-summary") ? text : (text.split(".", 1)[0] ?? "");
  }),
];

/** With what Ceph's class fills in, and in its order. */
function whole(host: HostSpec): object {
  const { hostname, addr = hostname, labels = [], status = "", location, oob } = host;
  return { addr, hostname, labels, location, oob, status };
}
