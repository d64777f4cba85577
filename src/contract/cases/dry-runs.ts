/** What only asks what would happen. */
import { deepEqual, ok } from "node:assert/strict";
import type { PlanRow } from "../../index.ts";
import { serviceName } from "../../index.ts";
import { Refused } from "../bench.ts";
import { type Case, Skip } from "../case.ts";
import {
  appliedService,
  daemonsOf,
  described,
  driveGroup,
  freeDevice,
  newService,
  someHost,
  upgradeTarget,
} from "../sample.ts";
import { stateOf, steady } from "../state.ts";

export const DRY_RUN_CASES: readonly Case[] = [
  {
    name: "a spec marked as a preview changes nothing when it is applied",
    source: "`ceph orch apply --dry-run` calls apply with preview_only before plan",
    needs: ["applyService"],
    async run(bench) {
      const spec = await newService(bench);
      const before = await stateOf(bench);
      const marked = { ...spec, spec: { ...spec.spec, preview_only: true } };
      const answered = await bench.call("orchestrator/apply", { specs: [marked] });
      answered.leave();
      await bench.settled(answered.operations);
      deepEqual(await stateOf(bench), before);
    },
  },
  {
    name: "plan changes nothing and tells what apply then does",
    source: "Orchestrator.plan: a row for each service, with the hosts that get a daemon",
    needs: ["plan", "applyService", "listDaemons"],
    async run(bench) {
      const spec = await newService(bench);
      const name = serviceName(spec);
      const before = await stateOf(bench);
      const rows = await bench.read<PlanRow[]>("plan", { spec: [spec] });
      deepEqual(await stateOf(bench), before, "plan has changed something");
      const row = rows.find(({ service_name: planned }) => planned === name);
      ok(row, `plan has no row for ${name}`);
      await bench.write("applyService", { spec });
      const hosts = (await daemonsOf(bench, name)).map(({ hostname = "" }) => hostname);
      deepEqual(row.add?.toSorted(), hosts.toSorted(), "the daemons came to other hosts than planned");
      const [again] = (await bench.read<PlanRow[]>("plan", { spec: [spec] })).filter(
        ({ service_name: n }) => n === name,
      );
      deepEqual([again?.add ?? [], again?.remove ?? []], [[], []], "what is effective is planned again");
    },
  },
  {
    name: "plan and preview of a drive group change nothing",
    source: "Orchestrator.preview_osdspecs: which OSDs would be made",
    needs: ["getInventory"],
    async run(bench) {
      if (!bench.has("plan") && !bench.has("previewOsdspecs")) throw new Skip("this backend has neither");
      const group = driveGroup(await freeDevice(bench));
      const before = await stateOf(bench);
      if (bench.has("plan")) await bench.read("plan", { spec: [group] });
      if (bench.has("previewOsdspecs")) await bench.read("previewOsdspecs", { osdspec_name: "osd", osdspecs: [group] });
      deepEqual(await stateOf(bench), before);
    },
  },
  {
    name: "applyService with no_overwrite leaves a service that is there as it is",
    source: "Orchestrator.apply(no_overwrite): skips a service that exists",
    needs: ["applyService", "describeService", "listDaemons"],
    async run(bench) {
      const { spec, name } = await appliedService(bench);
      const before = await described(bench, name);
      const text = await bench.write("applyService", { spec: { ...spec, unmanaged: true }, no_overwrite: true });
      ok(text.includes(name), `the answer does not name ${name}: ${text}`);
      deepEqual(steady(bench, await described(bench, name)), steady(bench, before));
    },
  },
  {
    name: "hostOkToStop and upgradeCheck change nothing",
    source:
      "Orchestrator.host_ok_to_stop, upgrade_check: they only say whether it would be safe, or what would be upgraded",
    needs: ["getHosts"],
    async run(bench) {
      if (!bench.has("hostOkToStop") && !bench.has("upgradeCheck")) throw new Skip("this backend has neither");
      const host = await someHost(bench);
      const before = await stateOf(bench);
      if (bench.has("hostOkToStop")) await bench.read("hostOkToStop", { hostname: host }).catch(notSafe);
      if (bench.has("upgradeCheck")) await bench.read("upgradeCheck", await upgradeTarget(bench));
      deepEqual(await stateOf(bench), before);
    },
  },
];

/** The host may be one that must not stop. */
function notSafe(error: unknown): void {
  if (!(error instanceof Refused)) throw error;
  ok(error.type !== "TimeoutError", error.message);
}
