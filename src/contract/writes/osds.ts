/** Writes about OSDs and devices. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { DaemonDescription, InventoryHost, OsdRemovalStatus } from "../../index.ts";
import type { Bench } from "../bench.ts";
import { driveGroup, type FreeDevice, freeDevice, madeOsd, osdIds } from "../sample.ts";
import type { Write } from "./write.ts";

async function isFree(bench: Bench, { host, path }: FreeDevice): Promise<boolean | undefined> {
  const inventory = await bench.read<InventoryHost[]>("getInventory", { host_filter: { hosts: [host] } });
  return inventory[0]?.devices.find((device) => device.path === path)?.available ?? undefined;
}

async function osd(bench: Bench, id: string): Promise<DaemonDescription | undefined> {
  const [found] = await bench.read<DaemonDescription[]>("listDaemons", { daemon_type: "osd", daemon_id: id });
  return found;
}

export const OSD_WRITES: readonly Write[] = [
  {
    method: "createOsds",
    source: "Orchestrator.create_osds: makes OSDs on the devices of the drive group; `ceph orch ps` lists them",
    needs: ["getInventory", "listDaemons"],
    bare: true,
    async prepare(bench) {
      const device = await freeDevice(bench);
      const before = await osdIds(bench);
      const made = async (): Promise<string[]> => (await osdIds(bench)).filter((id) => !before.includes(id));
      const up = async (): Promise<boolean> => {
        const [id] = await made();
        return id !== undefined && (await osd(bench, id))?.status === 1;
      };
      const seen = async (): Promise<void> => {
        const ids = await made();
        equal(ids.length, 1, `one device was given, and ${ids.length} OSDs were made`);
        const daemon = await osd(bench, ids[0] ?? "");
        equal(daemon?.hostname, device.host);
        equal(daemon?.status, 1, `osd.${ids[0]} does not run`);
        equal(await isFree(bench, device), false, `${device.path} carries an OSD and is still available`);
      };
      return { params: { drive_group: driveGroup(device) }, names: [device.host], seen, done: up };
    },
  },
  {
    method: "removeOsds",
    source: "Orchestrator.remove_osds: the OSDs drain and go; `ceph orch osd rm status` lists them until then",
    needs: ["createOsds", "listDaemons", "getInventory"],
    async prepare(bench) {
      const { id } = await madeOsd(bench);
      const gone = async (): Promise<boolean> => (await osd(bench, id)) === undefined;
      const seen = async (): Promise<void> => {
        ok(await gone(), `osd.${id} is still there`);
        if (!bench.has("removeOsdsStatus")) return;
        const queue = await bench.read<OsdRemovalStatus[]>("removeOsdsStatus");
        deepEqual(
          queue.filter(({ osd_id }) => String(osd_id) === id),
          [],
          `osd.${id} is gone and still in the queue`,
        );
      };
      return { params: { osd_ids: [id] }, names: [], seen, done: gone };
    },
  },
  {
    method: "removeOsds",
    of: "with zap",
    source: "Orchestrator.remove_osds(zap): the devices are erased afterwards, so they are available again",
    needs: ["createOsds", "listDaemons", "getInventory"],
    async prepare(bench) {
      const { id, device } = await madeOsd(bench);
      const done = async (): Promise<boolean> =>
        (await osd(bench, id)) === undefined && (await isFree(bench, device)) === true;
      const seen = async (): Promise<void> =>
        ok(await done(), `osd.${id} is not gone, or ${device.path} not available`);
      return { params: { osd_ids: [id], zap: true }, names: [], seen, done };
    },
  },
  {
    method: "zapDevice",
    source: "Orchestrator.zap_device: the device is erased, so it is available",
    needs: ["createOsds", "removeOsds", "listDaemons", "getInventory"],
    async prepare(bench) {
      const { id, device } = await madeOsd(bench);
      await bench.write("removeOsds", { osd_ids: [id] });
      const seen = async (): Promise<void> =>
        equal(await isFree(bench, device), true, `${device.path} is not available`);
      return { params: device, names: [device.path], seen };
    },
  },
  {
    method: "blinkDeviceLight",
    source: "Orchestrator.blink_device_light: a line for each device",
    needs: ["getInventory"],
    bare: true,
    async prepare(bench) {
      const { host, path } = await freeDevice(bench);
      const dev = path.replace(/^.*\//, "");
      return {
        params: { ident_fault: "ident", on: true, locations: [{ host, dev, path }] },
        names: [],
        async seen() {},
      };
    },
  },
];
