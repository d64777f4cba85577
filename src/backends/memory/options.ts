/** The options of the memory backend. */
import { z } from "zod";
import { FAULTS } from "./faults.ts";
import { daemon, host, inventoryHost, service } from "./shapes.ts";

const milliseconds = z.int().min(0).max(3_600_000).default(0);
const count = z.int().min(0).max(1_000).default(0);

export const memoryOptions = z
  .strictObject({
    hosts: z.array(host).default([]).describe("The hosts at the start, as HostSpec."),
    inventory: z.array(inventoryHost).default([]).describe("The devices at the start, as InventoryHost, host by host."),
    daemons: z.array(daemon).default([]).describe("The daemons at the start, as DaemonDescription."),
    services: z
      .array(service)
      .default([])
      .describe("The services at the start, as ServiceSpec or ServiceDescription; the daemons they lack are made."),
    generate: z
      .strictObject({
        hosts: count.describe("So many hosts beside those listed, h1, h2, …"),
        devices_per_host: count.describe(
          "So many devices on each host that `inventory` does not list, also on hosts added later.",
        ),
        daemons_per_host: count.describe("So many daemons on each generated host: crash, node-exporter, then OSDs."),
      })
      .prefault({})
      .describe("Made-up state, the same at every start."),
    delays: z
      .strictObject({
        read_ms: milliseconds.describe("How long a read takes."),
        persist_ms: milliseconds.describe("How long a write takes until it is persistent."),
        effective_ms: milliseconds.describe("How long it then takes until it is effective."),
      })
      .prefault({})
      .describe("How long calls take, in milliseconds."),
    faults: z
      .record(z.string(), z.enum(FAULTS))
      .default({})
      .describe(
        "Methods that misbehave: throw (a bug), hang (until cancelled), exit (the process ends), block (the event loop stands), " +
          "nonsense (an answer of the wrong shape), print (writes to stdout, then works), fail (the second stage fails).",
      ),
  })
  .superRefine((options, context) => {
    const names = options.hosts.map(({ hostname }) => hostname);
    refuseTwice(context, ["hosts"], "hostname", names);
    refuseTwice(
      context,
      ["inventory"],
      "name",
      options.inventory.map(({ name }) => name),
    );
    refuseTwice(
      context,
      ["daemons"],
      "daemon_id",
      options.daemons.map(({ daemon_type, daemon_id }) => `${daemon_type}.${daemon_id}`),
    );
  });

export type MemoryOptions = z.output<typeof memoryOptions>;

function refuseTwice(context: z.RefinementCtx, path: string[], field: string, names: readonly string[]): void {
  names.forEach((name, index) => {
    if (names.indexOf(name) < index)
      context.addIssue({ code: "custom", path: [...path, index, field], message: `${name} is listed twice` });
  });
}
