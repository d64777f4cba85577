/** What `orchbridge install` says: what it did, and what is left to do. */

import { join } from "node:path";

export const agentUnit = "orchbridge-agent.service";

/** An installed module. */
export interface Installed {
  readonly target: string;
  readonly version: string;
  /** The version that was there before. */
  readonly replaced: string | null;
  /** The version of the Node that was installed with it. */
  readonly node: string | null;
  readonly files: readonly string[];
  readonly next: readonly Step[];
}

/** Something to do, by commands or in words alone. */
export interface Step {
  readonly says: string;
  readonly commands: readonly string[];
}

/** The steps after an install; `backend` is the operator's own that was installed with it. */
export function nextSteps(target: string, hadFormer: boolean, backend: string | null): Step[] {
  const module = "the module (where each mgr was restarted after the install, --force is not needed)";
  return [
    { says: "Do the same on every other host that runs a ceph-mgr.", commands: [] },
    {
      says: hadFormer
        ? `Restart each mgr: a running one keeps the code it started with. If it was not enabled yet, enable ${module}:`
        : `Enable ${module}:`,
      commands: ["ceph mgr module enable orchbridge --force"],
    },
    {
      says: "Choose a backend, built in or your own, and its options:",
      commands: [
        `ceph config set mgr mgr/orchbridge/backend ${backend ?? "NAME|/PATH/TO/BACKEND.ts"}`,
        `ceph config set mgr mgr/orchbridge/backend_options '{"KEY": VALUE}'`,
      ],
    },
    {
      says: "Make it the orchestrator of the cluster:",
      commands: ["ceph orchbridge activate", "ceph orch status"],
    },
    {
      says: 'The backend "local" works through the host agent, which runs from here too. As root, once per host:',
      commands: [`cp ${join(target, agentUnit)} /etc/systemd/system/`, "systemctl enable --now orchbridge-agent"],
    },
    {
      says: "An agent that runs keeps the code it started with; its daemons run on when it is restarted:",
      commands: ["systemctl restart orchbridge-agent"],
    },
  ];
}

/** All of it, for a person. */
export function installedText({ target, version, replaced, node, next }: Installed): string {
  const done = replaced === null ? `is in ${target}` : `replaces ${replaced} in ${target}`;
  const runs =
    node === null
      ? "It runs the Node (22.18 or later) that it finds on the mgr's PATH, or mgr/orchbridge/node_path; --node installs one with it."
      : `It brings its own Node ${node}.`;
  const steps = next.flatMap(({ says, commands }, index) => [
    `  ${index + 1}. ${says}`,
    ...commands.map((command) => `       ${command}`),
  ]);
  return [`orchbridge ${version} ${done}.`, runs, "", "Next:", ...steps, ""].join("\n");
}
