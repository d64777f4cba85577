/** What /proc tells of a process. A pid alone names nobody: it is used again; with its start time and the boot it does. */
import { readdirSync, readFileSync } from "node:fs";

/** In Linux' own unit for user programs, whatever the kernel was built with. */
const TICKS_PER_SECOND = 100;

export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since boot, as field 22 of /proc/PID/stat. */
  readonly start: number;
}

export interface ProcessFigures {
  readonly memoryBytes: number;
  readonly cpuPercent: number;
  readonly started: Date;
}

/** Differs after each boot of the host. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

interface Stat {
  readonly parent: number;
  readonly session: number;
  readonly cpuTicks: number;
  readonly start: number;
}

/** Undefined for a process that is gone, or is but waiting for its parent to hear of its end. */
function readStat(pid: number): Stat | undefined {
  const text = readProc(pid, "stat");
  if (text === undefined) return undefined;
  // The command's name comes second, in brackets, and may hold spaces and brackets itself.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = "X", parent, , session] = fields;
  if (state === "Z" || state === "X") return undefined;
  return {
    parent: Number(parent),
    session: Number(session),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    start: Number(fields[19]),
  };
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined; // gone, or not ours to read
  }
}

/** Who has this pid now; undefined when nobody does. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat === undefined ? undefined : { pid, start: stat.start };
}

/** Whether this very process still runs. */
export function runs({ pid, start }: ProcessIdentity): boolean {
  return readStat(pid)?.start === start;
}

/** Whether it began a session of its own. */
export function isSessionLeader(pid: number): boolean {
  return readStat(pid)?.session === pid;
}

/** Sends a signal to this very process; false if it is gone. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!runs(identity)) return false;
  try {
    return process.kill(identity.pid, name);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

/** Memory and processor time; undefined for a process that is gone. */
export function figures({ pid, start }: ProcessIdentity): ProcessFigures | undefined {
  const stat = readStat(pid);
  const status = readProc(pid, "status");
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  if (stat?.start !== start || status === undefined) return undefined;
  const age = Math.max(uptime - start / TICKS_PER_SECOND, 0.01);
  return {
    memoryBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024,
    cpuPercent: Math.round((stat.cpuTicks / TICKS_PER_SECOND / age) * 10_000) / 100,
    started: new Date(Date.now() - age * 1000),
  };
}

/** All pids there are. */
export function allPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The words of its command line; empty for a kernel thread and for one that is gone. */
export function commandLine(pid: number): string[] {
  const words = readProc(pid, "cmdline")?.split("\0") ?? [];
  return words.at(-1) === "" ? words.slice(0, -1) : words;
}

/** Its environment as it was at its start; empty when it may not be read. */
export function environmentOf(pid: number): Record<string, string> {
  const entries = readProc(pid, "environ")?.split("\0") ?? [];
  return Object.fromEntries(
    entries
      .filter((entry) => entry.includes("="))
      .map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
}

/** Its user and group in effect. */
export function ownerOf(pid: number): { uid: number; gid: number } | undefined {
  const status = readProc(pid, "status");
  const ids = ["Uid", "Gid"].map((key) => new RegExp(`^${key}:\\s+\\d+\\s+(\\d+)`, "m").exec(status ?? "")?.[1]);
  return ids[0] === undefined || ids[1] === undefined ? undefined : { uid: Number(ids[0]), gid: Number(ids[1]) };
}

/** Its control groups, as /proc/PID/cgroup tells them. */
export function cgroupOf(pid: number): string {
  return readProc(pid, "cgroup") ?? "";
}

/** The process that started it, or took it up when that one ended. */
export function parentOf(pid: number): number | undefined {
  return readStat(pid)?.parent;
}
