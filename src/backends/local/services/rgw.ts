/** What a gateway for objects is told: its front end, its certificate, and its place in a realm. */
import { type RGWSpec, ValidationError } from "../../../index.ts";
import type { Site } from "../site.ts";
import { certificateKey } from "./caps.ts";
import { optionTexts } from "./mon-config.ts";
import type { Planned } from "./wanted.ts";

type RgwFields = NonNullable<RGWSpec["spec"]>;

/** Throws where the front end's fields contradict each other or ask for what is not there. */
export function checkRgw({ service_id, spec = {} }: RGWSpec, release: string): void {
  const at = `rgw.${service_id}: spec`;
  const certificate = certificateOf(spec);
  if (spec.generate_cert === true)
    throw new ValidationError(
      `${at}.generate_cert: the local backend signs no certificates; give rgw_frontend_ssl_certificate`,
    );
  if (spec.ssl !== true && certificate !== undefined)
    throw new ValidationError(
      `${at}.rgw_frontend_ssl_certificate: it serves nothing without ssl; set ssl or leave it out`,
    );
  if (spec.ssl === true && certificate === undefined)
    throw new ValidationError(`${at}.rgw_frontend_ssl_certificate: needed with ssl: the certificate and its key, PEM`);
  if (certificate !== undefined && !/-----BEGIN CERTIFICATE-----[\s\S]*-----END/.test(certificate))
    throw new ValidationError(`${at}.rgw_frontend_ssl_certificate: expected a certificate and its key, PEM`);
  if (certificate !== undefined && !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(certificate))
    throw new ValidationError(`${at}.rgw_frontend_ssl_certificate: the private key is missing beside the certificate`);
  if (spec.rgw_frontend_type === "civetweb" && !["nautilus", "pacific"].includes(release))
    throw new ValidationError(`${at}.rgw_frontend_type: ${release} has no civetweb any more; leave it out`);
  if (spec.rgw_realm_token !== undefined)
    throw new ValidationError(
      `${at}.rgw_realm_token: join the realm with 'radosgw-admin realm pull' and name realm and zone`,
    );
  for (const [field, value] of Object.entries(placeOf(spec)))
    if (value !== undefined && !/^[A-Za-z0-9_.-]+$/.test(value))
      throw new ValidationError(
        `${at}.${field}: expected letters, digits, dots and dashes, got ${JSON.stringify(value)}`,
      );
  if ((spec.rgw_realm === undefined) !== (spec.rgw_zone === undefined))
    throw new ValidationError(`${at}: rgw_realm and rgw_zone go together; give both or neither`);
}

/** The realm, zone group and zone that the spec names. */
function placeOf({ rgw_realm, rgw_zonegroup, rgw_zone }: RgwFields): Record<string, string | undefined> {
  return { rgw_realm, rgw_zonegroup, rgw_zone };
}

/** The options of one gateway; undefined where the spec does not name one. */
export function rgwSettings(
  spec: RGWSpec,
  planned: Planned,
  address: string | undefined,
): Record<string, string | undefined> {
  const fields = spec.spec ?? {};
  return { rgw_frontends: frontend(spec, planned, address), ...placeOf(fields), ...countersOf(fields) };
}

function frontend({ service_id, spec = {} }: RGWSpec, { ports }: Planned, address: string | undefined): string {
  const port = ports[0] ?? 80;
  const type = spec.rgw_frontend_type ?? "beast";
  const tls = spec.ssl === true;
  const certificate = tls ? [`ssl_certificate=config://${certificateKey(service_id)}`] : [];
  return [type, listening(type, port, tls, address), ...certificate, ...(spec.rgw_frontend_extra_args ?? [])].join(" ");
}

function listening(type: string, port: number, tls: boolean, address: string | undefined): string {
  if (type === "civetweb")
    return `port=${address === undefined ? "" : `${bracketed(address)}:`}${port}${tls ? "s" : ""}`;
  const word = tls ? "ssl_" : "";
  return address === undefined ? `${word}port=${port}` : `${word}endpoint=${bracketed(address)}:${port}`;
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function countersOf(fields: RgwFields): Record<string, string | undefined> {
  return optionTexts({
    rgw_run_sync_thread:
      fields.disable_multisite_sync_traffic === undefined ? undefined : !fields.disable_multisite_sync_traffic,
    rgw_user_counters_cache: fields.rgw_user_counters_cache,
    rgw_user_counters_cache_size: fields.rgw_user_counters_cache_size,
    rgw_bucket_counters_cache: fields.rgw_bucket_counters_cache,
    rgw_bucket_counters_cache_size: fields.rgw_bucket_counters_cache_size,
    rgw_exit_timeout_secs: fields.rgw_exit_timeout_secs,
  });
}

/** The text of certificate and key; since Tentacle it may come as one string. */
function certificateOf({ rgw_frontend_ssl_certificate: lines = "" }: RgwFields): string | undefined {
  const text = (typeof lines === "string" ? lines : lines.join("\n")).trim();
  return text === "" ? undefined : `${text}\n`;
}

/** The certificate of a service that serves TLS. */
export function servedCertificate({ spec = {} }: RGWSpec): string | undefined {
  return spec.ssl === true ? certificateOf(spec) : undefined;
}

/** Gives the certificate to the monitors, where the gateways of the service read it. */
export async function putCertificate(site: Site, spec: RGWSpec): Promise<void> {
  const certificate = servedCertificate(spec);
  if (certificate === undefined) return;
  await site.mon({ prefix: "config-key set", key: certificateKey(spec.service_id), val: certificate });
}
