/** `ceph-volume inventory`: what Ceph itself says of the host's devices. */
import { z } from "zod";

import type { Json } from "../../index.ts";
import { programPath } from "../daemon-types.ts";
import { type AgentSettings, rootOf } from "../settings.ts";
import { udevProblem } from "./abilities.ts";
import { firstProblem } from "./first-problem.ts";
import { notInstalled, run } from "./programs.ts";

const json: z.ZodType<Json> = z.json();

/** A device as ceph-volume describes it; the releases differ in what more there is. */
const inventoryDevice = z.object({
  path: z.string(),
  sys_api: z.record(z.string(), json).default({}),
  available: z.boolean().nullish(),
  rejected_reasons: z.array(z.string()).default([]),
  device_id: z.string().nullish(),
  lvs: z.array(z.record(z.string(), json)).nullish(),
  lsm_data: z.record(z.string(), json).nullish(),
  ceph_device: z.boolean().nullish(),
  ceph_device_lvm: z.boolean().nullish(),
  crush_device_class: z.string().nullish(),
  being_replaced: z.boolean().nullish(),
});
export type InventoryDevice = z.output<typeof inventoryDevice>;

/** By path what ceph-volume said, and why it said nothing of the others. */
export interface Inventory {
  readonly devices: ReadonlyMap<string, InventoryDevice>;
  readonly problem: string | undefined;
}

/** What `ceph-volume inventory --format json` printed: of all devices a list, of one alone an object. */
export function parseInventory(output: string): InventoryDevice[] {
  const value: unknown = JSON.parse(output);
  return z.array(inventoryDevice).parse(Array.isArray(value) ? value : [value]);
}

const INVENTORY_MS = 120_000;

/** Asks for all devices at once, and one by one for those left out: loop devices, or all when one device spoils the list. */
export async function inventory(settings: AgentSettings, paths: readonly string[]): Promise<Inventory> {
  const root = rootOf(settings, "osd");
  const absent = programPath("ceph-volume", root) === undefined ? notInstalled("ceph-volume", root) : udevProblem(root);
  if (absent !== null) return { devices: new Map(), problem: absent };
  const whole = await ask(settings, []);
  const devices = new Map(whole.devices.map((device) => [device.path, device]));
  for (const path of paths.filter((wanted) => !devices.has(wanted))) {
    const one = await ask(settings, [path]);
    // What fails for one as for all will fail for the next too.
    if (one.problem !== undefined && one.problem === whole.problem) return { devices, problem: one.problem };
    for (const device of one.devices) devices.set(path, { ...device, path });
    if (one.problem !== undefined) devices.set(path, unknown(path, one.problem));
  }
  return { devices, problem: whole.problem };
}

function unknown(path: string, problem: string): InventoryDevice {
  return { path, sys_api: {}, available: false, rejected_reasons: [`ceph-volume cannot tell: ${problem}`] };
}

async function ask(
  settings: AgentSettings,
  paths: readonly string[],
): Promise<{ devices: InventoryDevice[]; problem?: string }> {
  const { code, stdout, stderr } = await run("ceph-volume", ["inventory", "--format", "json", ...paths], {
    root: rootOf(settings, "osd"),
    timeoutMs: INVENTORY_MS,
    environment: { CEPH_VOLUME_ALLOW_LOOP_DEVICES: "1" },
  });
  if (code !== 0) return { devices: [], problem: firstProblem(stderr, code) };
  try {
    return { devices: parseInventory(stdout) };
  } catch {
    return { devices: [], problem: "its answer is not the JSON that is known" };
  }
}
