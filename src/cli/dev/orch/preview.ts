/** What `orch apply --dry-run` shows. */

import type { PlanRow } from "../../../orchestrator/generated/types.ts";
import { framedTable } from "./table.ts";

/** The tables of a plan; only its errors where it has any. */
export function previewTables(plan: readonly PlanRow[]): string {
  const errors = plan.flatMap(({ error }) => (error === undefined || error === "" ? [] : [error]));
  if (errors.length > 0) return JSON.stringify(errors);
  const warnings = plan.map(({ warning }) => warning ?? "").join("");
  // The ceph command leaves out the empty lines that are between them.
  return `${warnings === "" ? "" : `${warnings}\n`}####################
SERVICESPEC PREVIEWS
####################
${services(plan)}
################
OSDSPEC PREVIEWS
################
${osds(plan)}`;
}

function services(plan: readonly PlanRow[]): string {
  const rows = plan
    .filter(({ warning = "", service_type: type }) => warning === "" && type !== "osd")
    .map(({ service_type: type = "", service_name: name = "", add = [], remove = [] }) => [
      type,
      name,
      add.join(" "),
      remove.join(" "),
    ]);
  return framedTable("SERVICESPEC PREVIEW", ["SERVICE", "NAME", "ADD_TO", "REMOVE_FROM"], rows);
}

function osds(plan: readonly PlanRow[]): string {
  const previews = plan
    .filter(({ service_type: type }) => type === "osd")
    .flatMap(({ data = {} }) => Object.entries(data))
    .flatMap(([host, specs]) => specs.map((spec) => ({ host, spec })));
  const failed = previews.find(({ spec }) => spec.error === true);
  if (failed !== undefined) return failed.spec.message ?? "";
  const notes = previews.flatMap(({ spec: { notes: said = [] } }) => said.map((note) => `${note}\n`));
  const rows = previews.flatMap(({ host, spec: { osdspec = "", data = [] } }) =>
    data.map(({ data: device, block_db: db = "-", block_wal: wal = "-" }) => ["osd", osdspec, host, device, db, wal]),
  );
  return notes.join("") + framedTable("OSDSPEC PREVIEWS", ["SERVICE", "NAME", "HOST", "DATA", "DB", "WAL"], rows);
}
