/** Who besides the agent would start a daemon again when it ends, so that there would be two of it. */
import { lstatSync, statSync } from "node:fs";
import { basename, join } from "node:path";

import { cgroupOf, commandLine, parentOf } from "./process-table.ts";
import { runProgram } from "./program.ts";

/** Where systemd looks for units, the first one that has it counts. */
const UNIT_FOLDERS = [
  "/etc/systemd/system.control",
  "/run/systemd/system.control",
  "/run/systemd/transient",
  "/run/systemd/generator.early",
  "/etc/systemd/system",
  "/run/systemd/system",
  "/run/systemd/generator",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
  "/run/systemd/generator.late",
];

const ASKED_WITHIN_MS = 2000;

/** Parents that are there to start their children again. */
const SUPERVISORS = ["runsv", "s6-supervise", "supervise", "supervisord", "circusd", "conmon", "containerd-shim"];

/** What is known of where a process came from. */
export interface Origin {
  readonly cgroup: string;
  /** The agent's own: what runs in the same unit is not started again by it. */
  readonly ownCgroup: string;
  /** The unit whose main process it is, of whatever name; undefined where systemd tells of none, or cannot be asked. */
  readonly mainOf: string | undefined;
  /** The process that started it, with the words it was started with. */
  readonly parent: { readonly pid: number; readonly argv: readonly string[] } | undefined;
}

export async function originOf(pid: number): Promise<Origin> {
  const parent = parentOf(pid);
  const cgroup = cgroupOf(pid);
  return {
    cgroup,
    mainOf: await unitOfMain(pid, cgroup),
    ownCgroup: cgroupOf(process.pid),
    parent: parent === undefined ? undefined : { pid: parent, argv: commandLine(parent) },
  };
}

/** Who would start it again, and what to do about that; undefined where nobody is known to. */
export function whyStartedAgain(
  { cgroup, ownCgroup, mainOf, parent }: Origin,
  folders = UNIT_FOLDERS,
): string | undefined {
  const unit = mainOf ?? unitIn(cgroup);
  if (unit !== undefined && unit !== unitIn(ownCgroup) && canStart(unit, folders))
    return `it runs in ${unit}, which would start another one beside it: 'systemctl mask ${unit}' first (it runs on)`;
  // An interpreter comes before the program that it runs.
  const programs = parent?.argv.slice(0, 2).map((word) => basename(word)) ?? [];
  const known = SUPERVISORS.find((name) => programs.some((one) => one === name || one.startsWith(`${name}-`)));
  if (known === undefined) return undefined;
  return `${known} (pid ${parent?.pid}) runs it and would start another one beside it: stop it there, and start it by hand`;
}

/** The unit in a process's cgroup that runs it as its main process: one that was started by hand is not what its shell's unit is for. */
export async function unitOfMain(pid: number, cgroup: string, systemctl = "systemctl"): Promise<string | undefined> {
  const unit = cgroup.split(/[/\n]/).findLast((part) => part.endsWith(".service"));
  if (unit === undefined) return undefined;
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
  try {
    const argv = [systemctl, "show", "--property=MainPID", "--value", "--", unit] as const;
    const { stdout } = await runProgram([...argv], env, ASKED_WITHIN_MS);
    return stdout.trim() === String(pid) ? unit : undefined;
  } catch {
    return undefined; // no systemd here
  }
}

/** The unit of Ceph's that a process runs in, such as ceph-mon@a.service, or a container's below cephadm's. */
function unitIn(cgroup: string): string | undefined {
  return cgroup.split(/[/\n]/).findLast((part) => /(?:ceph|rbd-mirror|radosgw).*\.service$/.test(part));
}

/** Whether systemd could start a unit of that name: masked, or without any file, it cannot. */
function canStart(unit: string, folders: readonly string[]): boolean {
  const template = unit.replace(/@.*(?=\.service$)/, "@");
  const file = [unit, template].flatMap((name) => folders.map((folder) => join(folder, name))).find(isThere);
  return file !== undefined && !isMasked(file);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** A link to /dev/null, an empty file, or a link to nothing. */
function isMasked(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}
