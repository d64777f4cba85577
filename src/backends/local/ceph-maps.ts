/** What the restart of daemons reads from Ceph's maps, in the shape that all releases share. */
import { z } from "zod";

import type { Site } from "./site.ts";
import { shortVersion } from "./upgrade/versions.ts";

const metadata = z.array(
  z.object({
    name: z.string().optional(),
    id: z.union([z.string(), z.int()]).optional(),
    ceph_version_short: z.string().optional(),
  }),
);

/** The versions that daemons told the monitors when they started, by id. An OSD that never started has none. */
export async function versionsInMaps(site: Site, type: string): Promise<ReadonlyMap<string, string>> {
  if (!["mon", "mgr", "osd", "mds"].includes(type)) return new Map();
  const rows = await site.monJson({ prefix: `${type} metadata` }, metadata);
  return new Map(
    rows.flatMap(({ name, id, ceph_version_short: version }) =>
      version === undefined ? [] : [[String(name ?? id), shortVersion(version)] as const],
    ),
  );
}

const mgrMap = z.object({
  active_name: z.string(),
  active_gid: z.int(),
  available: z.boolean(),
  standbys: z.array(
    z.object({
      name: z.string(),
      gid: z.int(),
      available_modules: z
        .array(z.object({ name: z.string(), can_run: z.boolean(), error_string: z.string() }))
        .default([]),
    }),
  ),
});
type MgrMap = z.output<typeof mgrMap>;

export function readMgrMap(site: Site): Promise<MgrMap> {
  return site.monJson({ prefix: "mgr dump" }, mgrMap);
}

const quorum = z.object({
  election_epoch: z.int(),
  quorum_names: z.array(z.string()),
  monmap: z.object({ mons: z.array(z.object({ name: z.string() })) }),
});

/** The names of all mons, and of those in the quorum, with the number of their election. */
export async function readMons(site: Site): Promise<{ all: string[]; quorum: string[]; election: number }> {
  const { quorum_names: names, monmap, election_epoch } = await site.monJson({ prefix: "quorum_status" }, quorum);
  return { all: monmap.mons.map(({ name }) => name), quorum: names, election: election_epoch };
}

const osdMap = z.object({
  /** Separated by commas. */
  flags: z.string(),
  require_osd_release: z.string(),
  osds: z.array(z.object({ osd: z.int(), up: z.int(), up_from: z.int() })),
});
type OsdMap = z.output<typeof osdMap>;

export function readOsdMap(site: Site): Promise<OsdMap> {
  return site.monJson({ prefix: "osd dump" }, osdMap);
}

const placementGroups = z.object({
  pg_stats: z.array(
    z.object({
      pgid: z.string(),
      state: z.string(),
      reported_epoch: z.coerce.number(),
      acting: z.array(z.int()),
    }),
  ),
});
type PlacementGroup = z.output<typeof placementGroups>["pg_stats"][number];

/** The placement groups that an OSD is in, as the mgr knows them: it may not ask for them by a command. */
export async function readPgsOf(site: Site, osd: number): Promise<PlacementGroup[]> {
  const { pg_stats: all } = await site.map("pg_stats", placementGroups);
  return all.filter(({ acting }) => acting.includes(osd));
}

const NOT_JOINABLE = 1 << 0;
const ALLOW_STANDBY_REPLAY = 1 << 5;

const mdsInfo = z.object({ name: z.string(), gid: z.int(), rank: z.int(), state: z.string() });

const fsDump = z.object({
  standbys: z.array(z.object({ name: z.string(), gid: z.int() })),
  filesystems: z.array(
    z.object({
      mdsmap: z.object({
        fs_name: z.string(),
        flags: z.int(),
        max_mds: z.int(),
        in: z.array(z.int()),
        info: z.record(z.string(), mdsInfo),
      }),
    }),
  ),
});

export interface FileSystem {
  readonly name: string;
  readonly maxMds: number;
  readonly allowsStandbyReplay: boolean;
  /** False while an operator keeps it down. */
  readonly isJoinable: boolean;
  /** The ranks that have metadata. */
  readonly ranks: readonly number[];
  /** Those that hold a rank, or follow one. */
  readonly daemons: readonly z.output<typeof mdsInfo>[];
}

export async function readFileSystems(
  site: Site,
): Promise<{ standbys: { name: string; gid: number }[]; filesystems: FileSystem[] }> {
  const { standbys, filesystems } = await site.monJson({ prefix: "fs dump" }, fsDump);
  return {
    standbys,
    filesystems: filesystems.map(({ mdsmap }) => ({
      name: mdsmap.fs_name,
      maxMds: mdsmap.max_mds,
      allowsStandbyReplay: (mdsmap.flags & ALLOW_STANDBY_REPLAY) !== 0,
      isJoinable: (mdsmap.flags & NOT_JOINABLE) === 0,
      ranks: mdsmap.in,
      daemons: Object.values(mdsmap.info),
    })),
  };
}

const serviceMap = z.object({
  services: z.record(z.string(), z.object({ daemons: z.record(z.string(), z.unknown()) })),
});
const serviceDaemon = z.object({
  metadata: z.object({ id: z.string().optional(), ceph_version_short: z.string().optional() }),
});

/** Whether a gateway of that id registered itself with that version, as the mgr knows: it may not ask by a command. */
export async function isRegistered(site: Site, type: string, id: string, version: string): Promise<boolean> {
  const { services } = await site.map("service_map", serviceMap);
  // Beside the daemons there is a text, `summary`.
  return Object.values(services[type]?.daemons ?? {}).some((row) => {
    const { data } = serviceDaemon.safeParse(row);
    return data?.metadata.id === id && shortVersion(data.metadata.ceph_version_short ?? "") === version;
  });
}
