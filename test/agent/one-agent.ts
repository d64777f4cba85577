/** An agent with stand-in daemons in a folder of its own, for the tests of this folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentClient } from "../../src/agent/client.ts";
import type { AgentParams, AgentResult, Daemon, DaemonName, Method } from "../../src/agent/protocol.ts";
import type { AgentSettings } from "../../src/agent/settings.ts";
import { settingsIn } from "./settings-in.ts";
import type { Behaviour } from "./stand-in-daemon.ts";

export const FSID = "5c2c1a0e-7a4e-4c0d-9a55-6f0f3a1f2b3c";

/** Waits until `probe` gives something else than undefined or false. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export class OneAgent {
  readonly folder = mkdtempSync(join(tmpdir(), "orchbridge-agent-"));
  readonly settings: AgentSettings = {
    ...settingsIn(this.folder),
    socketPath: join(this.folder, "run/agent.sock"),
  };
  #process: ChildProcess | undefined;
  #client: AgentClient | undefined;
  readonly #pids = new Set<number>();
  log = "";

  constructor() {
    for (const dir of [this.settings.dataDir, this.settings.runDir]) mkdirSync(dir, { mode: 0o755 });
    writeFileSync(this.settings.conf, `[global]\nfsid = ${FSID}\n`);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async start(environment: Record<string, string> = {}): Promise<void> {
    const args = [join(import.meta.dirname, "stand-in-agent.ts"), JSON.stringify(this.settings)];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...environment },
    });
    child.stderr.on("data", (text: Buffer) => (this.log += text.toString()));
    this.#process = child;
    await until(`the agent to listen; it said ${this.log}`, () => {
      if (child.exitCode !== null) throw new Error(`the agent ended: ${this.log}`);
      return this.log.includes(`"pid":${child.pid},`) && this.log.includes("listens on");
    });
    this.#client = new AgentClient(this.settings.socketPath, () => undefined);
  }

  async end(name: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    this.#client?.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    child.once("exit", () => resolve());
    child.kill(name);
    await promise;
  }

  async ask<Name extends Method>(method: Name, params: AgentParams<Name>): Promise<AgentResult<Name>> {
    if (this.#client === undefined) throw new Error("the agent was not started");
    const answer = await this.#client.request(method, params);
    for (const { pid, state } of Array.isArray(answer) ? (answer as Daemon[]) : [answer as Daemon])
      if (pid !== null && pid !== undefined && state !== "foreign") this.#pids.add(pid);
    return answer;
  }

  deploy(name: DaemonName, more: Partial<AgentParams<"daemon/deploy">["daemon"]> = {}): Promise<Daemon> {
    return this.ask("daemon/deploy", { daemon: { name, service: name, ...more } });
  }

  async daemon(name: DaemonName): Promise<Daemon | undefined> {
    return (await this.ask("daemon/list", {})).find((daemon) => daemon.name === name);
  }

  /** Waits until the daemon is in this state, with another pid than `former`. */
  inState(name: DaemonName, state: Daemon["state"], former?: number | null): Promise<Daemon> {
    return until(`${name} to be ${state}`, async () => {
      const daemon = await this.daemon(name);
      return daemon?.state === state && (former === undefined || daemon.pid !== former) && daemon;
    });
  }

  /** Says how a stand-in behaves from its next start on. */
  behave(folder: string, behaviour: Behaviour): void {
    const dir = join(this.settings.dataDir, folder);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "behaviour"), JSON.stringify(behaviour));
  }

  /** Ends the agent and all of its daemons. */
  async down(): Promise<void> {
    await this.end("SIGKILL");
    const run = join(this.settings.stateDir, "run");
    // A name with a dot in front is of a file that was being written.
    const whole = (existsSync(run) ? readdirSync(run) : []).filter((file) => !file.startsWith("."));
    for (const file of whole) {
      const { process: noted } = JSON.parse(readFileSync(join(run, file), "utf8")) as {
        process: { pid: number } | null;
      };
      if (noted !== null) this.#pids.add(noted.pid);
    }
    for (const pid of this.#pids) if (isStandIn(pid, this.folder)) process.kill(pid, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whether this pid is a stand-in of this folder: it may have been used again. */
function isStandIn(pid: number, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
  } catch {
    return false;
  }
}

/** Whether a process with this pid runs. */
export function isAlive(pid: number | null): boolean {
  if (pid === null) return false;
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
