/** Which hosts a placement names. */
import { NotFoundError, ValidationError } from "./errors.ts";
import type { PlacementSpec } from "./generated/types.ts";
import { type AnySpec, serviceName, serviceType } from "./service-types.ts";

/** On such a host nothing is scheduled: `ceph orch host drain` puts it on. */
export const NO_SCHEDULE = "_no_schedule";
/** Ceph's configuration and keyrings are not kept up on a host with this label. */
export const NO_CONF_KEYRING = "_no_conf_keyring";

/** A slip of the finger must not make half a million daemons. */
export const MOST_PER_HOST = 100;

/** A host as far as placements look at it. */
export interface PlaceableHost {
  readonly hostname: string;
  readonly labels: readonly string[];
}

/** `host:network=name`, the last two optional. */
export interface PlacedHost {
  readonly hostname: string;
  readonly network: string;
  readonly name: string;
}

/** The parts of one entry of a placement's `hosts`. */
export function placedHost(text: string): PlacedHost {
  const [, hostname = "", network = "", name = ""] = /^([^:=]*)(?::([^=]*))?(?:=(.*))?$/.exec(text) ?? [];
  return { hostname, network, name };
}

/** The names of the hosts that a placement means, in its order; all of them where it only counts. */
export function matchingHosts(placement: PlacementSpec, hosts: Iterable<PlaceableHost>): string[] {
  const all = [...hosts];
  if (placement.hosts !== undefined && placement.hosts.length > 0) {
    const known = new Set(all.map(({ hostname }) => hostname));
    return placement.hosts.map((text) => placedHost(text).hostname).filter((hostname) => known.has(hostname));
  }
  const { label, host_pattern: pattern } = placement;
  const matches = hostMatcher(pattern);
  return all
    .filter(({ labels }) => label === undefined || labels.includes(label))
    .map(({ hostname }) => hostname)
    .filter(matches);
}

function patternText({ host_pattern: pattern }: PlacementSpec): string | undefined {
  return typeof pattern === "object" ? pattern.pattern : pattern;
}

function hostMatcher(pattern: PlacementSpec["host_pattern"]): (hostname: string) => boolean {
  if (pattern === undefined || pattern === "") return () => true;
  const expression = typeof pattern === "string" ? glob(pattern) : expressionOf(pattern.pattern, pattern.pattern_type);
  return (hostname) => expression.test(hostname);
}

/** A regular expression is anchored at the start only, as Python's `re.match`. */
function expressionOf(pattern: string, type: string | undefined): RegExp {
  return type === "regex" ? compiled(`^(?:${pattern})`, pattern, "regular expression") : glob(pattern);
}

function compiled(source: string, pattern: string, kind: string): RegExp {
  try {
    return new RegExp(source);
  } catch (error) {
    throw new ValidationError(`host_pattern ${JSON.stringify(pattern)} is not a ${kind}`, { cause: error });
  }
}

/** A shell pattern as Python's `fnmatch` reads it. */
function glob(pattern: string): RegExp {
  const source = pattern.replace(
    /\[(!?)([^\]]+)\]|[\s\S]/g,
    (part: string, not: string | undefined, set: string | undefined) => {
      if (set !== undefined) return `[${not === "!" ? "^" : ""}${set.replace(/[\\^]/g, "\\$&")}]`;
      if (part === "*") return "[\\s\\S]*";
      return part === "?" ? "[\\s\\S]" : part.replace(/[.+^${}()|[\]\\]/g, "\\$&");
    },
  );
  return compiled(`^${source}$`, pattern, "shell pattern");
}

/** The placement in force: the spec's own, or its type's usual one. */
export function placementOf(spec: AnySpec): PlacementSpec {
  const { placement } = spec;
  if (placement !== undefined && Object.keys(placement).length > 0) return placement;
  return serviceType(spec.service_type)?.placement ?? {};
}

/** A placement that names hosts, a label or a pattern has to find some. */
export function checkPlacement(spec: AnySpec, hosts: Iterable<PlaceableHost>): void {
  const all = [...hosts];
  const placement = spec.placement ?? {};
  const name = serviceName(spec);
  const unknown = (placement.hosts ?? [])
    .map((text) => placedHost(text).hostname)
    .filter((host) => !all.some(({ hostname }) => hostname === host));
  if (unknown.length > 0) throw new NotFoundError(`cannot place ${name} on ${unknown.join(", ")}: unknown hosts`);
  checkPlacedOnce(name, (placement.hosts ?? []).map(placedHost));
  if ((placement.hosts?.length ?? 0) > 0 && placement.label !== undefined) {
    throw new ValidationError(`cannot place ${name}: hosts and label exclude each other`);
  }
  if (placement.count !== undefined && placement.count_per_host !== undefined) {
    throw new ValidationError(`cannot place ${name}: count and count_per_host exclude each other`);
  }
  if ((placement.count_per_host ?? 1) > 1 && serviceType(spec.service_type)?.colocated !== true) {
    throw new ValidationError(
      `cannot place more than one ${spec.service_type} daemon on a host (count_per_host ${placement.count_per_host})`,
    );
  }
  if ((placement.count_per_host ?? 1) > MOST_PER_HOST) {
    throw new ValidationError(
      `cannot place ${name}: count_per_host is ${placement.count_per_host}, and a host bears ${MOST_PER_HOST} of a service at most`,
    );
  }
  // Every host may be none yet.
  const named = placement.label !== undefined || !["*", undefined].includes(patternText(placement));
  if (named && matchingHosts(placement, all).length === 0) {
    const wanted = placement.label === undefined ? "the host pattern" : `label ${placement.label}`;
    throw new ValidationError(`cannot place ${name}: no host matches ${wanted}`);
  }
}

function checkPlacedOnce(service: string, placed: readonly PlacedHost[]): void {
  const hosts = repeated(placed.map(({ hostname }) => hostname));
  if (hosts.length > 0) throw new ValidationError(`cannot place ${service}: ${hosts.join(", ")} is named twice`);
  const names = repeated(placed.map(({ name }) => name).filter((name) => name !== ""));
  if (names.length > 0) throw new ValidationError(`cannot place ${service}: two daemons are named ${names.join(", ")}`);
}

function repeated(words: readonly string[]): string[] {
  return [...new Set(words.filter((word, index) => words.indexOf(word) < index))];
}
