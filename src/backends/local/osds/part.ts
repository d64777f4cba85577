/** The OSDs' part of the backend: what works on them in the background, and what the other parts ask of it. */
import {
  type DriveGroupSpec,
  matchingHosts,
  messageOf,
  type Operation,
  OrchestratorError,
  type OsdPreview,
  type PlanRow,
  placementOf,
  previewOf,
  serviceName,
} from "../../../index.ts";
import type { DrainOsds } from "../hosts/methods.ts";
import { readHost, takesDaemons } from "../hosts/record.ts";
import { type Left, Rounds } from "../rounds.ts";
import { unprepare } from "../services/prepare.ts";
import { changeService, readServices, type ServiceRecord } from "../services/record.ts";
import type { Site } from "../site.ts";
import { readOsdMap } from "./ceph-osds.ts";
import { applyOptions } from "./group-options.ts";
import { type HostState, osdsAt, readHostState } from "./host-state.ts";
import { checkMatches, checkPaths, wishesOf } from "./layout.ts";
import { notUp, OsdMaker } from "./maker.ts";
import { MAKING, making } from "./making-record.ts";
import { RemovalQueue } from "./removal-queue.ts";

/** A device on which an OSD could not be made is tried again after this time, then after twice of it, at most an hour. */
const AGAIN_MS = 60_000;
const AGAIN_AT_MOST_MS = 3_600_000;

export class OsdPart {
  readonly site: Site;
  readonly maker: OsdMaker;
  readonly queue: RemovalQueue;
  /** Makes what managed drive groups lack, and what was begun. */
  readonly making: Rounds;
  readonly removing: Rounds;
  /** For hosts that are drained. */
  readonly drain: DrainOsds;
  readonly #failed = new Map<string, { readonly failures: number; readonly until: number }>();

  constructor(site: Site) {
    this.site = site;
    this.maker = new OsdMaker(site);
    this.queue = new RemovalQueue(site, (work) => this.maker.alone(work));
    this.making = new Rounds("making OSDs", site.log, () => this.round());
    this.removing = new Rounds("removing OSDs", site.log, () => this.queue.round());
    this.drain = {
      queue: async (ids, { zap }) => {
        for (const id of ids) await this.queue.add(id, { zap, force: false, replace: false, no_destroy: false });
        this.removing.kick();
      },
      unqueue: async (ids) => {
        for (const id of ids) await this.queue.stop(id);
        this.removing.kick();
      },
      left: patiently(() => this.queue.goingOn()),
    };
  }

  start(): void {
    this.making.start();
    this.removing.start();
  }

  async close(): Promise<void> {
    await Promise.all([this.making.close(), this.removing.close()]);
  }

  /** Throws where an applied drive group asks for what cannot be: before it is written down. */
  async checkSpec(spec: DriveGroupSpec): Promise<void> {
    const state = await readHostState(this.site, true);
    if (!(await this.isForHost(spec))) return;
    checkPaths(spec, state);
    wishesOf(spec, state, this.site.options);
    if (spec.unmanaged !== true) checkMatches(spec, state);
  }

  /** What a drive group would make, as `ceph orch apply osd --dry-run` shows it. Touches nothing. */
  async preview(spec: DriveGroupSpec): Promise<{ [hostname: string]: OsdPreview[] }> {
    if (!(await this.isForHost(spec))) return {};
    const state = await readHostState(this.site, true);
    const { hostname } = state.host;
    const osdspec = spec.service_id ?? "osd";
    try {
      checkPaths(spec, state);
      const { wishes, notes } = wishesOf(spec, state, this.site.options);
      const none =
        wishes.length > 0 || notes.length > 0
          ? []
          : [`${hostname} has no free device that ${serviceName(spec)} asks for`];
      return {
        [hostname]: [{ osdspec, data: wishes.map(({ layout }) => previewOf(layout)), notes: [...notes, ...none] }],
      };
    } catch (error) {
      if (!(error instanceof OrchestratorError)) throw error;
      return { [hostname]: [{ osdspec, data: [], notes: [], error: true, message: error.message }] };
    }
  }

  /** The row of `ceph orch apply --dry-run` for a drive group. */
  async plan(spec: DriveGroupSpec): Promise<PlanRow> {
    return { service_type: "osd", service_name: serviceName(spec), data: await this.preview(spec) };
  }

  /** The drive groups that are kept. */
  async specs(): Promise<DriveGroupSpec[]> {
    return (await this.#groups()).filter(({ deleted }) => !deleted).map(({ spec }) => spec);
  }

  /** Their records, and those that are to be forgotten. */
  async #groups(): Promise<GroupRecord[]> {
    return [...(await readServices(this.site)).values()].filter((record) => isGroup(record));
  }

  /** Whether the drive group is for this host, and the host takes daemons. */
  async isForHost(spec: DriveGroupSpec): Promise<boolean> {
    const record = await readHost(this.site);
    const host = { hostname: await this.site.hostname(), labels: record.labels };
    return takesDaemons(record) && matchingHosts(placementOf(spec), [host]).length > 0;
  }

  /** That no OSDs are made or started now; null where they are. For those who wait for them. */
  async resting(): Promise<readonly [fraction: number, text: string] | null> {
    const { maintenance } = await readHost(this.site);
    return maintenance ? [0, `host ${await this.site.hostname()} is in maintenance`] : null;
  }

  /** Waits until what a drive group asks of this host is there and up. */
  async untilMade(spec: DriveGroupSpec, operation: Operation): Promise<void> {
    const service = serviceName(spec);
    await this.making.until(
      operation,
      patiently(async () => {
        const current = (await this.specs()).find((one) => serviceName(one) === service);
        if (current === undefined || current.unmanaged === true || !(await this.isForHost(current))) return null;
        const resting = await this.resting();
        if (resting !== null) return resting;
        const daemons = await this.site.agent.request("daemon/list", {});
        const own = daemons.filter((daemon) => daemon.service === service && daemon.desired === "running");
        const ids = own.map(({ id }) => Number(id));
        const coming = [...(await this.site.records.list(MAKING, making)).values()].filter(
          (record) => record.service === service,
        );
        const left = coming.length + (await notUp(this.site, ids)).length;
        if (left > 0) return [1 - left / (coming.length + own.length), `${left} OSD(s) of ${service} are not up yet`];
        // Only now are the devices looked at, which takes ceph-volume a second.
        const { wishes } = wishesOf(current, await readHostState(this.site), this.site.options);
        return wishes.length === 0 ? null : [0, `${wishes.length} OSD(s) of ${service} are to be made`];
      }),
    );
  }

  /** Waits until these OSDs are up. */
  async untilUp(ids: readonly number[], operation: Operation): Promise<void> {
    await this.making.until(
      operation,
      patiently(async () => {
        const down = await notUp(this.site, ids);
        if (down.length === 0) return null;
        const daemons = await this.site.agent.request("daemon/list", {});
        const wanted = down.filter((id) =>
          daemons.some(({ name, desired }) => name === `osd.${id}` && desired === "running"),
        );
        if (wanted.length === 0) return null;
        const ends = daemons.find(
          ({ name, last_exit: exit }) => name === `osd.${wanted[0]}` && exit !== null,
        )?.last_exit;
        const why = ends === undefined || ends === null ? "" : `; it ended: ${ends}`;
        return [1 - wanted.length / ids.length, `osd.${wanted.join(", osd.")} is starting${why}`];
      }),
    );
  }

  /** The OSDs on a device that the cluster still counts on, whether they run or not. */
  async livingOn(path: string, { osds }: HostState): Promise<number[]> {
    const users = osdsAt(osds, path).filter(({ fsid }) => fsid === this.site.ceph.fsid);
    if (users.length === 0) return [];
    const map = await readOsdMap(this.site);
    return users.filter(({ osd_uuid: uuid }) => map.osds.some((osd) => osd.uuid === uuid)).map(({ osd_id: id }) => id);
  }

  /** Finishes what was begun, and makes what managed drive groups lack. A group that was removed is forgotten; its OSDs stay. */
  async round(): Promise<Left> {
    const groups = await this.#groups();
    for (const record of groups) if (record.deleted) await this.#forget(record);
    if ((await this.resting()) !== null) return "nothing";
    await this.maker.clearLeftovers();
    const failures: string[] = [];
    for (const key of (await this.site.records.list(MAKING, making)).keys())
      await this.#tryMake(`${MAKING}${key}`, failures);
    for (const spec of await this.specs()) {
      if (spec.unmanaged === true || !(await this.isForHost(spec))) continue;
      await this.#fulfil(spec, failures);
      await this.#configure(serviceName(spec), failures);
    }
    if (failures.length > 0) throw new OrchestratorError(failures.join("; "));
    return "nothing";
  }

  async #forget(record: GroupRecord): Promise<void> {
    await unprepare(this.site, record);
    await changeService(this.site, serviceName(record.spec), (now) => (now?.deleted === true ? null : undefined));
  }

  async #configure(name: string, failures: string[]): Promise<void> {
    try {
      const record = (await readServices(this.site)).get(name);
      if (record !== undefined && isGroup(record) && !record.deleted) await applyOptions(this.site, name, record);
    } catch (error) {
      failures.push(messageOf(error));
    }
  }

  /** What is wrong with one drive group does not hold up the others. */
  async #fulfil(spec: DriveGroupSpec, failures: string[]): Promise<void> {
    let keys: string[] = [];
    try {
      keys = await this.maker.alone(async () => {
        const { wishes } = wishesOf(spec, await readHostState(this.site), this.site.options);
        const open = wishes.filter(({ layout }) => this.#mayTry(layout.data));
        return this.maker.begin(spec, open, false);
      });
    } catch (error) {
      failures.push(messageOf(error));
    }
    for (const key of keys) await this.#tryMake(key, failures);
  }

  async #tryMake(key: string, failures: string[]): Promise<void> {
    const record = await this.site.records.get(key, making);
    if (record === undefined) return;
    try {
      await this.maker.make(key);
      this.#failed.delete(record.data);
    } catch (error) {
      const count = (this.#failed.get(record.data)?.failures ?? 0) + 1;
      const wait = Math.min(AGAIN_AT_MOST_MS, AGAIN_MS * 2 ** (count - 1));
      this.#failed.set(record.data, { failures: count, until: Date.now() + wait });
      failures.push(messageOf(error));
    }
  }

  #mayTry(path: string): boolean {
    return (this.#failed.get(path)?.until ?? 0) <= Date.now();
  }
}

type GroupRecord = ServiceRecord & { readonly spec: DriveGroupSpec };

function isGroup(record: ServiceRecord): record is GroupRecord {
  return record.spec.service_type === "osd";
}

type Look = () => Promise<readonly [fraction: number, text: string] | null>;

/** A look that fails, because the agent or the manager starts just then, is no end of the waiting: it is told and done again. */
export function patiently(look: Look): Look {
  return () => look().catch((error: unknown) => [0, messageOf(error)] as const);
}
