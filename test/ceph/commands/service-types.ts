/** Every service type of Pacific and later: how each is applied, and what Ceph says back. */
import { has, type ModernRelease } from "./start.ts";

export interface ServiceType {
  readonly type: string;
  readonly since: ModernRelease;
  /** The last release that knows it, where a later one does not. */
  readonly until?: ModernRelease;
  /** The words after `ceph orch apply`; none where Ceph takes the type from a file only. */
  readonly command?: string | { readonly [release in ModernRelease]?: string };
  /** What that command takes by `-i`. */
  readonly input?: string;
  /** The names of the services that the command makes. */
  readonly made?: readonly string[];
  /** What `orch ls --export` then shows of the first of them. */
  readonly shows?: object;
  /** The same type in a file: the lines after `service_type`. */
  readonly yaml: string;
  /** The services that the file makes; default: the type, with its service_id. */
  readonly fileMakes?: readonly string[];
  /** What `orch ls --export` shows of it. */
  readonly fileShows?: object;
}

const H1 = { placement: { hosts: ["h1"] } };
const ON_H1 = "placement:\n  hosts:\n  - h1\n";

/** A type that `ceph orch apply TYPE` knows by its name alone. */
function plain(type: string, since: ModernRelease = "pacific", extra: Partial<ServiceType> = {}): ServiceType {
  return {
    type,
    since,
    command: `${type} h1`,
    shows: { service_type: type, ...H1 },
    yaml: ON_H1,
    fileShows: H1,
    ...extra,
  };
}

function fromFile(type: string, since: ModernRelease, yaml: string, fileShows: object): ServiceType {
  return { type, since, yaml, fileShows };
}

const SNMP = {
  snmp_version: "V2c",
  snmp_destination: "192.168.122.1:162",
  credentials: { snmp_community: "public" },
};

const TYPES: readonly ServiceType[] = [
  plain("mon", "pacific", { command: "mon --placement=count:3", shows: { placement: { count: 3 } } }),
  plain("mgr", "pacific", { command: "mgr 2", shows: { placement: { count: 2 } } }),
  plain("rbd-mirror"),
  plain("cephfs-mirror"),
  plain("crash", "pacific", { command: "crash *", shows: { placement: { host_pattern: "*" } } }),
  plain("alertmanager", "pacific", { yaml: `${ON_H1}spec:\n  port: 9193\n`, fileShows: { spec: { port: 9193 } } }),
  plain("grafana", "pacific", {
    yaml: `${ON_H1}spec:\n  initial_admin_password: secret\n`,
    fileShows: { spec: { initial_admin_password: "secret" } },
  }),
  plain("node-exporter", "pacific", { yaml: "unmanaged: true\n", fileShows: { unmanaged: true } }),
  plain("prometheus", "pacific", {
    yaml: `${ON_H1}networks:\n- 10.1.0.0/16\n`,
    fileShows: { networks: ["10.1.0.0/16"] },
  }),
  plain("cephadm-exporter", "pacific", { until: "pacific" }),
  plain("ceph-exporter", "reef"),
  plain("loki", "reef"),
  plain("promtail", "reef"),
  plain("elasticsearch", "reef"),
  plain("jaeger-agent", "reef"),
  plain("jaeger-collector", "reef", {
    yaml: `${ON_H1}spec:\n  es_nodes: 10.1.1.3:9200\n`,
    fileShows: { spec: { es_nodes: "10.1.1.3:9200" } },
  }),
  plain("jaeger-query", "reef"),
  {
    type: "jaeger-tracing",
    since: "reef",
    command: "jaeger --without_query --placement=h2",
    made: ["elasticsearch", "jaeger-agent", "jaeger-collector"],
    yaml: "spec:\n  es_nodes: 10.1.1.3:9200\n",
    fileMakes: ["jaeger-collector", "jaeger-query", "jaeger-agent"],
    fileShows: { spec: { es_nodes: "10.1.1.3:9200" } },
  },
  {
    type: "mds",
    since: "pacific",
    command: "mds fs1 --placement=h1,h2",
    made: ["mds.fs1"],
    shows: { service_id: "fs1", placement: { hosts: ["h1", "h2"] } },
    yaml: "service_id: fs1\nplacement:\n  count: 1\n",
    fileShows: { placement: { count: 1 } },
  },
  {
    type: "rgw",
    since: "pacific",
    command: "rgw site1 h1 --realm=gold --zone=east --port=8080 --networks=10.1.0.0/16",
    made: ["rgw.site1"],
    shows: { ...H1, networks: ["10.1.0.0/16"], spec: { rgw_realm: "gold", rgw_zone: "east", rgw_frontend_port: 8080 } },
    yaml: "service_id: site1\nplacement:\n  label: _admin\n  count_per_host: 2\nspec:\n  rgw_frontend_port: 8000\n  ssl: true\n",
    fileShows: { placement: { label: "_admin", count_per_host: 2 }, spec: { rgw_frontend_port: 8000, ssl: true } },
  },
  {
    type: "nfs",
    since: "pacific",
    command: "nfs share h1 --port=12049",
    made: ["nfs.share"],
    shows: { ...H1, spec: { port: 12049 } },
    yaml: `service_id: share\n${ON_H1}spec:\n  port: 2050\n`,
    fileShows: { spec: { port: 2050 } },
  },
  {
    type: "iscsi",
    since: "pacific",
    command: "iscsi pool1 admin sesame 10.1.1.1,10.1.1.2 h1",
    made: ["iscsi.pool1"],
    shows: {
      ...H1,
      spec: { pool: "pool1", api_user: "admin", api_password: "sesame", trusted_ip_list: "10.1.1.1,10.1.1.2" },
    },
    yaml: `service_id: pool1\n${ON_H1}spec:\n  pool: pool1\n  api_user: me\n  api_password: secret\n`,
    fileShows: { spec: { pool: "pool1", api_user: "me", api_password: "secret" } },
  },
  {
    type: "nvmeof",
    since: "reef",
    command: { reef: "nvmeof pool1 h1", tentacle: "nvmeof --pool=pool1 --group=g1 --placement=h1" },
    yaml: `service_id: pool1\n${ON_H1}spec:\n  pool: pool1\n  port: 5600\n`,
    fileShows: { spec: { pool: "pool1", port: 5600 } },
  },
  {
    type: "snmp-gateway",
    since: "pacific",
    command: "snmp-gateway V2c 192.168.122.1:162 9465 --placement=h1",
    input: "snmp_community: public\n",
    shows: { ...H1, spec: { ...SNMP, port: 9465 } },
    yaml: `${ON_H1}spec:\n  credentials:\n    snmp_community: public\n  snmp_destination: 192.168.122.1:162\n  snmp_version: V2c\n`,
    fileShows: { spec: SNMP },
  },
  {
    type: "mgmt-gateway",
    since: "tentacle",
    command: "mgmt-gateway 8443 --virtual_ip=10.1.1.100 --placement=h1",
    shows: { ...H1, spec: { port: 8443, virtual_ip: "10.1.1.100", ssl: true } },
    yaml: `${ON_H1}spec:\n  port: 8444\n`,
    fileShows: { spec: { port: 8444 } },
  },
  {
    type: "smb",
    since: "tentacle",
    command: "smb tango rados://pool/ns/config --features=domain --placement=h1",
    made: ["smb.tango"],
    shows: { ...H1, spec: { cluster_id: "tango", config_uri: "rados://pool/ns/config", features: ["domain"] } },
    yaml: `service_id: tango\n${ON_H1}spec:\n  cluster_id: tango\n  config_uri: rados://pool/ns/other\n`,
    fileShows: { spec: { cluster_id: "tango", config_uri: "rados://pool/ns/other" } },
  },
  fromFile(
    "container",
    "pacific",
    `service_id: web\n${ON_H1}spec:\n  image: docker.io/library/web:1\n  ports:\n  - 8080\n  envs:\n  - A=b\n`,
    {
      spec: { image: "docker.io/library/web:1", ports: [8080], envs: ["A=b"] },
    },
  ),
  fromFile(
    "ingress",
    "pacific",
    `service_id: rgw.site1\n${ON_H1}spec:\n  backend_service: rgw.site1\n  frontend_port: 443\n  monitor_port: 1967\n  virtual_ip: 10.1.1.99/24\n`,
    { spec: { backend_service: "rgw.site1", frontend_port: 443, monitor_port: 1967, virtual_ip: "10.1.1.99/24" } },
  ),
  fromFile("agent", "reef", ON_H1, H1),
  fromFile("node-proxy", "reef", ON_H1, H1),
  // Its command leaves out what Ceph itself then finds missing.
  fromFile(
    "oauth2-proxy",
    "tentacle",
    `${ON_H1}spec:\n  provider_display_name: Idp\n  client_id: me\n  client_secret: secret\n  oidc_issuer_url: https://idp.example/issuer\n`,
    { spec: { provider_display_name: "Idp", client_id: "me", oidc_issuer_url: "https://idp.example/issuer" } },
  ),
  fromFile(
    "osd",
    "pacific",
    "service_id: flash\nplacement:\n  host_pattern: h2\nspec:\n  data_devices:\n    rotational: false\n",
    {
      placement: { host_pattern: "h2" },
      spec: { data_devices: { rotational: false } },
    },
  ),
];

/** The types that a release knows. */
export function serviceTypes(release: ModernRelease): readonly ServiceType[] {
  return TYPES.filter(
    ({ since, until }) => has(release, since) && (until === undefined || !has(release, until) || until === release),
  );
}

/** The words after `ceph orch apply` on a release. */
export function commandOf({ command }: ServiceType, release: ModernRelease): string | undefined {
  return typeof command === "string" ? command : command?.[release];
}

/** The names of the services that a type's file makes. */
export function madeByFile({ type, yaml, fileMakes }: ServiceType): readonly string[] {
  const id = /^service_id: (.*)$/m.exec(yaml)?.[1];
  return fileMakes ?? [id === undefined ? type : `${type}.${id}`];
}

/** One file with a spec of every type; jaeger-tracing apart, since it stands for others that are in it themselves. */
export function everyType(release: ModernRelease): { readonly types: readonly ServiceType[]; readonly yaml: string } {
  const types = serviceTypes(release).filter(({ type }) => type !== "jaeger-tracing");
  return { types, yaml: types.map(({ type, yaml }) => `service_type: ${type}\n${yaml}`).join("---\n") };
}
