/** Makes one daemon of a service: its settings and its key at the monitors, then the daemon itself by the agent. */
import type { Daemon, DaemonDefinition, DaemonType } from "../../../agent/client.ts";
import { type CephExporterSpec, OrchestratorError, type ServiceSpec, serviceName } from "../../../index.ts";
import type { Site } from "../site.ts";
import { type Account, accountOf, entityOf } from "./caps.ts";
import { monPlace } from "./mon.ts";
import { dropSection, optionTexts, setOptions } from "./mon-config.ts";
import { digest } from "./names.ts";
import { ADDRESS_LABEL, addressIn } from "./networks.ts";
import { ganeshaConf, joinGrace, leaveGrace, placeNoted, placeOf } from "./nfs.ts";
import { rgwSettings, servedCertificate } from "./rgw.ts";
import type { Planned } from "./wanted.ts";

const EINVAL = 22;

/** What sets one daemon of a service apart from another, or from itself before its spec changed. */
interface Parts {
  /** Options in its own section of the monitors' configuration; undefined: not to be there. */
  readonly settings: Readonly<Record<string, string | undefined>>;
  readonly files: Readonly<Record<string, string>>;
  /** Digest of the certificate that it reads when it starts. */
  readonly certificate?: string;
}

/** What has to be known of a daemon when its service is forgotten. */
function labelsOf(spec: ServiceSpec, address: string | undefined): Record<string, string> {
  return {
    ...(spec.service_type === "nfs" ? placeOf(spec) : {}),
    ...(address === undefined ? {} : { [ADDRESS_LABEL]: address }),
  };
}

function partsOf(spec: ServiceSpec, planned: Planned, address: string | undefined): Parts {
  if (spec.service_type === "rgw") {
    const certificate = servedCertificate(spec);
    const settings = rgwSettings(spec, planned, address);
    return { settings, files: {}, ...(certificate === undefined ? {} : { certificate: digest(certificate) }) };
  }
  if (spec.service_type === "nfs")
    return { settings: {}, files: { "ganesha.conf": ganeshaConf(spec, planned, address) } };
  if (spec.service_type === "ceph-exporter") return { settings: exporterSettings(spec.spec ?? {}), files: {} };
  return { settings: {}, files: {} };
}

function exporterSettings(fields: NonNullable<CephExporterSpec["spec"]>): Parts["settings"] {
  return optionTexts({
    exporter_addr: fields.addrs,
    exporter_http_port: fields.port,
    exporter_prio_limit: fields.prio_limit,
    exporter_stats_period: fields.stats_period,
  });
}

/** Equal as long as a daemon needs no change; kept as a label of the daemon. */
export async function configOf(site: Site, spec: ServiceSpec, planned: Planned): Promise<string> {
  const parts = partsOf(spec, planned, await addressIn(site, spec));
  return digest([parts, planned.ports]);
}

/** Makes the daemon, or changes it to what its spec says now. Done again, it changes nothing. */
export async function deploy(site: Site, spec: ServiceSpec, planned: Planned, newKeyring?: string): Promise<Daemon> {
  const type = spec.service_type as DaemonType;
  const address = await addressIn(site, spec);
  const parts = partsOf(spec, planned, address);
  await setOptions(site, entityOf(type, planned.id), parts.settings);
  const place = spec.service_type === "nfs" ? placeOf(spec) : undefined;
  const account = accountOf(type, planned.id, spec.service_id ?? "", place);
  const keyring = account === undefined ? undefined : (newKeyring ?? (await keyringOf(site, account)));
  if (spec.service_type === "nfs" && account !== undefined && keyring !== undefined)
    await joinGrace(site, spec, planned, { entity: account.entity, keyring });
  const daemon: DaemonDefinition = {
    name: planned.name,
    service: serviceName(spec),
    ports: [...planned.ports],
    files: { ...parts.files },
    labels: { ...labelsOf(spec, address), index: String(planned.index), config: digest([parts, planned.ports]) },
    ...(keyring === undefined ? {} : { keyring }),
    ...(type === "mon" ? await monPlace(site, spec, planned) : {}),
  };
  return site.agent.request("daemon/deploy", { daemon });
}

/** The text of its keyring file. An account that is there with other caps gets these. A key that a rotation left pending is the one. */
export async function keyringOf(site: Site, account: Account): Promise<string> {
  return (await accountText(site, account)).replace(/(key = )\S+\n\s*pending key = (\S+)/, "$1$2");
}

async function accountText(site: Site, { entity, caps }: Account): Promise<string> {
  try {
    return await site.mon({ prefix: "auth get-or-create", entity, caps: [...caps] });
  } catch (error) {
    if (!(error instanceof OrchestratorError) || error.errno !== EINVAL) throw error;
    await site.mon({ prefix: "auth caps", entity, caps: [...caps] });
    return site.mon({ prefix: "auth get-or-create", entity, caps: [...caps] });
  }
}

async function forgetNfs(site: Site, id: string, cluster: string, labels: Daemon["labels"]): Promise<void> {
  const place = placeNoted(cluster, labels);
  const account = accountOf("nfs", id, cluster, place);
  if (account === undefined) return;
  const keyring = await keyringOf(site, account);
  await leaveGrace(site, cluster, Number(labels["index"] ?? 0), place, { entity: account.entity, keyring });
}

/** Takes back what `deploy` gave the monitors for a daemon. */
export async function forget(site: Site, { type, id, service, labels }: Daemon): Promise<void> {
  const entity = entityOf(type, id);
  if (type === "nfs") await forgetNfs(site, id, service.slice("nfs.".length), labels);
  await dropSection(site, entity);
  if (type !== "mon") await site.mon({ prefix: "auth rm", entity });
}
