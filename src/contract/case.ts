/** One case of the suite, and what it can say besides that it passes. */
import type { BackendMethodName } from "../index.ts";
import type { Bench } from "./bench.ts";

export interface Case {
  /** A sentence: what holds. It begins with what it is about. */
  readonly name: string;
  /** The behaviour of Ceph, or of the bridge in it, that the case mirrors. */
  readonly source: string;
  /** The methods without which there is nothing to check. */
  readonly needs: readonly BackendMethodName[];
  /** The dialect whose calls it makes; modern when left out. */
  readonly dialect?: "classic";
  /** True of a case that makes a thousand writes. */
  readonly long?: true;
  run(bench: Bench): Promise<void>;
}

/** Why a case has nothing to check in this backend. */
export class Skip extends Error {}

/** Resolves when `holds` does; rejects with a sentence after that time. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs: number, what: string): Promise<void> {
  const end = performance.now() + withinMs;
  for (let wait = 0; !(await holds()); wait = Math.min(50, wait + 2)) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
