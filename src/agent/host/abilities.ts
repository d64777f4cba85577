/** What can be done on this host, found out by looking, each with one sentence why not. */
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { release } from "node:os";

import { programPath } from "../daemon-types.ts";
import type { AgentDescription } from "../protocol.ts";
import { type AgentSettings, PACKAGED, rootOf } from "../settings.ts";
import { readOrEmpty } from "./block-devices.ts";
import { templateWords } from "./light.ts";
import { notInstalled, type Program } from "./programs.ts";

type Abilities = AgentDescription["abilities"];

/** Null for what can be done. */
export async function abilities(settings: AgentSettings): Promise<Abilities> {
  const root = rootOf(settings, "osd");
  const volume = cephVolumeProblem(settings);
  const mapper = deviceMapper();
  return {
    raw: missing("ceph-osd", root) ?? notRoot(),
    lvm: volume ?? mapper ?? missing("lvm", root),
    encryption: volume ?? mapper ?? dmCrypt() ?? missing("cryptsetup", root),
    light: light(settings),
    iscsi: iscsi(),
    nvmeof: "there is no package of the NVMe-oF gateway for this host: it comes only as a container image",
  };
}

function missing(program: Program, root: string | undefined): string | null {
  return programPath(program, root) === undefined ? notInstalled(program, root) : null;
}

function notRoot(): string | null {
  return process.getuid?.() === 0 ? null : "devices need root, and the agent runs as another user";
}

/** Why ceph-volume cannot make an OSD here. Its paths are fixed: it knows no other configuration and data folders. */
export function cephVolumeProblem(settings: AgentSettings): string | null {
  const root = rootOf(settings, "osd");
  const absent = missing("ceph-volume", root);
  if (absent !== null) return absent;
  const powerless = notRoot();
  if (powerless !== null) return powerless;
  if (settings.conf !== PACKAGED.conf)
    return `ceph-volume reads only ${PACKAGED.conf}, and the agent's --conf is ${settings.conf}`;
  if (settings.dataDir !== PACKAGED.dataDir)
    return `ceph-volume writes only to ${PACKAGED.dataDir}, and the agent's --data is ${settings.dataDir}`;
  return udevProblem(root);
}

/** Why ceph-volume can do nothing at all. Up to Reef it asks udev's program, since Tentacle it reads udev's own files. */
export function udevProblem(root: string | undefined): string | null {
  const hasProgram = programPath("udevadm", root) !== undefined;
  const hasData = names(`${root ?? ""}/run/udev/data`).length > 0;
  const readsData = readOrEmpty(`${root ?? ""}/usr/lib/python3/dist-packages/ceph_volume/util/disk.py`).includes(
    "class UdevData",
  );
  if (readsData && !hasData)
    return "ceph-volume needs udev, which does not run here (/run/udev/data is empty): start udevd of the package udev";
  if (!readsData && !hasProgram) return "ceph-volume needs udev: udevadm is not installed (package udev)";
  return null;
}

function deviceMapper(): string | null {
  const known = /^\s*\d+ device-mapper$/m.test(readOrEmpty("/proc/misc"));
  // lvm makes /dev/mapper/control whether the kernel answers there or not.
  if (known || hasModule("dm-mod")) return null;
  return `the kernel ${release()} has no device mapper (dm_mod)`;
}

function dmCrypt(): string | null {
  if (existsSync("/sys/module/dm_crypt") || hasModule("dm-crypt")) return null;
  return `the kernel ${release()} has no dm_crypt`;
}

/** Whether a module could be loaded, or is built in. */
function hasModule(name: string): boolean {
  const folder = `/lib/modules/${release()}`;
  const pattern = new RegExp(`/${name.replaceAll("-", "[-_]")}\\.ko`);
  return pattern.test(readOrEmpty(`${folder}/modules.dep`)) || pattern.test(readOrEmpty(`${folder}/modules.builtin`));
}

function light(settings: AgentSettings): string | null {
  const [program = ""] = templateWords(settings.light);
  if (program.startsWith("/")) {
    try {
      accessSync(program, constants.X_OK);
      return null;
    } catch {
      return `${program} of the light's template cannot be run`;
    }
  }
  return programPath(program, undefined) === undefined ? notInstalled(program) : null;
}

function iscsi(): string | null {
  if (!existsSync("/sys/kernel/config/target") && !hasModule("target-core-user"))
    return `the kernel ${release()} has no iSCSI target (target_core_user)`;
  return programPath("tcmu-runner", undefined) === undefined
    ? "tcmu-runner is not installed (package tcmu-runner)"
    : null;
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
