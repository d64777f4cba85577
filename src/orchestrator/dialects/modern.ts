/** Pacific and later: OrchResult methods. Most are the backend's own; `apply` and its family become one write a spec. */

import { isOrchestratorError } from "../errors.ts";
import { type BackendMethodName, METHODS } from "../generated/methods.ts";
import type { GenericSpec, HostSpec, ServiceSpec } from "../generated/types.ts";
import { withoutText } from "./command-words.ts";
import { type Dialect, direct, type Failure, type Translation, tolerableToVolumes } from "./dialect.ts";

const PREFIX = "orchestrator/";

// Parameters were validated against the schema of the method before they come here, so their types hold.
const TRANSLATED: Record<string, (params: Record<string, unknown>) => Translation> = {
  apply: (params) =>
    applySpecs(params["specs"] as GenericSpec[], {
      noOverwrite: params["no_overwrite"] === true,
      onError: params["continue_on_error"] === true ? "continue" : "stop",
    }),
  apply_drivegroups: (params) => applySpecs(params["specs"] as ServiceSpec[], { noOverwrite: false, onError: "stop" }),
  set_unmanaged_flag: (params) =>
    direct(
      "setUnmanaged",
      { service_name: params["service_name"] ?? params["service_type"], value: params["unmanaged_flag"] },
      (text) => ({ retval: 0, stdout: String(text), stderr: "" }),
    ),
};

export const modern: Dialect = {
  prefix: PREFIX,
  plain: (name, params) => (name === "create_osds" ? withoutText(params) : params),
  translate(name, params) {
    const translated = TRANSLATED[name];
    if (translated !== undefined) return translated(params);
    if (isApplyOne(name)) {
      const one = applySpecs([params["spec"] as GenericSpec], { noOverwrite: false, onError: "stop" });
      return { ...one, answer: (results) => (one.answer(results) as string[])[0] ?? "" };
    }
    const method = METHODS[PREFIX + name]?.backend;
    if (method === null || method === undefined) throw new Error(`${PREFIX}${name} has no backend method`);
    return name === "remove_service" ? removeService(params) : direct(method, params);
  },
  needs(name) {
    const info = METHODS[PREFIX + name];
    if (info === undefined) return undefined;
    if (info.local) return null;
    if (name === "set_unmanaged_flag") return "setUnmanaged";
    return info.translated ? "applyService" : info.backend;
  },
};

function isApplyOne(name: string): boolean {
  return name.startsWith("apply_") && METHODS[PREFIX + name]?.translated === true;
}

function removeService(params: Record<string, unknown>): Translation {
  const service = String(params["service_name"]);
  const translation = direct("removeService", params);
  if (service.startsWith("mds.")) return { ...translation, onFailure: tolerableToVolumes };
  if (service.startsWith("ingress.nfs.")) return { ...translation, onFailure: (error) => mayBeGone(error, service) };
  return translation;
}

/** `nfs cluster rm` removes an ingress service whether there is one or not, and stops at an error. */
function mayBeGone(error: unknown, service: string): Failure {
  const gone = isOrchestratorError(error) && error.type === "NotFoundError";
  return gone ? { value: `There is no service ${service}` } : { error };
}

/**
 * Ceph calls `apply` before `plan` on a dry run and marks only service specs (`preview_only`), never hosts: so nothing is
 * changed for a spec that is a preview, nor for the hosts beside it.
 */
function applySpecs(
  specs: readonly GenericSpec[],
  how: { noOverwrite: boolean; onError: "stop" | "continue" },
): Translation {
  const dryRun = specs.some(isPreview);
  const requests: { method: BackendMethodName; params: object; spec: number }[] = [];
  specs.forEach((spec, index) => {
    if (isPreview(spec) || (dryRun && isHost(spec))) return;
    requests.push(
      isHost(spec)
        ? { method: "addHost", params: { host_spec: withoutTag(spec) }, spec: index }
        : { method: "applyService", params: { spec, no_overwrite: how.noOverwrite }, spec: index },
    );
  });
  return {
    requests,
    onError: how.onError,
    ...(specs.every((spec) => spec.service_type === "mds") ? { onFailure: tolerableToVolumes } : {}),
    answer(results) {
      const texts = specs.map(() => "");
      requests.forEach(({ spec }, index) => {
        texts[spec] = failureText(specs[spec]!, results[index]);
      });
      return texts;
    },
  };
}

function failureText(spec: GenericSpec, result: unknown): string {
  if (!(result instanceof Error) && !isOrchestratorError(result)) return String(result);
  const name = isHost(spec) ? `host ${spec.hostname}` : (spec.service_name ?? spec.service_type);
  return `Failed to apply ${name}: ${result.message}`;
}

function isHost(spec: GenericSpec): spec is HostSpec {
  return spec.service_type === "host";
}

function withoutTag(spec: HostSpec): HostSpec {
  const { service_type: _tag, ...host } = spec;
  return host;
}

function isPreview(spec: GenericSpec): boolean {
  return !isHost(spec) && spec.spec?.preview_only === true;
}
