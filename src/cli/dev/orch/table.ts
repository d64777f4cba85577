/** Tables as Ceph's orchestrator module prints them. */

/** One column: its heading, what a row has there, and whether it stands at the right. */
export interface Column<Row> {
  readonly heading: string;
  readonly cell: (row: Row) => string;
  readonly right?: true;
}

/** Columns two spaces apart, without lines; the padding behind the last column is left out. */
export function plainTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [columns.map(({ heading }) => heading), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => (line[index] ?? "").length)));
  return cells
    .map((line) =>
      line
        .map((text, index) =>
          columns[index]?.right === true ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A table with lines around every cell, and a title: what a dry run prints. */
export function framedTable(title: string, headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map(
    (heading, index) => Math.max(heading.length, ...rows.map((row) => row[index]?.length ?? 0)) + 2,
  );
  const inner = widths.reduce((sum, width) => sum + width + 1, -1);
  const rule = (joint: string): string => `+${widths.map((width) => "-".repeat(width)).join(joint)}+`;
  const line = (cells: readonly string[]): string =>
    `|${widths.map((width, index) => (cells[index] ?? "").padEnd(width)).join("|")}|`;
  return [
    rule("-"),
    `|${centred(title, inner - 2)}  |`,
    rule("+"),
    line(headings),
    rule("+"),
    ...rows.map(line),
    rule("+"),
  ].join("\n");
}

/** An odd space goes to the right of a text of odd length, else to the left. */
function centred(text: string, width: number): string {
  const space = Math.max(0, width - text.length);
  const left = space % 2 === 1 && text.length % 2 === 0 ? Math.ceil(space / 2) : Math.floor(space / 2);
  return `${" ".repeat(left)}${text}${" ".repeat(space - left)}`;
}
