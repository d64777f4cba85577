/** The host agent: one state folder, its daemons, and those who ask on its socket or its standard input. */
import { mkdirSync, rmSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import type { Readable, Writable } from "node:stream";

import { Connection } from "../rpc/connection.ts";
import { daemonOwner, socketGroup } from "./accounts.ts";
import { answerOn, toWireError } from "./answers.ts";
import { fsidIn } from "./ceph-conf.ts";
import { clearKeyrings } from "./daemon-files.ts";
import { DAEMON_KINDS } from "./daemon-types.ts";
import { Fleet } from "./fleet.ts";
import { type ForeignDaemon, findStray } from "./foreign.ts";
import { toolHandlers } from "./gateway-tools.ts";
import type { Handlers, HostDescription, HostMethod, ManifestView } from "./handlers.ts";
import { remembered } from "./installed.ts";
import { type DaemonKinds, LaunchPlans } from "./launch-plan.ts";
import { type Lock, takeLock } from "./lock.ts";
import type { AgentLog } from "./log.ts";
import { Manifest } from "./manifest.ts";
import { bootId } from "./process-table.ts";
import { type DaemonName, type Method, PROTOCOL } from "./protocol.ts";
import type { AgentSettings } from "./settings.ts";
import { listenSafely } from "./socket.ts";
import { PACE, type Pace } from "./supervision.ts";

/** What the agent is made of beside its settings; tests put stand-ins in some places. */
export interface AgentParts {
  readonly version: string;
  readonly log: AgentLog;
  hostHandlers(settings: AgentSettings, manifest: ManifestView): Handlers<HostMethod>;
  describeHost(settings: AgentSettings): Promise<HostDescription>;
  /** What has to be done for a daemon before each start. */
  beforeStart(settings: AgentSettings, name: DaemonName): Promise<void>;
  readonly kinds?: DaemonKinds;
  readonly pace?: Pace;
}

export class Agent {
  readonly #settings: AgentSettings;
  readonly #parts: AgentParts;
  readonly #lock: Lock;
  readonly #fleet: Fleet;
  readonly #handlers: Handlers<Method>;
  readonly #connections = new Set<Connection>();
  #server: Server | undefined;

  private constructor(settings: AgentSettings, parts: AgentParts, lock: Lock, manifest: Manifest) {
    this.#settings = settings;
    this.#parts = parts;
    this.#lock = lock;
    const plans = new LaunchPlans(settings, parts.kinds ?? DAEMON_KINDS);
    const { log, pace = PACE } = parts;
    const beforeStart = (name: DaemonName): Promise<void> => parts.beforeStart(settings, name);
    const { stateDir } = settings;
    const stray = (name: DaemonName): ForeignDaemon | undefined => findStray(settings, name);
    this.#fleet = new Fleet(settings, { stateDir, plans, manifest, log, pace, beforeStart, findStray: stray });
    this.#handlers = handlersOf(settings, parts, this.#fleet, manifest);
  }

  /** Takes the state folder, and brings the daemons to what its manifest says. */
  static async start(settings: AgentSettings, parts: AgentParts): Promise<Agent> {
    for (const root of settings.roots.size === 0 ? [undefined] : settings.roots.values())
      daemonOwner(settings.user, root); // none of its daemons could be started
    mkdirSync(settings.stateDir, { recursive: true, mode: 0o711 });
    const lock = takeLock(settings.stateDir);
    try {
      clearKeyrings(settings.dataDir, parts.log);
      const agent = new Agent(settings, parts, lock, Manifest.open(settings.stateDir));
      await agent.#fleet.start();
      return agent;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Serves everybody who connects to the socket. */
  async listen(): Promise<void> {
    const { socketPath, group } = this.#settings;
    this.#server = await listenSafely(socketPath, socketGroup(group), (socket) => this.#serveSocket(socket));
    this.#parts.log.info(`listens on ${socketPath}`, { pid: process.pid, version: this.#parts.version });
  }

  /** Serves one caller on two streams, until it is gone. */
  async serve(input: Readable, output: Writable): Promise<void> {
    const { log } = this.#parts;
    const connection = new Connection({
      input,
      output,
      toWireError: (error, method) => toWireError(error, method, log),
      warn: (message) => log.warn(message),
    });
    answerOn(connection, this.#handlers, log);
    this.#connections.add(connection);
    connection.listen();
    const reason = await connection.ended;
    this.#connections.delete(connection);
    if (reason !== null && reason.code !== "RPC_CLOSED") log.warn(`a connection ended: ${reason.message}`);
  }

  /** Ends the agent; the daemons run on. */
  async close(): Promise<void> {
    if (this.#server !== undefined) {
      rmSync(this.#settings.socketPath, { force: true });
      this.#server.close();
    }
    for (const connection of this.#connections) connection.close(null);
    await this.#fleet.close();
    this.#lock.release();
  }

  #serveSocket(socket: Socket): void {
    socket.on("error", () => undefined); // the connection hears of it as the end of its input
    void this.serve(socket, socket).then(() => socket.destroy());
  }
}

/** Without those that mean nothing beyond their link; the loopback's come last. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const usable = all.filter(({ address }) => !/^fe[89ab]/i.test(address));
  return usable.toSorted((one, other) => Number(one.internal) - Number(other.internal)).map(({ address }) => address);
}

function handlersOf(settings: AgentSettings, parts: AgentParts, fleet: Fleet, manifest: Manifest): Handlers<Method> {
  const describeHost = remembered(parts.describeHost);
  return {
    ...parts.hostHandlers(settings, manifest),
    "agent/describe": async () => ({
      version: parts.version,
      protocol: PROTOCOL,
      hostname: hostname(),
      addresses: ownAddresses(),
      boot_id: bootId(),
      user: settings.user,
      fsid: fsidIn(settings.conf),
      ...(await describeHost(settings)),
    }),
    ...toolHandlers(settings),
    "daemon/list": () => fleet.list(),
    "daemon/deploy": ({ daemon }) => fleet.deploy(daemon),
    "daemon/act": (params) => fleet.act(params),
    "daemon/remove": (params) => fleet.remove(params),
    "daemon/adopt": (params) => fleet.adopt(params),
    "record/read": () => ({ generation: manifest.generation, records: { ...manifest.records } }),
    "record/write": async ({ generation, changes }) => ({
      generation: await manifest.writeRecords(generation, changes),
    }),
  };
}
