/**
 * A cluster without a single OSD whose host agent runs and whose mgr has the local backend, for a whole file of tests:
 *
 *   describe("…", () => {
 *     const at = localCluster({ release: "reef", name: "mine" });         // up before the first test, down after the last
 *     it("…", async () => {
 *       await at().ok("orch apply osd --all-available-devices");
 *       await at().osdsUp(3);
 *       expect(at().daemons()).toMatchObject({ "osd.0": expect.any(Number) }); // pids, from /proc and not from the backend
 *       await at().agent.kill();
 *     });
 *   });
 *
 * The mgr runs as its packaged unit does: as ceph, without devices, without new privileges.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";

import { type AgentOptions, type HostAgent, startAgent } from "../../../testbed/agent.ts";
import { type Cluster, missing, type Release, until } from "../../../testbed/cluster.ts";
import { ClusterWithModule, type ModuleWish, upWithModule } from "../cluster-with-module.ts";

/** What the creation of OSDs and daemons, and the moving of data, may take on a busy machine. */
const SETTLED_MS = 120_000;

/** Small enough for a laptop, large enough for Ceph not to call an empty OSD nearly full. */
const FILE_DEVICES = { count: 3, size: "4G" };

export interface LocalWish extends Pick<ModuleWish, "release" | "name" | "mgrs"> {
  /** Options of the backend; default: three file devices. */
  readonly options?: object;
  readonly agent?: AgentOptions;
  /** Releases besides the cluster's own, whose daemons the agent can be told to start. */
  readonly roots?: readonly Release[];
}

/** Registers hooks for the surrounding `describe`; where the machine cannot run it, every test is skipped and says why. */
export function localCluster(wish: LocalWish): () => LocalCluster {
  const reason = [wish.release, ...(wish.roots ?? [])].map((release) => missing(release)).find((one) => one !== null);
  let cluster: LocalCluster | undefined;
  beforeEach((context) => context.skip(reason !== undefined, reason ?? ""));
  beforeAll(async () => {
    if (reason === undefined) cluster = await upLocal(wish);
  });
  afterAll(async () => {
    if (cluster !== undefined) expect(await cluster.down()).toEqual([]);
  });
  return () => {
    if (cluster === undefined) throw new Error("the cluster is not up: call this from a test");
    return cluster;
  };
}

/** Brings such a cluster up; whoever calls it ends it. */
export async function upLocal(wish: LocalWish): Promise<LocalCluster> {
  const { options = { file_devices: FILE_DEVICES }, agent: agentOptions, roots, ...rest } = wish;
  const host = roots === undefined ? true : { roots };
  const { cluster } = await upWithModule({ ...rest, host, backend: "local", options, activate: false });
  try {
    const local = new LocalCluster(cluster, await startAgent(cluster, agentOptions));
    await local.activate();
    local.noteMgr();
    return local;
  } catch (error) {
    await cluster.down({ keep: true });
    throw error;
  }
}

/** The pids of daemons by their names, as `osd.0`, `mds.home.h1.abcdef`, `client.rgw.photos.h1.abcdef`. */
export type Pids = Readonly<Record<string, number>>;

interface OsdStat {
  readonly num_osds: number;
  readonly num_up_osds: number;
  readonly num_in_osds: number;
}

interface Health {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly summary: { readonly message: string } }>>;
}

export class LocalCluster extends ClusterWithModule {
  readonly agent: HostAgent;

  constructor(cluster: Cluster, agent: HostAgent) {
    super(cluster);
    this.agent = agent;
  }

  /** A monitor command, expected to succeed; its JSON. */
  async mon<T>(prefix: string, args: object = {}): Promise<T> {
    const { ret, out, err } = await this.cluster.rados().mon({ prefix, format: "json", ...args });
    expect({ ret, err }, prefix).toMatchObject({ ret: 0 });
    return JSON.parse(out) as T; // what it holds is what the test looks at
  }

  /** Waits for a condition, two minutes at most; `probe` answers what to wait for, or undefined. */
  eventually<T>(what: string, probe: () => Promise<T | undefined> | T | undefined): Promise<T> {
    let failure = "";
    return until(
      () => `${what}; ${failure}\n${this.agent.log().slice(-3000)}`,
      SETTLED_MS,
      async () => {
        try {
          return await probe();
        } catch (error) {
          failure = error instanceof Error ? error.message : String(error);
          return undefined;
        }
      },
      250,
    );
  }

  /** Waits until there are so many OSDs, all up and in. */
  async osdsUp(count: number): Promise<void> {
    await this.eventually(`${count} OSDs to be up and in`, async () => {
      const { num_osds: all, num_up_osds: up, num_in_osds: within } = await this.osdStat();
      return (all === count && up === count && within === count) || undefined;
    });
  }

  async osdStat(): Promise<OsdStat> {
    const stat = await this.mon<OsdStat | { osdmap: OsdStat }>("osd stat");
    return "osdmap" in stat ? stat.osdmap : stat; // Nautilus wraps it
  }

  /** Waits until Ceph has no complaint but those that are named, each of which the test explains. */
  async healthy(explained: readonly string[] = []): Promise<void> {
    let last: Health | undefined;
    await until(
      () => `health; it is ${JSON.stringify(last)}`,
      SETTLED_MS,
      async () => {
        last = await this.mon<Health>("health", { detail: "detail" });
        return Object.keys(last.checks).every((check) => explained.includes(check)) || undefined;
      },
      250,
    );
  }

  /** The daemons that run on the host, whoever knows of them: read from /proc. */
  daemons(): Pids {
    return Object.fromEntries(
      this.cluster.processes().flatMap(({ pid }) => {
        const name = daemonName(argumentsOf(pid));
        return name === undefined ? [] : [[name, pid]];
      }),
    );
  }

  /** The daemons of one type, such as `mds`. */
  daemonsOf(type: string): Pids {
    return Object.fromEntries(Object.entries(this.daemons()).filter(([name]) => name.startsWith(`${type}.`)));
  }

  /** Writes a file of a CephFS over libcephfs. */
  async putFile(filesystem: string, path: string, content: string): Promise<void> {
    const { code, stderr } = await this.cluster.cephfsFile([filesystem, "put", path], content);
    expect(code, stderr).toBe(0);
  }

  async getFile(filesystem: string, path: string): Promise<string> {
    const { code, stdout, stderr } = await this.cluster.cephfsFile([filesystem, "get", path]);
    expect(code, stderr).toBe(0);
    return stdout;
  }
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(join("/proc", String(pid), "cmdline"), "utf8").split("\0");
  } catch {
    return []; // it ended meanwhile
  }
}

const PROGRAMS: Readonly<Record<string, string>> = {
  "ceph-mon": "mon",
  "ceph-mgr": "mgr",
  "ceph-osd": "osd",
  "ceph-mds": "mds",
  "ceph-crash": "crash",
  radosgw: "client",
  "rbd-mirror": "client",
  "cephfs-mirror": "client",
  "ganesha.nfsd": "nfs",
};

/** `--id ID` and `-i ID` give the id, `--name TYPE.ID` and `-n TYPE.ID` the whole name. */
function daemonName(words: readonly string[]): string | undefined {
  const type = words.slice(0, 3).flatMap((word) => PROGRAMS[word.replace(/^.*\//, "")] ?? [])[0];
  if (type === undefined || words.includes("--mkfs")) return undefined;
  const after = (...flags: string[]): string | undefined =>
    words.flatMap((word, index) => (flags.includes(word) ? [words[index + 1] ?? ""] : []))[0];
  const id = after("--id", "-i");
  return after("--name", "-n") ?? (id === undefined ? type : `${type}.${id}`);
}
