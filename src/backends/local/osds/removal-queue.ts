/** The queue of OSDs that are being removed. It is in the agent's manifest and nowhere else. */
import { messageOf, NotFoundError, OrchestratorError, type OsdRemovalStatus, ValidationError } from "../../../index.ts";
import { isForeign, notOurs } from "../hosts/foreign.ts";
import type { Left } from "../rounds.ts";
import type { Site } from "../site.ts";
import { findOsd, isDestroyed, pgCounts, readOsdMap } from "./ceph-osds.ts";
import { pathsOfOsd } from "./host-state.ts";
import {
  NOTHING_SEEN,
  newRemoval,
  progressOf,
  REMOVALS,
  type Removal,
  type RemovalFlags,
  removal,
  statusRow,
} from "./removal-record.ts";
import { keyOf, stepOf } from "./removal-steps.ts";

/** Runs work while no OSD is being made: neither its id nor its device may change hands in the middle of a step. */
type Alone = <T>(work: () => Promise<T>) => Promise<T>;

/** More than a removal has; one that goes back and forth lets the others have their turn. */
const STEPS_AT_ONCE = 10;

export class RemovalQueue {
  readonly #site: Site;
  readonly #alone: Alone;

  constructor(site: Site, alone: Alone) {
    this.#site = site;
    this.#alone = alone;
  }

  /** Puts an OSD into the queue; one that is there already keeps its place. */
  async add(id: number, flags: RemovalFlags): Promise<void> {
    const hostname = await this.#site.hostname();
    const state = findOsd(await readOsdMap(this.#site), id);
    const uuid = state?.uuid ?? null;
    // A device may still bear the id, from an OSD that had it before.
    const own = (await this.#site.agent.request("osd/list", {})).find((osd) => osd.osd_uuid === uuid);
    const devices = own === undefined ? [] : pathsOfOsd(own);
    await this.#site.records.change(keyOf({ osd_id: id }), removal, (present): Removal | undefined => {
      const isFormer = state !== undefined && !isDestroyed(state) && present?.osd_uuid !== uuid;
      if (present === undefined || isFormer)
        return newRemoval({ osd_id: id, osd_uuid: uuid, hostname, devices }, flags);
      if (present.step !== "restoring") return undefined;
      // It was being put back: what it was before is known already.
      const step = present.former === null ? "queued" : "draining";
      return { ...present, ...flags, ...NOTHING_SEEN, step, drain_stopped_at: null, waits_for: null };
    });
  }

  /** Takes an OSD out of the queue, and begins to put it back as it was. False when it is not in it. */
  async stop(id: number): Promise<boolean> {
    const after = await this.#site.records.change(keyOf({ osd_id: id }), removal, (present): Removal | undefined => {
      if (present === undefined || present.step === "restoring") return undefined;
      if (present.step === "destroying")
        throw new OrchestratorError(`osd.${id} is being destroyed already: its removal cannot be stopped any more`);
      return { ...present, step: "restoring", drain_stopped_at: new Date().toISOString() };
    });
    return after !== undefined;
  }

  /** Those that are being removed; not those that are being put back. */
  async list(): Promise<Removal[]> {
    const records = [...(await this.#site.records.list(REMOVALS, removal)).values()];
    return records
      .filter(({ step }) => step !== "restoring")
      .sort(
        (one, other) => one.process_started_at.localeCompare(other.process_started_at) || one.osd_id - other.osd_id,
      );
  }

  async status(): Promise<OsdRemovalStatus[]> {
    const records = await this.list();
    const counts = records.length === 0 ? new Map<number, number>() : await this.#counts();
    return records.map((record) => statusRow(record, counts.get(record.osd_id) ?? -1));
  }

  /** How far these removals are; null when none of them is in the queue any more. */
  async progress(ids: readonly number[]): Promise<readonly [fraction: number, text: string] | null> {
    const left = (await this.list()).filter(({ osd_id: id }) => ids.includes(id));
    const counts = left.length === 0 ? new Map<number, number>() : await this.#counts();
    const parts = left.map((record) => progressOf(record, counts.get(record.osd_id) ?? -1));
    const [first] = parts;
    if (first === undefined) return null;
    const done = ids.length - left.length + parts.reduce((sum, [fraction]) => sum + fraction, 0);
    return [done / ids.length, first[1]];
  }

  /** How far those are that can go, and those that are put back; null when all others wait for OSDs that there are not. */
  async goingOn(): Promise<readonly [fraction: number, text: string] | null> {
    const records = [...(await this.#site.records.list(REMOVALS, removal)).values()];
    const [first] = records.filter(({ step, waits_for: reason }) => step !== "queued" || reason === null);
    if (first === undefined) return null;
    if (first.step === "restoring") return [0, `osd.${first.osd_id} is being put back`];
    return progressOf(first, (await this.#counts()).get(first.osd_id) ?? -1);
  }

  /** Waits for none that is put back. */
  async restoring(id: number): Promise<boolean> {
    return (await this.#site.records.get(keyOf({ osd_id: id }), removal))?.step === "restoring";
  }

  /** One step of every removal. One that fails does not hold the others up. */
  async round(): Promise<Left> {
    const records = [...(await this.#site.records.list(REMOVALS, removal)).values()].sort(
      (one, other) => one.osd_id - other.osd_id,
    );
    const failures: string[] = [];
    for (const { osd_id: id } of records) {
      try {
        await this.#alone(() => this.#steps(id));
      } catch (error) {
        failures.push(`osd.${id}: ${messageOf(error)}`);
      }
    }
    if (failures.length > 0) throw new OrchestratorError(failures.join("; "));
    return records.length === 0 ? "nothing" : "more";
  }

  /** As many steps as may follow each other at once. */
  async #steps(id: number): Promise<void> {
    for (let steps = 0; steps < STEPS_AT_ONCE; steps += 1) {
      const queue = [...(await this.#site.records.list(REMOVALS, removal)).values()];
      const record = queue.find((one) => one.osd_id === id);
      const others = queue.filter((one) => one.osd_id !== id);
      if (record === undefined || !(await stepOf(this.#site, record, others))) return;
    }
  }

  /** The ids of OSDs that the agent runs, given as text. */
  async idsOf(texts: readonly string[]): Promise<number[]> {
    const daemons = await this.#site.agent.request("daemon/list", {});
    return texts.map((text) => {
      const daemon = /^\d+$/.test(text) ? daemons.find(({ name }) => name === `osd.${Number(text)}`) : undefined;
      if (daemon === undefined)
        throw new NotFoundError(`OSD ${text} does not exist; 'ceph orch ps --daemon-type osd' lists the OSDs`);
      if (isForeign(daemon)) throw new ValidationError(notOurs(daemon));
      return Number(text);
    });
  }

  /** Not known while the manager has no statistics; that is no reason to hide the queue. */
  async #counts(): Promise<Map<number, number>> {
    try {
      return await pgCounts(this.#site);
    } catch (error) {
      this.#site.log.debug(`the number of placement groups is not known: ${String(error)}`);
      return new Map();
    }
  }
}
