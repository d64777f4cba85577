/** What is going on when the fault strikes: writes of an operator, each until it is answered with success. */
import { expect } from "vitest";

import type { LocalCluster } from "../ceph/local/local-cluster.ts";

/** What the host is to have when all has come to rest. */
export interface Wanted {
  readonly osds: number;
  readonly mds: number;
}

export interface Activity {
  readonly name: string;
  /** Whether it can be done with that many. */
  fits(wanted: Wanted): boolean;
  /** Asks until it is answered with success; gives what is wanted from then on. */
  act(at: LocalCluster, wanted: Wanted, random: () => number): Promise<Wanted>;
}

/** Two copies stay possible with so many; one more device than these can bear is there. */
const FEWEST = 3;
const MOST = 4;

interface DeviceRow {
  readonly devices: readonly { readonly path: string; readonly available: boolean }[];
}

const createOsd: Activity = {
  name: "an OSD is created",
  fits: ({ osds }) => osds < MOST,
  async act(at, wanted) {
    const path = await at.eventually("a free device", async () => (await freePaths(at))[0]);
    await answered(at, ["orch", "daemon", "add", "osd", `h1:${path}`], /Created (no )?osd\(s\)/);
    return { ...wanted, osds: wanted.osds + 1 };
  },
};

const removeOsd: Activity = {
  name: "an OSD is removed",
  fits: ({ osds }) => osds > FEWEST,
  async act(at, wanted, random) {
    const id = pick(await osdIds(at), random);
    await answered(at, ["orch", "osd", "rm", String(id), "--zap"], /Scheduled OSD|not found|does not exist/i);
    return { ...wanted, osds: wanted.osds - 1 };
  },
};

const replaceOsd: Activity = {
  name: "an OSD is replaced",
  fits: ({ osds }) => osds > FEWEST,
  async act(at, wanted, random) {
    const id = pick(await osdIds(at), random);
    await answered(at, ["orch", "osd", "rm", String(id), "--replace", "--zap"], /Scheduled OSD/);
    await at.eventually(`osd.${id} to be destroyed`, async () => {
      const { nodes } = await at.mon<{ nodes: { id: number; status?: string }[] }>("osd tree");
      return nodes.some((node) => node.id === id && node.status === "destroyed") || undefined;
    });
    const after = await createOsd.act(at, { ...wanted, osds: wanted.osds - 1 }, random);
    expect(await osdIds(at), "the id is used again").toContain(id);
    return after;
  },
};

const applyMds: Activity = {
  name: "MDS daemons are added or removed",
  fits: () => true,
  async act(at, wanted) {
    const mds = wanted.mds === 1 ? 3 : 1;
    await answered(at, ["orch", "apply", "mds", "home", `--placement=${mds}`], /Scheduled mds\.home update/);
    return { ...wanted, mds };
  },
};

const restartOsds: Activity = {
  name: "a daemon is restarted",
  fits: () => true,
  async act(at, wanted, random) {
    const id = pick(await osdIds(at), random);
    await answered(at, ["orch", "daemon", "restart", `osd.${id}`], /Scheduled to restart/);
    return wanted;
  },
};

export const ACTIVITIES: readonly Activity[] = [createOsd, removeOsd, replaceOsd, applyMds, restartOsds];

/** The devices on which an OSD can be made. */
export async function freePaths(at: LocalCluster): Promise<string[]> {
  const rows = await at.read<DeviceRow[]>("orch device ls");
  return rows.flatMap(({ devices }) => devices.filter(({ available }) => available).map(({ path }) => path));
}

export async function osdIds(at: LocalCluster): Promise<number[]> {
  return at.mon<number[]>("osd ls");
}

function pick(ids: readonly number[], random: () => number): number {
  const id = ids[Math.floor(random() * ids.length)];
  if (id === undefined) throw new Error("there is no OSD");
  return id;
}

/** Asks again until the answer is a success, as whoever got an error or none does. */
async function answered(at: LocalCluster, command: readonly string[], wanted: RegExp): Promise<void> {
  await at.eventually(`${command.join(" ")} to be answered`, async () => {
    const { code, stdout, stderr } = await at.ceph(command, { timeoutMs: 60_000 });
    if (wanted.test(`${stdout}${stderr}`)) return true;
    if (code === 0) throw new Error(`unexpected answer: ${stdout}${stderr}`);
    throw new Error(stderr);
  });
}
