/**
 * The host agent on a cluster's packaged host: started as its unit would start it, outside the manager and as root.
 *
 *   const cluster = await upCluster({ release: "tentacle", host: true, beforeStart: (c) => install(c.moduleDir) });
 *   const agent = await startAgent(cluster);
 *   await agent.kill();                     // its daemons run on
 *   await agent.start();                    // and are adopted
 *   agent.setInstalled("osd", "reef");      // with `host: { roots: ["reef"] }`: OSDs started from now on are reef's
 *
 * Daemons that the agent started carry the cluster's tag, and `cluster.down()` ends them after the agent.
 */
import { connect } from "node:net";
import { join } from "node:path";
import { linkInstalled, ROOTED_TYPES, type RootedType } from "./host.ts";
import type { Devices } from "./namespace.ts";
import type { Release } from "./releases.ts";
import type { Cluster } from "./running-cluster.ts";
import { until } from "./wait.ts";

const READY_MS = 30_000;
/** Of the module folder, as `orchbridge install --node` makes it. */
const NODE = "orchbridge/bin/node";
const PROGRAM = "orchbridge/js/agent.mjs";
const SOCKET = "run/orchbridge/agent.sock";

export interface AgentOptions {
  /** More words of `orchbridge agent`. */
  readonly args?: readonly string[];
  /**
   * Default: none, so that a drive group for all free devices is never for a disk of this machine. What it starts sees the
   * same.
   */
  readonly devices?: Devices;
  /** Puts its state on a file system of so many bytes, which is gone with the agent. */
  readonly stateBytes?: number;
}

/** Starts the agent of a cluster that was made with the option `host`; returns when it takes connections. */
export async function startAgent(cluster: Cluster, options: AgentOptions = {}): Promise<HostAgent> {
  const agent = new HostAgent(cluster, options);
  await agent.start();
  return agent;
}

/** The agent of one cluster's host. */
export class HostAgent {
  readonly #cluster: Cluster;
  readonly #options: AgentOptions;

  constructor(cluster: Cluster, options: AgentOptions) {
    if (cluster.state.host === null) throw new Error(`the cluster ${cluster.name} was not made with the option host`);
    this.#cluster = cluster;
    this.#options = options;
  }

  /** The pid while it runs, undefined else. */
  get pid(): number | undefined {
    return this.#daemon.pid;
  }

  /** Its socket, as this process reaches it while the agent runs. */
  get socketPath(): string {
    return `/proc/${this.pid}/root/${SOCKET}`;
  }

  async start(): Promise<void> {
    await this.#daemon.start(this.#command(), this.#options.devices ?? "none");
    await until("the agent to take connections", READY_MS, async () => {
      this.#daemon.check();
      return (await listens(this.socketPath)) || undefined;
    });
  }

  /** Ends it as its unit would; its daemons run on. */
  stop(): Promise<void> {
    return this.#daemon.stop("SIGTERM");
  }

  kill(): Promise<void> {
    return this.#daemon.stop("SIGKILL");
  }

  /** All that it printed. */
  log(): string {
    return this.#daemon.printed();
  }

  /** Says of which release the daemons of a type are that are started from now on; null: of the cluster's own. */
  setInstalled(type: RootedType, release: Release | null): void {
    linkInstalled(this.#cluster.dir, type, release);
  }

  get #daemon(): ReturnType<Cluster["daemon"]> {
    return this.#cluster.daemon("agent.host");
  }

  #command(): string[] {
    const modules = join(this.#cluster.inside, "mgr-modules");
    const { args = [], stateBytes } = this.#options;
    const rooted = this.#cluster.state.host?.roots.length === 0 ? [] : ROOTED_TYPES;
    const roots = rooted.flatMap((type) => ["--root", `${type}=/installed/${type}`]);
    const agent = [join(modules, NODE), join(modules, PROGRAM), ...roots, ...args];
    if (stateBytes === undefined) return agent;
    const mount = `mount -t tmpfs -o size=${stateBytes},mode=755 orchbridge-state /var/lib/orchbridge && exec "$@"`;
    return ["/bin/sh", "-c", mount, "sh", ...agent];
  }
}

function listens(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.on("error", () => resolve(false));
  socket.on("connect", () => {
    socket.destroy();
    resolve(true);
  });
  return promise;
}
