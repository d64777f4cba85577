/** Placements as a command line writes them: `3`, `2 label:db`, `h1,h2`, `count-per-host:2;*`, `regex:node.*`. */

import { ValidationError } from "../../../orchestrator/errors.ts";
import type { HostPattern, HostSpec, PlacementSpec } from "../../../orchestrator/generated/types.ts";

/** What the text means; an empty placement where there is none. */
export function placementOf(text: string | undefined): PlacementSpec {
  let parts = splitParts(text ?? "");
  const placement: PlacementSpec = {};
  const [first = ""] = parts;
  if (/^\d+$/.test(first)) {
    placement.count = Number(first);
    parts = parts.slice(1);
  }
  const rest: string[] = [];
  for (const part of parts) {
    const count = /^count:(\d+)$/.exec(part)?.[1];
    const perHost = /^count-per-host:(\d+)$/.exec(part)?.[1];
    if (count !== undefined) placement.count = Number(count);
    else if (perHost !== undefined) placement.count_per_host = Number(perHost);
    else rest.push(part);
  }
  return checked({ ...placement, ...hostsOf(rest) });
}

function splitParts(text: string): string[] {
  if (text === "") return [];
  if (text.includes(" ")) return text.split(/ +/);
  if (text.includes(";")) return text.split(";");
  // Commas also stand in the addresses of a mon, which are in brackets.
  return text.includes(",") && !text.includes("[") ? text.split(",") : [text];
}

function hostsOf(parts: readonly string[]): PlacementSpec {
  const labels = parts.filter((part) => part.includes("label:"));
  const hosts = parts.filter((part) => isHost(part));
  const patterns = parts.filter((part) => !labels.includes(part) && !hosts.includes(part));
  if (labels.length > 1) throw new ValidationError(`more than one label provided: ${labels.join(", ")}`);
  if (patterns.length > 1) throw new ValidationError(`more than one host pattern provided: ${patterns.join(", ")}`);
  const [label] = labels;
  const [pattern] = patterns;
  return {
    ...(hosts.length === 0 ? {} : { hosts }),
    ...(label === undefined ? {} : { label: label.replace(/^.*?label:/, "") }),
    ...(pattern === undefined ? {} : { host_pattern: patternOf(pattern) }),
  };
}

function isHost(part: string): boolean {
  if (part.includes("label:") || part.includes("regex:")) return false;
  return /[:=]/.test(part) || !/[[\]?*]/.test(part);
}

function patternOf(text: string): string | HostPattern {
  return text.includes("regex:") ? { pattern: text.replace(/^.*?regex:/, ""), pattern_type: "regex" } : text;
}

function checked(placement: PlacementSpec): PlacementSpec {
  const { hosts, label, count, count_per_host: perHost, host_pattern: pattern } = placement;
  if (hosts !== undefined && label !== undefined) throw new ValidationError("Host and label are mutually exclusive");
  if (count !== undefined && count < 1) throw new ValidationError("num/count must be >= 1");
  if (perHost !== undefined && perHost < 1) throw new ValidationError("count-per-host must be >= 1");
  if (perHost !== undefined && label === undefined && hosts === undefined && pattern === undefined)
    throw new ValidationError("count-per-host must be combined with label or hosts or host_pattern");
  if (count !== undefined && perHost !== undefined)
    throw new ValidationError("cannot combine count and count-per-host");
  if (pattern !== undefined && hosts !== undefined) throw new ValidationError("cannot combine host patterns and hosts");
  return placement;
}

/** A placement as `ceph orch ls` shows it. */
export function placementText(placement: PlacementSpec | undefined): string {
  const { hosts = [], count, count_per_host: perHost, label, host_pattern: pattern } = placement ?? {};
  return [
    ...(hosts.length === 0 ? [] : [hosts.join(";")]),
    ...(count === undefined ? [] : [`count:${count}`]),
    ...(perHost === undefined ? [] : [`count-per-host:${perHost}`]),
    ...(label === undefined || label === "" ? [] : [`label:${label}`]),
    ...(pattern === undefined || pattern === "" ? [] : [patternText(pattern)]),
  ].join(";");
}

function patternText(pattern: string | HostPattern): string {
  if (typeof pattern === "string") return pattern;
  return pattern.pattern_type === "regex" ? `regex:${pattern.pattern}` : pattern.pattern;
}

/** The hosts whose name matches a shell pattern, as `host ls --host-pattern` means it. */
export function matching(hosts: readonly HostSpec[], pattern: string): HostSpec[] {
  if (pattern.startsWith("regex:")) {
    const expression = new RegExp(`^(?:${pattern.slice("regex:".length)})`);
    return hosts.filter(({ hostname }) => expression.test(hostname));
  }
  const source = pattern.replaceAll(/\[!|[.+^${}()|\\*?]/g, (part) =>
    part === "*" ? ".*" : part === "?" ? "." : part === "[!" ? "[^" : `\\${part}`,
  );
  const expression = new RegExp(`^${source}$`);
  return hosts.filter(({ hostname }) => expression.test(hostname));
}
