/** `--format` of a command: JSON as Python writes it, and YAML. */

import { OrchestratorError } from "../../../orchestrator/errors.ts";
import { toYaml, toYamlDocuments } from "../yaml-writer.ts";

/** The value in one of Ceph's formats other than `plain`. */
export function formatted(value: unknown, format: string): string {
  switch (format) {
    case "json":
      return pythonJson(value);
    case "json-pretty":
      return JSON.stringify(sorted(value), null, 2);
    case "yaml":
      return (Array.isArray(value) ? toYamlDocuments(value) : toYaml(value)).trimEnd();
    default:
      throw new OrchestratorError(`format '${format}' is not implemented.`);
  }
}

/** One line, keys sorted, with a space behind commas and colons. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(sorted(value) as object).map(
    ([key, inner]: [string, unknown]) => `${JSON.stringify(key)}: ${pythonJson(inner)}`,
  );
  return `{${entries.join(", ")}}`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]: [string, unknown]) => [key, sorted(inner)]),
  );
}
