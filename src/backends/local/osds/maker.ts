/** Makes OSDs, step by step and again from the start after any interruption: each step finds what it did before. */
import { randomUUID } from "node:crypto";
import { z } from "zod";

import type { HostOsd } from "../../../agent/client.ts";
import {
  type DriveGroupSpec,
  isOrchestratorError,
  OrchestratorError,
  type OsdLayout,
  serviceName,
  UnavailableError,
} from "../../../index.ts";
import type { Site } from "../site.ts";
import { crushPlaces, destroyedHere, findKeyring, findOsd, isNew, readOsdMap, takeOut } from "./ceph-osds.ts";
import { digestOf } from "./host-state.ts";
import { classFor, type Wish } from "./layout.ts";
import { MAKING, type Making, making } from "./making-record.ts";
import { REMOVALS, removal } from "./removal-record.ts";

const OSD_CAPS = ["mon", "allow profile osd", "mgr", "allow profile osd", "osd", "allow *"];
const BOOTSTRAP = "client.bootstrap-osd";

const newOsd = z.object({ osdid: z.int() });

export class OsdMaker {
  readonly #site: Site;
  /** Why an OSD could not be made, by the key of its record; for who waited for it while another one tried. */
  readonly failures = new Map<string, OrchestratorError>();
  /** One OSD is made at a time, whoever asks. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(site: Site) {
    this.#site = site;
  }

  /**
   * Writes down what is to be made; gives the keys of the records. A device that is written down already keeps its record. To be
   * run while no OSD is made (`alone`), from the look at the devices on: else somebody else could have made it meanwhile.
   */
  async begin(spec: DriveGroupSpec, wishes: readonly Wish[], once: boolean): Promise<string[]> {
    const claimed = wishes.length === 0 ? [] : await this.#freeClaims(spec);
    const keys: string[] = [];
    for (const { layout, method } of wishes) {
      const key = await this.#keyFor(layout, keys);
      const record: Making = {
        data: layout.data,
        data_size: layout.data_size ?? null,
        db_size: layout.block_db_size ?? null,
        wal_size: layout.block_wal_size ?? null,
        block_db: layout.block_db ?? null,
        block_wal: layout.block_wal ?? null,
        method,
        encrypted: spec.spec?.encrypted ?? false,
        device_class: classFor(spec, layout),
        config: Object.fromEntries(
          Object.entries(spec.spec?.config ?? {}).map(([name, value]) => [name, String(value)]),
        ),
        service: serviceName(spec),
        spec_id: spec.service_id ?? "",
        osd_uuid: randomUUID(),
        osd_id: claimed[0] ?? null,
        claimed: claimed.length > 0,
        once,
      };
      const written = await this.#site.records.change(key, making, (before) =>
        before === undefined ? record : undefined,
      );
      if (written?.osd_uuid === record.osd_uuid) claimed.shift();
      keys.push(key);
    }
    return keys;
  }

  /** Of a device that OSDs share there is a record for each: the first that is not taken. */
  async #keyFor({ data, data_size: size }: OsdLayout, keys: readonly string[]): Promise<string> {
    const first = `${MAKING}${digestOf(data)}`;
    if (size === undefined) return first;
    const present = await this.#site.records.list(MAKING, making);
    for (let number = 1; ; number += 1) {
      const key = number === 1 ? first : `${first}-${number}`;
      if (!keys.includes(key) && !present.has(key.slice(MAKING.length))) return key;
    }
  }

  /**
   * Makes the OSD of a record; gives its id. What fails is undone, so that the device is as it was and no id is lost, and thrown.
   * Undefined when the record is gone: somebody else made it, or gave it up.
   */
  make(key: string): Promise<number | undefined> {
    return this.alone(async () => {
      const record = await this.#site.records.get(key, making);
      if (record === undefined) return undefined;
      try {
        return await this.#make(key, record);
      } catch (error) {
        // An agent that is away, or a process that ends, says nothing about the device: what was begun goes on later.
        if (!isOrchestratorError(error) || error instanceof UnavailableError) throw error;
        const failure = withPlace(error, record.data, await this.#site.hostname());
        this.failures.set(key, failure);
        await this.#giveUp(key);
        throw failure;
      }
    });
  }

  /** Forgets OSDs that were not begun yet. */
  async cancel(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.alone(() => this.#giveUp(key));
  }

  /** Ids that ceph-volume took for OSDs and was interrupted before it made them go back to the monitors. */
  clearLeftovers(): Promise<void> {
    return this.alone(async () => {
      const uuids = await this.#site.agent.request("osd/leftovers", { forget: [] });
      if (uuids.length === 0) return;
      const present = new Set((await this.#site.agent.request("osd/list", {})).map(({ osd_uuid: uuid }) => uuid));
      for (const uuid of uuids) if (!present.has(uuid)) await returnId(this.#site, uuid);
      await this.#site.agent.request("osd/leftovers", { forget: uuids });
    });
  }

  /** Takes back what was done of a record: its id goes back to the monitors, its devices are erased. Never one that may have run. */
  async #giveUp(key: string): Promise<void> {
    const record = await this.#site.records.get(key, making);
    if (record === undefined) return;
    await this.#undo(record);
    await this.#site.records.delete(key, making);
  }

  async #make(key: string, record: Making): Promise<number> {
    const osd = record.method === "lvm" ? await this.#byCephVolume(key, record) : await this.#onDevice(key, record);
    const { osd_id: id } = osd;
    for (const [name, value] of Object.entries(record.config))
      await this.#site.mon({ prefix: "config set", who: `osd.${id}`, name, value });
    await this.#site.agent.request("daemon/deploy", {
      daemon: { name: `osd.${id}`, service: record.service, labels: { osdspec_affinity: record.spec_id } },
    });
    // One that takes over an id is out, as its forerunner was.
    if (record.claimed) await this.#site.mon({ prefix: "osd in", ids: [String(id)] });
    await this.#site.records.delete(key, making);
    return id;
  }

  async #onDevice(key: string, record: Making): Promise<HostOsd> {
    const id = await this.#idOf(key, record);
    const entity = `osd.${id}`;
    return this.#prepare(record, id, {
      keyring: await this.#site.mon({ prefix: "auth get-or-create", entity, caps: OSD_CAPS }),
      bootstrap_keyring: null,
    });
  }

  async #byCephVolume(key: string, record: Making): Promise<HostOsd> {
    const known = await findKeyring(this.#site, BOOTSTRAP);
    const caps = ["mon", "allow profile bootstrap-osd"];
    const create = { prefix: "auth get-or-create", entity: BOOTSTRAP, caps };
    return this.#prepare(record, record.osd_id, {
      keyring: null,
      bootstrap_keyring: known ?? (await this.#site.mon(create)),
    });
  }

  async #prepare(
    record: Making,
    id: number | null,
    keys: { keyring: string | null; bootstrap_keyring: string | null },
  ): Promise<HostOsd> {
    return this.#site.agent.request("osd/prepare", {
      method: record.method,
      block: record.data,
      db: record.block_db,
      wal: record.block_wal,
      block_size: record.data_size,
      db_size: record.db_size,
      wal_size: record.wal_size,
      osd_id: id,
      // ceph-volume makes up its own, but for one that it has to find among others.
      osd_uuid: record.method === "lvm" && !isDivided(record) ? null : record.osd_uuid,
      fsid: this.#site.ceph.fsid,
      encrypted: record.encrypted,
      device_class: record.device_class,
      ...keys,
    });
  }

  /** The monitors answer the same id when they are asked again for the same uuid. */
  async #idOf(key: string, record: Making): Promise<number> {
    const claim = record.claimed && record.osd_id !== null ? { id: record.osd_id } : {};
    const fresh =
      record.device_class === null || record.claimed
        ? {}
        : { inbuf: JSON.stringify({ crush_device_class: record.device_class }) };
    const command = { prefix: "osd new", uuid: record.osd_uuid, ...claim, ...fresh };
    const { osdid: id } = await this.#site.monJson(command, newOsd);
    await this.#site.records.change(key, making, (present) =>
      present === undefined || present.osd_id === id ? undefined : { ...present, osd_id: id },
    );
    if (record.claimed && record.device_class !== null) {
      const ids = [String(id)];
      await this.#site.mon({ prefix: "osd crush rm-device-class", ids });
      await this.#site.mon({ prefix: "osd crush set-device-class", class: record.device_class, ids });
    }
    return id;
  }

  async #undo(record: Making): Promise<void> {
    const { agent } = this.#site;
    const osd = (await agent.request("osd/list", {})).find(({ osd_uuid: uuid }) => uuid === record.osd_uuid);
    const id = osd?.osd_id ?? record.osd_id;
    const daemons = await agent.request("daemon/list", {});
    if (daemons.some(({ name }) => name === `osd.${id}`))
      throw new OrchestratorError(`osd.${id} is on ${record.data} already; 'ceph orch osd rm ${id}' removes it`);
    await returnId(this.#site, record.osd_uuid);
    const paths = [record.data, record.block_db, record.block_wal].filter((path) => path !== null);
    await agent.request("osd/discard", { osd_uuid: record.osd_uuid, paths });
  }

  /** Ids for the next OSDs: those that the drive group claims for this host, else those that wait here to be replaced. */
  async #freeClaims(spec: DriveGroupSpec): Promise<number[]> {
    const hostname = await this.#site.hostname();
    const free = await destroyedHere(this.#site);
    const taken = new Set([...(await this.#site.records.list(MAKING, making)).values()].map(({ osd_id: id }) => id));
    // One that is not quite gone keeps its id until it is, but for what cannot be erased.
    const removals = [...(await this.#site.records.list(REMOVALS, removal)).values()];
    const leaving = new Set(
      removals.filter(({ erase_failed_at: failed }) => failed === null).map(({ osd_id: id }) => id),
    );
    const open = free.filter((id) => !taken.has(id) && !leaving.has(id));
    const claims = new Map(Object.entries(spec.spec?.osd_id_claims ?? {})).get(hostname)?.map(Number) ?? [];
    return [...claims.filter((id) => open.includes(id)), ...open.filter((id) => !claims.includes(id))];
  }

  /** Runs work while no OSD is being made. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function isDivided({ data_size: data, db_size: db, wal_size: wal }: Making): boolean {
  return [data, db, wal].some((size) => size !== null);
}

/** Gives an id back of an OSD that never ran: to be replaced still, where it has its place in CRUSH already, else to whoever comes next. */
async function returnId(site: Site, uuid: string): Promise<void> {
  const state = (await readOsdMap(site)).osds.find((osd) => osd.uuid === uuid);
  if (state === undefined) return;
  if (!isNew(state))
    throw new OrchestratorError(`osd.${state.osd} (${uuid}) ran already; 'ceph orch osd rm' removes it`);
  const placed = (await crushPlaces(site)).get(state.osd)?.placed ?? false;
  await takeOut(site, placed ? "osd destroy-actual" : "osd purge-new", state.osd);
}

function withPlace(error: OrchestratorError, path: string, hostname: string): OrchestratorError {
  if (error.message.includes(path)) return error;
  return new OrchestratorError(`device ${path} on host ${hostname}: ${error.message}`, { cause: error });
}

/** Those of these OSDs that are not up yet; one that is no more is not waited for. */
export async function notUp(site: Site, ids: readonly number[]): Promise<number[]> {
  const map = await readOsdMap(site);
  return ids.filter((id) => findOsd(map, id)?.up === 0);
}
