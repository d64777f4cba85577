/** Who besides the agent would start a daemon again when it ends, so that there would be two of it. */
import { lstatSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";

import { cgroupOf, commandLine, parentOf } from "./process-table.ts";

/** Where systemd looks for units, the first one that has it counts. */
const UNIT_FOLDERS = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

/** Parents that are there to start their children again. */
const SUPERVISORS = ["runsv", "s6-supervise", "supervise", "supervisord", "circusd", "conmon", "containerd-shim"];

/** What is known of where a process came from. */
export interface Origin {
  readonly cgroup: string;
  /** The agent's own: what runs in the same unit is not started again by it. */
  readonly ownCgroup: string;
  /** The process that started it, with the words it was started with. */
  readonly parent: { readonly pid: number; readonly argv: readonly string[] } | undefined;
}

export function originOf(pid: number): Origin {
  const parent = parentOf(pid);
  return {
    cgroup: cgroupOf(pid),
    ownCgroup: cgroupOf(process.pid),
    parent: parent === undefined ? undefined : { pid: parent, argv: commandLine(parent) },
  };
}

/** Who would start it again, and what to do about that; undefined where nobody is known to. */
export function whyStartedAgain({ cgroup, ownCgroup, parent }: Origin, folders = UNIT_FOLDERS): string | undefined {
  const unit = unitIn(cgroup);
  if (unit !== undefined && unit !== unitIn(ownCgroup) && canStart(unit, folders))
    return `it runs in ${unit}, which would start another one beside it: 'systemctl mask ${unit}' first (it runs on)`;
  // An interpreter comes before the program that it runs.
  const programs = parent?.argv.slice(0, 2).map((word) => basename(word)) ?? [];
  const known = SUPERVISORS.find((name) => programs.some((one) => one === name || one.startsWith(`${name}-`)));
  if (known === undefined) return undefined;
  return `${known} (pid ${parent?.pid}) runs it and would start another one beside it: stop it there, and start it by hand`;
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

function isMasked(path: string): boolean {
  return lstatSync(path).isSymbolicLink() && readlinkSync(path) === "/dev/null";
}
