/** What a spec may say and this backend does not do: refused, because it would be passed over without a word. */
import { isIP } from "node:net";

import { type AnySpec, placedHost, type ServiceSpec, serviceName, ValidationError } from "../../../index.ts";
import { isDaemonPart, LONGEST_SERVICE_ID } from "./names.ts";
import { unbracketed } from "./networks.ts";

const NO_INGRESS = "it is of an ingress service, which needs containers; leave it out";

/** By type and field, what to do instead. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  mon: { crush_locations: "'ceph mon set_location NAME BUCKET=NAME' says where a monitor is" },
  nfs: {
    virtual_ip: NO_INGRESS,
    enable_haproxy_protocol: NO_INGRESS,
    idmap_conf: "write it into the host's /etc/idmapd.conf",
  },
  rgw: {
    zonegroup_hostnames: "'radosgw-admin zonegroup set' takes them",
    update_endpoints: "'radosgw-admin zone modify --endpoints' writes them",
    zone_endpoints: "'radosgw-admin zone modify --endpoints' writes them",
    data_pool_attributes: "make the zone's data pool by 'ceph osd pool create' before",
    only_bind_port_on_networks: 'name the address: placement.hosts ["HOST:ADDRESS"]',
    wildcard_enabled: "no certificates are made here; leave it out",
  },
};

/** Containers have these, programs of the host have not. */
const OF_CONTAINERS = ["extra_container_args", "custom_configs", "extra_entrypoint_args"] as const;

/** Throws ValidationError for the first field that would be passed over. */
export function checkFields(spec: ServiceSpec, hostname: string): void {
  const name = serviceName(spec);
  for (const [field, instead] of Object.entries(FIELDS[spec.service_type] ?? {}))
    if (isGiven(spec.spec, field))
      throw new ValidationError(`${name}: spec.${field} is not supported by the local backend: ${instead}`);
  // Which of a host's addresses lie in a network the agent does not tell.
  if (isGiven(spec, "networks"))
    throw new ValidationError(
      `${name}: networks are not supported by the local backend; name the address: placement.hosts ["${hostname}:ADDRESS"]`,
    );
  for (const field of OF_CONTAINERS)
    if (isGiven(spec, field))
      throw new ValidationError(
        `${name}: ${field} is not supported by the local backend, which runs programs of the host; leave it out`,
      );
}

/** Throws ValidationError where the placement of a host names what is no address, or what is no name for a daemon. */
export function checkPlaced(spec: AnySpec): void {
  for (const text of spec.placement?.hosts ?? []) {
    const { network, name } = placedHost(text);
    const at = `${serviceName(spec)}: placement.hosts ${JSON.stringify(text)}`;
    if (network !== "" && isIP(unbracketed(network)) === 0)
      throw new ValidationError(
        `${at}: expected an IP address after the colon, as networks and ports are not supported, got ${JSON.stringify(network)}`,
      );
    if (name !== "" && !isDaemonPart(name))
      throw new ValidationError(
        `${at}: expected a name of at most ${LONGEST_SERVICE_ID} letters, digits, dots, dashes and underscores, got ${JSON.stringify(name)}`,
      );
  }
}

/** Ceph writes the fields of some specs with their defaults, which ask for nothing. */
function isGiven(fields: object | undefined, field: string): boolean {
  const value: unknown = fields === undefined ? undefined : Reflect.get(fields, field);
  if (value === undefined || value === null || value === false || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
