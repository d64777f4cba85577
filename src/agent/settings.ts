/** What the agent is told by its command line: where things lie on this host, and as whom daemons run. */
import type { DaemonType } from "./protocol.ts";

export interface AgentSettings {
  /** The agent's own: manifest, lock, run records, what daemons print, file devices, data set aside. */
  readonly stateDir: string;
  readonly socketPath: string;
  /** Whose members may use the socket; undefined takes `ceph` where there is such a group, else the agent's own. */
  readonly group: string | undefined;
  /** The host's ceph.conf. */
  readonly conf: string;
  /** Below it daemons have their data, as TYPE/ceph-ID. */
  readonly dataDir: string;
  /** Where daemons make their admin sockets. */
  readonly runDir: string;
  /** The user as which daemons run. */
  readonly user: string;
  /** Folders in which binaries are run by chroot: for a type of daemon, or for all others under "". Empty: the host's own. */
  readonly roots: ReadonlyMap<DaemonType | "", string>;
  /** The command that lights and darkens a device's LED, words with {state}, {path}, {light} and {switch} in them; undefined takes ledctl. */
  readonly light: string | undefined;
}

/** Where packages put things. */
export const PACKAGED = {
  stateDir: "/var/lib/orchbridge",
  conf: "/etc/ceph/ceph.conf",
  dataDir: "/var/lib/ceph",
  runDir: "/run/ceph",
} as const;

/** The folder in which a type's binary is run by chroot; undefined for the host's own. */
export function rootOf(settings: AgentSettings, type: DaemonType): string | undefined {
  return settings.roots.get(type) ?? settings.roots.get("");
}
