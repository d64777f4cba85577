/** Specs in a file of an operator, as Ceph's classes make them of it before a backend sees them. */

import { ValidationError } from "../../../orchestrator/errors.ts";
import type { GenericSpec } from "../../../orchestrator/generated/types.ts";
import { serviceName } from "../../../orchestrator/service-types.ts";
import { readYaml } from "../yaml-reader.ts";

/** What every service has; all else is of its type and stands under `spec`. */
const COMMON = [
  "service_type",
  "service_id",
  "service_name",
  "placement",
  "unmanaged",
  "networks",
  "extra_container_args",
  "extra_entrypoint_args",
  "custom_configs",
];

/** What Ceph computes, and refuses to be told. */
const COMPUTED = ["status", "events", "service_name"];

/** The specs of a file. */
export function specsIn(text: string, dryRun: boolean): GenericSpec[] {
  return readYaml(text).map((document) => specOf(document, dryRun));
}

function specOf(document: unknown, dryRun: boolean): GenericSpec {
  if (typeof document !== "object" || document === null || Array.isArray(document))
    throw new ValidationError(`Service Spec is not an (JSON or YAML) object. got "${String(document)}"`);
  const fields = document as Record<string, unknown>;
  const type = fields["service_type"];
  if (typeof type !== "string") throw new ValidationError("Spec has no service_type");
  // The schema of the call checks the rest.
  if (type === "host") return hostSpec(fields) as unknown as GenericSpec;
  const spec = serviceSpec(fields, dryRun);
  if (type === "osd" && spec["service_id"] === undefined)
    throw new ValidationError("Please provide the service_id field in your OSD spec");
  return spec as unknown as GenericSpec;
}

function hostSpec({ hostname, addr, labels, status, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return { ...rest, hostname, addr: addr ?? hostname, labels: labels ?? [], status: status ?? "" };
}

/** A service's spec in the shape of Ceph's `to_json`. */
export function serviceSpec(fields: Record<string, unknown>, dryRun = false): Record<string, unknown> {
  const { spec: inner, ...outer } = fields;
  const common: Record<string, unknown> = {};
  const own: Record<string, unknown> = { ...(typeof inner === "object" ? inner : {}) };
  for (const [name, value] of Object.entries(outer)) {
    if (value === undefined || value === null || COMPUTED.includes(name)) continue;
    (COMMON.includes(name) ? common : own)[name] = value;
  }
  if (dryRun) own["preview_only"] = true;
  const service_name = serviceName(common as { service_type: string; service_id?: string });
  return {
    ...common,
    service_name,
    placement: common["placement"] ?? {},
    ...(Object.keys(own).length === 0 ? {} : { spec: own }),
  };
}
