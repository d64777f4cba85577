/** Objects written before things go wrong, and read back after: nothing else shows that no data was lost. */
import { expect } from "vitest";

import type { LocalCluster } from "../ceph/local/local-cluster.ts";

const POOL = "kept";
const OBJECTS = 48;
const PGS = 8;

/** Each object holds its own name, over and over, half a megabyte of it. */
const WRITE = `
set -e
for i in $(seq ${OBJECTS}); do yes "object-$i" | head -c 500000 | rados -p ${POOL} put "object-$i" -; done
`;

const READ = `
for i in $(seq ${OBJECTS}); do
  kept=$(rados -p ${POOL} get "object-$i" - | sha256sum)
  if [ "$kept" != "$(yes "object-$i" | head -c 500000 | sha256sum)" ]; then echo "object-$i"; fi
done
`;

/** Makes a pool of two copies and fills it. */
export async function keepData(at: LocalCluster): Promise<void> {
  await at.ok(`osd pool create ${POOL} ${PGS}`);
  await at.ok(`osd pool set ${POOL} size 2`);
  // Writes go on while one of two copies is away.
  await at.ok(`osd pool set ${POOL} min_size 1`);
  await at.ok(`osd pool application enable ${POOL} rados`);
  const { code, stderr } = await at.cluster.inRoot(["/bin/bash", "-c", WRITE]);
  expect(code, stderr).toBe(0);
}

/** The names of the objects that are not as they were written. */
export async function lostData(at: LocalCluster): Promise<string[]> {
  const { code, stdout, stderr } = await at.cluster.inRoot(["/bin/bash", "-c", READ]);
  expect(code, stderr).toBe(0);
  return stdout.split("\n").filter((line) => line !== "");
}

interface PgSummary {
  readonly pgmap: { readonly pgs_by_state?: readonly { readonly state_name: string; readonly count: number }[] };
}

interface DataSummary {
  readonly pgmap: { readonly unfound_objects?: number; readonly degraded_objects?: number };
}

/** What stands against all data being where it belongs: a sentence, or undefined. */
export async function unclean(at: LocalCluster): Promise<string | undefined> {
  const { pgmap } = await at.mon<PgSummary & DataSummary>("status");
  const states = (pgmap.pgs_by_state ?? []).filter(({ state_name: state }) => !/^active\+clean(\+|$)/.test(state));
  if (states.length > 0) return states.map(({ state_name: state, count }) => `${count} ${state}`).join(", ");
  return (pgmap.unfound_objects ?? 0) > 0 ? `${pgmap.unfound_objects} objects unfound` : undefined;
}
