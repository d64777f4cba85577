/**
 * A packaged host as systemd runs it: a release's root, booted with systemd as its first process in namespaces of its own,
 * so that the packages' units start its mon and mgr, and `reboot` ends and starts all of it.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

import { cacheDir, rootOf } from "./cache.ts";
import { missing } from "./missing.ts";
import { cleanEnvironment, withOwnMounts } from "./namespace.ts";
import { prepareRoot } from "./prepare.ts";
import type { Release } from "./releases.ts";
import { type Result, run } from "./run.ts";
import { until } from "./wait.ts";

const project = join(import.meta.dirname, "..");
const script = join(import.meta.dirname, "systemd-host.sh");

/** Enough for all units, on a busy machine. */
const BOOTED_MS = 120_000;

/** Until it has changed into its root, its first process sees the machine's systemd, if there is one. */
const STATE = ["sh", "-c", "test -f /opt/node && systemctl is-system-running"];

const CGROUPS = `
mount -t cgroup2 none /mnt && mkdir /mnt/orchbridge-probe && rmdir /mnt/orchbridge-probe
`;

// `find -exec … +` fails when a folder cannot be removed yet. What has no such group has none to remove.
const REMOVE_CGROUP = `
mount -t cgroup2 none /mnt || exit 1
[ ! -d "/mnt/$1" ] || find "/mnt/$1" -depth -type d -exec rmdir {} +
`;

/** One sentence why this machine cannot boot such a host, null if it can. */
export function missingForSystemd(release: Release): string | null {
  const reason = missing(release);
  if (reason !== null) return reason;
  const { status, stderr } = spawnSync(...withOwnMounts(["sh", "-c", CGROUPS]), { encoding: "utf8" });
  return status === 0 ? null : `systemd needs control groups of its own (${stderr.trim()})`;
}

/** A host that runs, from `boot` to `down`. */
export class SystemdHost {
  readonly release: Release;
  /** What the host has changed, and the log of its first process. */
  readonly dir: string;
  #unshare: ChildProcess;

  private constructor(release: Release, dir: string) {
    this.release = release;
    this.dir = dir;
    this.#unshare = this.#start();
  }

  /** Boots it, without a cluster on it; `/opt/orchbridge` is this project and `/opt/node` its Node. */
  static async boot(release: Release): Promise<SystemdHost> {
    await prepareRoot(release);
    const above = join(cacheDir(), "systemd");
    mkdirSync(above, { recursive: true });
    const host = new SystemdHost(release, mkdtempSync(join(above, `${release}-`)));
    try {
      await host.#booted();
      return host;
    } catch (error) {
      await host.down();
      throw error;
    }
  }

  /** Runs a command on the host, as root. */
  run(command: readonly string[], input?: string): Promise<Result> {
    const into = ["-t", String(this.#init()), "-m", "-p", "-C", "-u", "-i", "-n", "-r", "-w", "--", ...command];
    return run("nsenter", into, { ...(input === undefined ? {} : { input }), env: cleanEnvironment() });
  }

  /** The same as an operator does it: its units are stopped, its first process ends, and another one starts them. */
  async reboot(): Promise<void> {
    await this.run(["systemctl", "reboot"]);
    await this.#ended();
    this.#unshare = this.#start();
    await this.#booted();
  }

  /** Ends the host and all that runs on it, and removes what it wrote. */
  async down(): Promise<void> {
    if (this.#unshare.exitCode === null && this.#unshare.signalCode === null) {
      try {
        process.kill(this.#init(), "SIGKILL"); // the others of its namespace end with it
      } catch {
        this.#unshare.kill("SIGKILL");
      }
    }
    await this.#ended();
    await until("the host's control group to be empty", 30_000, () => this.#removeCgroup() || undefined);
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** What its first process said. */
  log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  get #logFile(): string {
    return join(this.dir, "console.log");
  }

  #start(): ChildProcess {
    const output = openSync(this.#logFile, "a");
    const args = [script, rootOf(this.release), this.dir, project, process.execPath];
    const [file, own] = withOwnMounts(["sh", ...args]);
    return spawn(file, own, { stdio: ["ignore", output, output], env: cleanEnvironment() });
  }

  /** The first process of the host, as the machine numbers it. */
  #init(): number {
    const { pid } = this.#unshare;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    if (!/^\d+$/.test(children)) throw new Error(`the host does not run: ${this.log().slice(-2000)}`);
    return Number(children);
  }

  async #booted(): Promise<void> {
    let last = "";
    const said = (): string => `the host to be up (${last}): ${this.log().slice(-2000)}`;
    await until(said, BOOTED_MS, async () => {
      try {
        const { stdout, stderr } = await this.run(STATE);
        last = `${stdout}${stderr}`.trim();
        return /^(running|degraded)$/m.test(stdout) || undefined; // the packages enable what this host has no need of
      } catch (error) {
        last = String(error);
        return undefined;
      }
    });
  }

  #ended(): Promise<unknown> {
    const child = this.#unshare;
    return until("the host to end", BOOTED_MS, () => child.exitCode !== null || child.signalCode !== null || undefined);
  }

  #removeCgroup(): boolean {
    const [file, args] = withOwnMounts(["sh", "-c", REMOVE_CGROUP, "sh", `orchbridge-${basename(this.dir)}`]);
    return spawnSync(file, args).status === 0;
  }
}
