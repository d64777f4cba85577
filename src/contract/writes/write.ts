/** A write as the suite makes it: what makes it possible, and how its effect is seen. */
import type { BackendMethodName } from "../../index.ts";
import type { Bench } from "../bench.ts";

export interface Prepared {
  readonly params: object;
  /** What its answer has to name. */
  readonly names: readonly string[];
  /** Rejects unless the reads show its effect. */
  seen(): Promise<void>;
  /** Whether all of its effect is there: what may only be so once its second stage has run. Left out where a write has one stage. */
  done?(): Promise<boolean>;
}

export interface Write {
  readonly method: BackendMethodName;
  /** What tells it from another write of the same method. */
  readonly of?: string;
  /** Ceph's words for it. */
  readonly source: string;
  /** The methods needed beside its own. */
  readonly needs: readonly BackendMethodName[];
  /** True where it needs nothing but the world as it is at first, so that it can be resumed in one made anew. */
  readonly bare?: boolean;
  prepare(bench: Bench): Promise<Prepared>;
}
