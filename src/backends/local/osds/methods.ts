/** The methods for OSDs and their devices: making, replacing and removing OSDs, erasing and replacing devices. */
import {
  type Backend,
  checkPlacement,
  type DriveGroupSpec,
  messageOf,
  NotFoundError,
  type Operation,
  OrchestratorError,
  serviceName,
  ValidationError,
  type WriteCall,
} from "../../../index.ts";
import { isForeign, notOurs } from "../hosts/foreign.ts";
import { readHost, takesDaemons } from "../hosts/record.ts";
import type { Site } from "../site.ts";
import { destroyedHere, readOsdMap } from "./ceph-osds.ts";
import { digestOf, osdsAt, REPLACING, readHostState, replacing } from "./host-state.ts";
import { checkPaths, knownDevice, wishesOf } from "./layout.ts";
import { MAKING, making } from "./making-record.ts";
import { type OsdPart, patiently } from "./part.ts";
import { moveToService } from "./service-of-osd.ts";

export function osdReads(part: OsdPart) {
  return {
    removeOsdsStatus: () => part.queue.status(),
    async previewOsdspecs({ osdspec_name: name, osdspecs }) {
      const specs =
        osdspecs ?? (await part.specs()).filter(({ service_id: id }) => name === null || ["osd", id].includes(name));
      const rows = specs.map(async (spec) => ({ service_name: serviceName(spec), data: await part.preview(spec) }));
      return JSON.stringify(await Promise.all(rows));
    },
  } satisfies Backend;
}

export function osdWrites(part: OsdPart) {
  const { site, queue } = part;
  return {
    async createOsds({ drive_group: spec, skip_validation: skip }, call) {
      if (!call.resumed) await checkHost(site, spec);
      return create(part, call, spec, skip);
    },
    async replaceOsds({ drive_group: spec }, call) {
      const claims = claimsOf(spec, await site.hostname());
      if (!call.resumed) await checkHost(site, spec);
      // Taken up again, none is queued any more: the OSDs that have the ids by now may be the new ones.
      const open = call.resumed ? await stillQueued(part, claims) : await destroyClaimed(part, claims);
      if (claims.length === 0 || (open.length === 0 && !call.resumed)) return create(part, call, spec, false);
      return call.persisted(
        `Scheduled to destroy osds: ${open.join(", ")}, and to make new ones with their ids`,
        async (operation) => {
          await part.removing.until(
            operation,
            patiently(async () => (await queue.progress(open)) ?? (await part.resting())),
          );
          const ids = await make(part, spec, operation.signal);
          await part.untilUp(ids, operation);
        },
      );
    },
    async removeOsds(params, call) {
      const { osd_ids: texts, replace, force, zap, no_destroy } = params;
      // After a restart, those that are gone are done.
      const ids = await queue.idsOf(call.resumed ? await stillThere(part, texts) : texts);
      // Stopped since it was answered, a removal is not begun again.
      if (!call.resumed) {
        await markReplaced(part, ids, params);
        for (const id of ids) await queue.add(id, { replace, force, zap, no_destroy });
      }
      return call.persisted("Scheduled OSD(s) for removal.", untilRemoved(ids));
    },
    async stopRemoveOsds({ osd_ids: texts }, call) {
      const queued = new Set((await queue.list()).map(({ osd_id: id }) => String(id)));
      const missing = texts.filter((text) => !queued.has(text));
      if (missing.length > 0 && !call.resumed)
        throw new NotFoundError(
          `OSD ${missing.join(", ")} is not being removed; 'ceph orch osd rm status' lists the removals`,
        );
      const ids = texts.filter((text) => queued.has(text)).map(Number);
      for (const id of ids) await queue.stop(id);
      return call.persisted("Stopped OSD(s) removal", (operation) =>
        part.removing.until(
          operation,
          patiently(async () => {
            const left = await Promise.all(texts.map((text) => queue.restoring(Number(text))));
            return left.includes(true) ? [0, "putting the weights back"] : null;
          }),
        ),
      );
    },
    async setOsdSpec({ service_name: name, osd_ids: texts }) {
      const ids = await queue.idsOf(texts);
      const spec = (await part.specs()).find((one) => serviceName(one) === name);
      if (spec === undefined)
        throw new NotFoundError(`service ${name} is no OSD service; 'ceph orch ls osd' lists those there are`);
      for (const id of ids) await moveToService(site, id, spec);
      return `Updated service for osd ${ids.join(",")}`;
    },
    async zapDevice({ host: hostname, path }) {
      await site.checkHost(hostname);
      await checkUnused(part, path);
      await site.agent.request("osd/zap", { path });
      part.making.kick();
      return `zap successful for ${path} on ${hostname}`;
    },
    async replaceDevice({ hostname, device: given, clear, yes_i_really_mean_it: really }, call) {
      await site.checkHost(hostname);
      const path = given.startsWith("/") ? given : `/dev/${given}`;
      // Taken up again, the mark may have been taken back, and the disk that is there now may be the new one.
      if (call.resumed) {
        const queued = (await queue.list()).filter(({ devices }) => devices.includes(path));
        const ids = queued.map(({ osd_id: id }) => id);
        return call.persisted(replacingText(path, ids), untilRemoved(ids));
      }
      const state = await readHostState(site);
      knownDevice(state, path);
      const key = `${REPLACING}${digestOf(path)}`;
      if (clear) {
        await site.records.delete(key, replacing);
        part.making.kick();
        return `Device ${path} on host ${hostname} is no longer marked as being replaced`;
      }
      if (!really)
        throw new ValidationError(
          `replacing ${path} on host ${hostname} destroys its OSDs; --yes-i-really-mean-it does it`,
        );
      const living = await part.livingOn(path, state);
      const daemons = living.flatMap((id) => state.daemons.get(`osd.${id}`) ?? []);
      const ids = daemons.filter((daemon) => !isForeign(daemon)).map(({ id }) => Number(id));
      const staying = daemons.filter(isForeign).map((daemon) => notOurs(daemon, " and stays"));
      await site.records.put(key, replacing, { path });
      for (const id of ids) await queue.add(id, { replace: true, zap: true, force: false, no_destroy: false });
      return call.persisted([replacingText(path, ids), ...staying].join("\n"), untilRemoved(ids));
    },
  } satisfies Backend;

  function untilRemoved(ids: readonly number[]): (operation: Operation) => Promise<void> {
    return (operation) =>
      part.removing.until(
        operation,
        patiently(() => queue.progress(ids)),
      );
  }
}

function replacingText(path: string, ids: readonly number[]): string {
  if (ids.length === 0) return `Marked ${path} as being replaced.`;
  return `Scheduled to destroy osds: ${ids.join(", ")} and mark ${path} as being replaced.`;
}

/** A host that is asked for has to be this one, and to take OSDs. */
async function checkHost(site: Site, spec: DriveGroupSpec): Promise<void> {
  const { host_pattern: pattern } = spec.placement ?? {};
  // `ceph orch daemon add osd HOST:DEVICE` passes its host on as a pattern.
  if (typeof pattern === "string" && /^[A-Za-z0-9.-]+$/.test(pattern)) await site.checkHost(pattern);
  const record = await readHost(site);
  const hostname = await site.hostname();
  if (record.maintenance)
    throw new ValidationError(
      `host ${hostname} is in maintenance, so no OSDs are started on it; 'ceph orch host maintenance exit ${hostname}' ends that`,
    );
  checkPlacement(spec, [{ hostname, labels: record.labels }]);
  if (!takesDaemons(record))
    throw new ValidationError(
      `host ${hostname} is being drained, so it takes no OSDs; 'ceph orch host label rm ${hostname} _no_schedule' ends that`,
    );
}

async function create(part: OsdPart, call: WriteCall, spec: DriveGroupSpec, skip: boolean) {
  if (spec.spec?.preview_only === true) return "";
  const hostname = await part.site.hostname();
  if (call.resumed) {
    // It was answered when its OSDs were deployed: all that is left is to wait for them.
    const ids = await idsOn(part, spec);
    return call.persisted(made(ids, hostname), (operation) => part.untilUp(ids, operation));
  }
  const ids = await make(part, spec, call.signal, skip);
  if (ids.length === 0) return `Created no osd(s) on host ${hostname}; already created?`;
  return call.persisted(made(ids, hostname), (operation) => part.untilUp(ids, operation));
}

function made(ids: readonly number[], hostname: string): string {
  return `Created osd(s) ${ids.join(",")} on host '${hostname}'`;
}

/** Makes what the drive group lacks here; gives the ids. All is checked before anything is changed. */
async function make(part: OsdPart, spec: DriveGroupSpec, signal: AbortSignal, skip = false): Promise<number[]> {
  const { maker } = part;
  const keys = await maker.alone(() => {
    // The turn may come long after the caller was told that it took too long.
    signal.throwIfAborted();
    return begin(part, spec, skip);
  });
  const ids: number[] = [];
  for (const [index, key] of keys.entries()) {
    // What is written down goes on in the background; asked again, the caller hears of it.
    signal.throwIfAborted();
    try {
      ids.push(await makeOne(part, key));
    } catch (error) {
      await maker.cancel(keys.slice(index + 1));
      throw ids.length === 0 ? error : withMade(error, ids);
    }
  }
  return ids.sort((one, other) => one - other);
}

/** Writes down what the drive group lacks; gives the keys of the records. */
async function begin({ site, maker }: OsdPart, spec: DriveGroupSpec, skip: boolean): Promise<string[]> {
  const state = await readHostState(site, true);
  if (!skip) checkPaths(spec, state);
  const { wishes, notes, made: present } = wishesOf(spec, state, site.options);
  const coming = [...state.making].filter(([, { service, once }]) => once && service === serviceName(spec));
  if (notes.length > 0) throw new ValidationError(`${serviceName(spec)}: ${notes.join("; ")}`);
  if (wishes.length === 0 && coming.length === 0 && !present && !skip)
    throw new ValidationError(
      `${serviceName(spec)} matches no free device of host ${state.host.hostname}; 'ceph orch device ls ${state.host.hostname}' says why each is not available`,
    );
  return [...coming.map(([key]) => `${MAKING}${key}`), ...(await maker.begin(spec, wishes, true))];
}

async function makeOne({ site, maker }: OsdPart, key: string): Promise<number> {
  const record = await site.records.get(key, making);
  const id = await maker.make(key);
  if (id !== undefined) return id;
  const osds = record === undefined ? [] : osdsAt(await site.agent.request("osd/list", {}), record.data);
  const present = osds.find(({ osd_uuid: uuid }) => uuid === record?.osd_uuid) ?? osds[0];
  if (present !== undefined) return present.osd_id;
  throw maker.failures.get(key) ?? new OrchestratorError("the OSD was given up; the manager's log says why");
}

function withMade(error: unknown, ids: readonly number[]): unknown {
  const told = messageOf(error);
  return new OrchestratorError(`${told} (osd.${ids.join(", osd.")} before it were made)`, { cause: error });
}

/** The OSDs of a drive group's service, or on the devices that it names. */
async function idsOn(part: OsdPart, spec: DriveGroupSpec): Promise<number[]> {
  const state = await readHostState(part.site);
  const paths = (spec.spec?.data_devices?.paths ?? []).map((path) => (typeof path === "string" ? path : path.path));
  const service = serviceName(spec);
  return state.osds
    .filter(({ osd_id: id, devices }) =>
      paths.length > 0 ? paths.includes(devices.block) : state.daemons.get(`osd.${id}`)?.service === service,
    )
    .map(({ osd_id: id }) => id);
}

function claimsOf(spec: DriveGroupSpec, hostname: string): string[] {
  return new Map(Object.entries(spec.spec?.osd_id_claims ?? {})).get(hostname)?.map(String) ?? [];
}

async function stillQueued({ queue }: OsdPart, claims: readonly string[]): Promise<number[]> {
  return (await queue.list()).map(({ osd_id: id }) => id).filter((id) => claims.includes(String(id)));
}

/** Queues the OSDs that are claimed and not destroyed yet; gives their ids. At least one has to wait for its replacement. */
async function destroyClaimed({ site, queue }: OsdPart, claims: readonly string[]): Promise<number[]> {
  const hostname = await site.hostname();
  const destroyed = await destroyedHere(site);
  const living = claims.filter((id) => !destroyed.includes(Number(id)));
  const daemons = await site.agent.request("daemon/list", {});
  for (const id of living) {
    const daemon = daemons.find(({ name }) => name === `osd.${id}`);
    if (daemon === undefined) throw new NotFoundError(`host ${hostname} has no OSD ${id} to replace`);
    if (isForeign(daemon)) throw new ValidationError(notOurs(daemon));
  }
  if (destroyed.length === 0 && living.length === 0)
    throw new ValidationError(
      `no OSD on ${hostname} waits to be replaced; name some in osd_id_claims, or remove them with --replace first`,
    );
  const ids = living.map(Number);
  for (const id of ids) await queue.add(id, { replace: true, zap: true, force: false, no_destroy: false });
  return ids;
}

async function stillThere({ site }: OsdPart, texts: readonly string[]): Promise<string[]> {
  const daemons = await site.agent.request("daemon/list", {});
  return texts.filter((text) => daemons.some((daemon) => daemon.name === `osd.${text}` && !isForeign(daemon)));
}

/** The flags of Tentacle that mark the devices of OSDs which go as being replaced. */
async function markReplaced(
  { site }: OsdPart,
  ids: readonly number[],
  flags: { replace_block: boolean; replace_db: boolean; replace_wal: boolean },
): Promise<void> {
  const uses = { block: flags.replace_block, db: flags.replace_db, wal: flags.replace_wal };
  if (!Object.values(uses).includes(true)) return;
  const map = await readOsdMap(site);
  const uuids = map.osds.filter(({ osd }) => ids.includes(osd)).map(({ uuid }) => uuid);
  const osds = (await site.agent.request("osd/list", {})).filter(({ osd_uuid: uuid }) => uuids.includes(uuid));
  for (const { devices } of osds) {
    for (const [use, path] of Object.entries(devices)) {
      if (path !== undefined && uses[use as keyof typeof uses])
        await site.records.put(`${REPLACING}${digestOf(path)}`, replacing, { path });
    }
  }
}

/** Erasing a device must not cost data: no OSD of this cluster that still exists may be on it. */
async function checkUnused(part: OsdPart, path: string): Promise<void> {
  const state = await readHostState(part.site, true);
  knownDevice(state, path);
  const { hostname } = state.host;
  const users = osdsAt(state.osds, path).filter(({ osd_id: id }) => state.daemons.has(`osd.${id}`));
  if (users.length > 0) {
    const names = users.map(({ osd_id: id }) => `osd.${id}`).join(", ");
    throw new ValidationError(
      `device ${path} on host ${hostname} is in use by ${names}; remove that with 'ceph orch osd rm' first`,
    );
  }
  const coming = [...state.making.values()].some(({ data, block_db: db, block_wal: wal }) =>
    [data, db, wal].includes(path),
  );
  if (coming) throw new ValidationError(`device ${path} on host ${hostname} is in use: an OSD is being made on it`);
  const living = await part.livingOn(path, state);
  if (living.length > 0)
    throw new ValidationError(
      `device ${path} on host ${hostname} holds osd.${living.join(", osd.")}, which this agent does not run but the cluster still knows; purge or destroy it first`,
    );
}
