/** Mimic to Nautilus: completions. Every classic call becomes modern backend calls, its answer goes back in the classic classes. */

import { ValidationError } from "../errors.ts";
import { type BackendMethodName, METHODS } from "../generated/methods.ts";
import type {
  ClassicDriveGroupSpec,
  ClassicInventoryFilter,
  DaemonDescription,
  DriveGroupSpec,
  HostSpec,
  InventoryHost,
  MonHost,
  OsdCreationSpec,
  StatelessServiceSpec,
  UpgradeSpec,
  UpgradeStatusSpec,
} from "../generated/types.ts";
import { classicService, driveGroup, inventoryNode, seedDriveGroup, statelessSpec } from "./classic-data.ts";
import { type Dialect, direct, type Translation, tolerableToVolumes } from "./dialect.ts";

const PREFIX = "classic/";

type Params = Record<string, unknown>;

interface Rule {
  readonly needs: BackendMethodName;
  translate(params: Params): Translation;
}

// Parameters were validated against the schema of the method before they come here, so their types hold.
const RULES: Record<string, Rule> = {
  add_host: {
    needs: "addHost",
    translate: ({ host }) => direct("addHost", { host_spec: { hostname: host } }),
  },
  remove_host: {
    needs: "removeHost",
    translate: ({ host }) => direct("removeHost", { host, force: false, offline: false, rm_crush_entry: false }),
  },
  get_hosts: {
    needs: "getHosts",
    translate: () =>
      direct("getHosts", {}, (hosts) => (hosts as HostSpec[]).map(({ hostname }) => ({ name: hostname, devices: [] }))),
  },
  get_inventory: {
    needs: "getInventory",
    translate: (params) => {
      const filter = params["node_filter"] as ClassicInventoryFilter | null;
      const hostFilter = filter === null ? null : { hosts: filter.nodes ?? null, labels: filter.labels ?? null };
      return direct("getInventory", { host_filter: hostFilter, refresh: params["refresh"] === true }, (hosts) =>
        (hosts as InventoryHost[]).map(inventoryNode),
      );
    },
  },
  describe_service: {
    needs: "listDaemons",
    translate: (params) => {
      const id = params["service_id"];
      const query = {
        service_name: null,
        daemon_type: params["service_type"],
        daemon_id: null,
        host: params["node_name"] ?? null,
        refresh: params["refresh"] === true,
      };
      return direct("listDaemons", query, (daemons) =>
        (daemons as DaemonDescription[])
          .map(classicService)
          .filter(
            ({ service, service_instance }) =>
              id === null || id === undefined || service === id || service_instance === id,
          ),
      );
    },
  },
  service_action: { needs: "serviceAction", translate: serviceAction },
  create_osds: {
    needs: "createOsds",
    translate: (params) => direct("createOsds", { drive_group: createdOsds(params), skip_validation: false }),
  },
  replace_osds: {
    needs: "replaceOsds",
    translate: (params) => direct("replaceOsds", { drive_group: createdOsds(params) }),
  },
  remove_osds: {
    needs: "removeOsds",
    translate: ({ osd_ids }) =>
      direct("removeOsds", {
        osd_ids,
        replace: false,
        replace_block: false,
        replace_db: false,
        replace_wal: false,
        force: false,
        zap: false,
        no_destroy: false,
      }),
  },
  update_mgrs: {
    needs: "applyService",
    translate: ({ num, hosts }) => applyPlacement("mgr", num as number, hosts as string[]),
  },
  update_mons: {
    needs: "applyService",
    translate: ({ num, hosts }) => applyPlacement("mon", num as number, (hosts as MonHost[]).map(hostAndNetwork)),
  },
  add_stateless_service: { needs: "applyService", translate: applyStateless },
  update_stateless_service: { needs: "applyService", translate: applyStateless },
  remove_stateless_service: {
    needs: "removeService",
    translate: ({ service_type, id_ }) => ({
      ...direct("removeService", { service_name: `${String(service_type)}.${String(id_)}`, force: false }),
      onFailure: tolerableToVolumes,
    }),
  },
  upgrade_start: {
    needs: "upgradeStart",
    translate: (params) =>
      direct("upgradeStart", {
        image: null,
        version: (params["upgrade_spec"] as UpgradeSpec).target_version ?? null,
        daemon_types: null,
        hosts: null,
        services: null,
        limit: null,
      }),
  },
  upgrade_status: {
    needs: "upgradeStatus",
    translate: () =>
      direct("upgradeStatus", {}, (status) => {
        const { in_progress, services_complete, message } = status as UpgradeStatusSpec;
        return { in_progress, services_complete: services_complete ?? [], message: message ?? "" };
      }),
  },
  upgrade_available: { needs: "upgradeAvailable", translate: () => direct("upgradeAvailable", {}) },
};

export const classic: Dialect = {
  prefix: PREFIX,
  translate(name, params) {
    const rule = RULES[name];
    if (rule === undefined) throw new Error(`${PREFIX}${name} has no translation`);
    return rule.translate(params);
  },
  needs(name) {
    if (METHODS[PREFIX + name]?.local === true) return null;
    return RULES[name]?.needs;
  },
};

/** `reload` is the classic word for what later releases call `reconfig`. */
function serviceAction(params: Params): Translation {
  const action = params["action"] === "reload" ? "reconfig" : params["action"];
  const type = String(params["service_type"]);
  const id = params["service_id"];
  if (typeof id === "string" && id !== "") {
    return direct("daemonAction", { action, daemon_name: `${type}.${id}`, image: null, force: false });
  }
  const name = (params["service_name"] ?? "") as string;
  const service_name = name === "" || name === type ? type : `${type}.${name}`;
  return direct("serviceAction", { action, service_name }, (lines) => (lines as string[]).join("\n"));
}

function applyStateless(params: Params): Translation {
  checkName(params["id_"], (params["spec"] as StatelessServiceSpec).name);
  const spec = statelessSpec(String(params["service_type"]), params["spec"] as StatelessServiceSpec);
  return { ...direct("applyService", { spec, no_overwrite: false }), onFailure: tolerableToVolumes };
}

/** Mimic says beside the spec which service is meant. */
function checkName(id: unknown, name: string): void {
  if (typeof id === "string" && id !== name)
    throw new ValidationError(`id_: expected ${name}, as spec.name is, got ${id}: a service keeps its name`);
}

function applyPlacement(service_type: "mon" | "mgr", count: number, hosts: string[]): Translation {
  const placement = { count, ...(hosts.length > 0 ? { hosts } : {}) };
  return direct("applyService", { spec: { service_type, service_name: service_type, placement }, no_overwrite: false });
}

/** Ceph's placement writes a host with its network as `host:network`. */
function hostAndNetwork({ host, network }: MonHost): string {
  return network == null || network === "" ? host : `${host}:${network}`;
}

/** Nautilus sends a drive group; the seed interface an OsdCreationSpec with one host and its devices. */
function createdOsds(params: Params): DriveGroupSpec {
  const spec = params["osd_spec"] as OsdCreationSpec | null;
  if (spec !== null) return seedDriveGroup(spec);
  const group = params["drive_group"] as ClassicDriveGroupSpec | null;
  if (group === null) throw new ValidationError("drive_group: expected a drive group, got null");
  return driveGroup(group);
}
