/** Every case of the suite, in the order in which an author wants to see them fail. */
import type { Case } from "../case.ts";
import { BATCH_CASES } from "./batches.ts";
import { CANCELLATION_CASES } from "./cancellation.ts";
import { DRY_RUN_CASES } from "./dry-runs.ts";
import { ERROR_CASES } from "./errors.ts";
import { FILTER_CASES } from "./filters.ts";
import { LIFE_CASES } from "./life.ts";
import { READ_CASES } from "./reads.ts";
import { STAGE_CASES } from "./stages.ts";
import { WRITE_CASES } from "./writes.ts";

export const CASES: readonly Case[] = [
  ...LIFE_CASES,
  ...READ_CASES,
  ...FILTER_CASES,
  ...WRITE_CASES,
  ...STAGE_CASES,
  ...BATCH_CASES,
  ...ERROR_CASES,
  ...DRY_RUN_CASES,
  ...CANCELLATION_CASES,
];
