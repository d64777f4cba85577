/**
 * Writes JSON as YAML, in the manner of Ceph's own output: the keys of the document in their order, those inside sorted, lists at
 * the indentation of their key.
 */

/** A document, which ends with a line break. */
export function toYaml(value: unknown): string {
  return isEmptyOrScalar(value) ? `${scalar(value)}\n` : `${block(value, "", false).join("\n")}\n`;
}

/** Several documents, with `---` between. */
export function toYamlDocuments(values: readonly unknown[]): string {
  return values.map(toYaml).join("---\n");
}

function block(value: unknown, indent: string, sort = true): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => listItem(item, indent));
  const entries = Object.entries(value as object).filter(([, inner]) => inner !== undefined);
  return (sort ? entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) : entries).flatMap(
    ([key, inner]: [string, unknown]) => {
      const name = scalar(key);
      if (typeof inner === "string" && inner.includes("\n"))
        return [`${indent}${name}: |${chomp(inner)}`, ...text(inner, indent)];
      if (isEmptyOrScalar(inner)) return [`${indent}${name}: ${scalar(inner)}`];
      return [`${indent}${name}:`, ...block(inner, Array.isArray(inner) ? indent : `${indent}  `)];
    },
  );
}

function listItem(item: unknown, indent: string): string[] {
  if (isEmptyOrScalar(item)) return [`${indent}- ${scalar(item)}`];
  const [first = "", ...rest] = block(item, `${indent}  `);
  return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
}

/** Whether the last line break belongs to the text. */
function chomp(value: string): string {
  return value.endsWith("\n") ? "" : "-";
}

function text(value: string, indent: string): string[] {
  return value
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => (line === "" ? "" : `${indent}  ${line}`));
}

function isEmptyOrScalar(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.keys(value).length === 0;
}

function scalar(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "[]";
  if (typeof value === "object") return "{}";
  if (typeof value !== "string") return JSON.stringify(value);
  return isPlain(value) ? value : value.includes("\n") ? JSON.stringify(value) : `'${value.replaceAll("'", "''")}'`;
}

/** Whether YAML reads the bare text as the same text. */
function isPlain(value: string): boolean {
  if (/^(?:null|true|false|yes|no|on|off|y|n|~)$/i.test(value)) return false;
  // Numbers, in base 60 too, and times.
  if (/^[-+]?(?:[\d_.]+(?:[eE][-+]?\d+)?|0[xob][\da-fA-F_]+|\d+(?::[\d.]+)+)$/.test(value) && !/\..*\./.test(value))
    return false;
  if (/^\d{4}-\d\d?-\d\d?/.test(value)) return false;
  return /^[A-Za-z0-9_./(][^\n:#]*(?:[:#](?! |$)[^\n:#]*)*$/.test(value) && !/\s#|\s$|:$/.test(value);
}
