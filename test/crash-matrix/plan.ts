/** Which runs are made in which order: each cell once, then at random, the same for the same seed. */
import { FAULTS } from "./faults.ts";
import type { Cell } from "./one-run.ts";
import { STAGES } from "./stages.ts";

export const CELLS: readonly Cell[] = STAGES.flatMap((stage) => FAULTS.map((fault) => ({ stage, fault })));

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `runs` cells: at first each one, then whichever comes. `only` picks those whose `fault, stage` holds that text. */
export function plan(runs: number, random: () => number, only = ""): Cell[] {
  const cells = CELLS.filter(({ fault, stage }) => `${fault.name}, ${stage.name}`.includes(only));
  const more = Array.from(
    { length: Math.max(0, runs - cells.length) },
    () => cells[Math.floor(random() * cells.length)]!,
  );
  return [...cells, ...more].slice(0, runs);
}

export function cellNamed(fault: string, stage: string): Cell {
  const cell = CELLS.find((one) => one.fault.name === fault && one.stage.name === stage);
  if (cell === undefined) throw new Error(`the matrix has no cell ${fault}, ${stage}`);
  return cell;
}
