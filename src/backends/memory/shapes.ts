/** Ceph's own JSON shapes, as the options take them: the state that a cluster starts with. */
import { z } from "zod";
import type {
  DaemonDescription,
  Device,
  HostSpec,
  InventoryHost,
  Json,
  PlacementSpec,
  ServiceSpec,
} from "../../index.ts";

const text = z.string();
const texts = z.array(text);
const time = z.iso.datetime();
const port = z.int().min(0).max(65_535);
const json: z.ZodType<Json> = z.json();
const record = z.record(text, json);

export const host: z.ZodType<HostSpec> = z
  .strictObject({
    service_type: z.literal("host").exactOptional().describe("Always host; may be left out."),
    hostname: text.min(1).describe("The host's name."),
    addr: text.exactOptional().describe("Its address; the name when left out."),
    labels: texts.exactOptional().describe("Its labels."),
    status: z.enum(["", "maintenance", "offline"]).exactOptional().describe("Nothing, maintenance or offline."),
    location: z.record(text, text).exactOptional().describe("Where it stands in the CRUSH map."),
    oob: z.record(text, text).exactOptional().describe("How its management board is reached."),
  })
  .describe("A host, as in `ceph orch host ls --format json`.");

const device: z.ZodType<Device> = z
  .strictObject({
    path: text.min(1).describe("Path on the host, such as /dev/sdb."),
    available: z.boolean().nullable().exactOptional().describe("True when an OSD can be made of it."),
    rejected_reasons: texts.exactOptional().describe("Why it is not available."),
    sys_api: record.exactOptional().describe("What the system says: size in bytes, rotational, vendor, model."),
    lvs: z.array(record).nullable().exactOptional().describe("Its logical volumes; osd_id in one says whose it is."),
    device_id: text.nullable().exactOptional().describe("Vendor, model and serial number."),
    lsm_data: record.exactOptional().describe("What libstoragemgmt says, its lights for one."),
    created: time.nullable().exactOptional().describe("When this was found out."),
    human_readable_type: z.enum(["hdd", "ssd", "unknown"]).exactOptional().describe("Kind of device."),
    ceph_device: z.boolean().nullable().exactOptional().describe("True when Ceph uses it; until Reef."),
    ceph_device_lvm: z.boolean().nullable().exactOptional().describe("True when Ceph uses it; since Tentacle."),
    crush_device_class: text.nullable().exactOptional().describe("Device class of its OSDs."),
    being_replaced: z.boolean().nullable().exactOptional().describe("True while it waits to be replaced."),
  })
  .describe("A device, as in `ceph orch device ls --format json`.");

export const inventoryHost: z.ZodType<InventoryHost> = z
  .strictObject({
    name: text.min(1).describe("The host's name; a host not listed under `hosts` is added."),
    addr: text.exactOptional().describe("Its address."),
    labels: texts.exactOptional().describe("Its labels."),
    devices: z.array(device).describe("Its devices."),
  })
  .describe("A host with its devices, as in `ceph orch device ls --format json`.");

export const daemon: z.ZodType<DaemonDescription> = z
  .strictObject({
    daemon_type: text.min(1).describe("Such as mon, osd or haproxy."),
    daemon_id: text.min(1).describe("The part of its name after the type."),
    daemon_name: text.exactOptional().describe("Type and id; made of these two."),
    hostname: text.min(1).describe("The host it runs on; has to be one of the hosts."),
    service_name: text.exactOptional().describe("The service it belongs to; found out from its name when left out."),
    status: z
      .literal([-2, -1, 0, 1, 2])
      .exactOptional()
      .describe("-2 unknown, -1 error, 0 stopped, 1 running, 2 starting."),
    status_desc: text.exactOptional().describe("The status in a word."),
    container_id: text.exactOptional().describe("Id of its container."),
    container_image_id: text.exactOptional().describe("Id of its image."),
    container_image_name: text.exactOptional().describe("Name of its image."),
    container_image_digests: texts.exactOptional().describe("Digests of its image."),
    version: text.exactOptional().describe("Version of its software."),
    memory_usage: z.int().min(0).exactOptional().describe("In bytes."),
    memory_request: z.int().min(0).exactOptional().describe("In bytes."),
    memory_limit: z.int().min(0).exactOptional().describe("In bytes."),
    cpu_percentage: text.exactOptional().describe("With its sign, such as 1.5%."),
    osdspec_affinity: text.exactOptional().describe("The drive group that made an OSD."),
    is_active: z.boolean().exactOptional().describe("True for the active one, where one of several is."),
    ports: z.array(port).exactOptional().describe("The ports it listens on."),
    ip: text.exactOptional().describe("The address it listens on."),
    rank: z.int().exactOptional().describe("Its rank, where daemons of the service have one."),
    rank_generation: z.int().exactOptional().describe("Counts the daemons that had this rank."),
    deployed_by: texts.exactOptional().describe("Digests of the images of the mgr that deployed it."),
    systemd_unit: text.exactOptional().describe("Its unit."),
    pending_daemon_config: z
      .boolean()
      .exactOptional()
      .describe("True while a changed configuration waits to be applied."),
    extra_container_args: texts.exactOptional().describe("More arguments for the container engine."),
    extra_entrypoint_args: texts.exactOptional().describe("More arguments for the daemon."),
    last_refresh: time.exactOptional().describe("When this was found out."),
    created: time.exactOptional().describe("When it was made."),
    started: time.exactOptional().describe("When it was started."),
    last_deployed: time.exactOptional().describe("When it was deployed last."),
    last_configured: time.exactOptional().describe("When it was configured last."),
    events: texts.exactOptional().describe("What happened to it."),
  })
  .describe("A daemon, as in `ceph orch ps --format json`.");

const placement: z.ZodType<PlacementSpec> = z.strictObject({
  label: text.exactOptional().describe("Hosts with this label."),
  hosts: texts.exactOptional().describe("These hosts, as HOST:NETWORK=NAME."),
  count: z.int().min(1).exactOptional().describe("So many daemons."),
  count_per_host: z.int().min(1).exactOptional().describe("So many daemons on each host."),
  host_pattern: z
    .union([text, z.strictObject({ pattern: text, pattern_type: z.enum(["fnmatch", "regex"]).exactOptional() })])
    .exactOptional()
    .describe("Hosts whose names match."),
});

export const service = z
  .strictObject({
    service_type: text.min(1).describe("Such as mds or node-exporter."),
    service_id: text.exactOptional().describe("The part of its name after the type."),
    service_name: text.exactOptional().describe("Type and id; made of these two."),
    placement: placement.exactOptional().describe("Where its daemons go."),
    unmanaged: z.boolean().exactOptional().describe("True when its daemons are to be left alone."),
    networks: texts.exactOptional().describe("Networks that its daemons listen on."),
    extra_container_args: texts.exactOptional().describe("More arguments for the container engine."),
    extra_entrypoint_args: texts.exactOptional().describe("More arguments for the daemon."),
    custom_configs: z.array(record).exactOptional().describe("Files to put into its containers."),
    spec: record.exactOptional().describe("The fields of its type."),
    status: record
      .exactOptional()
      .describe("Taken, so that `ceph orch ls` output can be used as it is; what the daemons are doing decides."),
    events: texts.exactOptional().describe("Taken for the same reason, and left out."),
  })
  .describe("A service, as in `ceph orch ls --format json` or `--export`.")
  // What `spec` may hold depends on the type; the bridge checks that when the service is described.
  .transform(({ status: _status, events: _events, ...spec }) => spec as unknown as ServiceSpec);
