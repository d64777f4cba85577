/** How each type of daemon is run: its program, its folder and its command line. */
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";

import type { FileOwner } from "./durable-file.ts";
import type { DaemonType } from "./protocol.ts";

/** What a command line is made of. */
export interface DaemonPlace {
  readonly id: string;
  readonly conf: string;
  readonly data: string;
  readonly keyring: string;
  readonly adminSocket: string;
  /** Where it keeps what does not outlive it. */
  readonly runDir: string;
  /** As whom it shall run; undefined for the user of the agent. */
  readonly user: ({ readonly name: string } & FileOwner) | undefined;
  /** Where it listens, of a mon. */
  readonly address: string | undefined;
}

export interface DaemonKind {
  /** The name of its program, or its path. */
  readonly binary: string;
  /** Its folder below the data folder, as the packages name it. */
  dataFolder(id: string): string;
  /** Its words after the program's path, for the foreground. */
  args(place: DaemonPlace): string[];
  /** Added to the clean environment. */
  environment(place: DaemonPlace): Record<string, string>;
  /** Files that are made before each start, by name, given the text of the host's ceph.conf. */
  generated(place: DaemonPlace, conf: string): Record<string, string>;
  /** The names that files of its definition may have. */
  readonly files: readonly string[];
  /** What makes its folder when a definition does not: nothing of the agent, where preparing it is another method's work. */
  readonly prepared: "deploy" | "mkfs" | "osd/prepare";
  readonly hasAdminSocket: boolean;
  /** Whether the program itself changes to `user`, else it is left to itself as whom it runs. */
  readonly changesUser: boolean;
  /** How long it may take to end after SIGTERM. */
  readonly stopWithinMs: number;
}

/** The cephx name of a daemon; its keyring holds this name's key. */
export function entityOf(type: DaemonType, id: string): string {
  switch (type) {
    case "mon":
      return "mon.";
    case "mgr":
    case "osd":
    case "mds":
      return `${type}.${id}`;
    default:
      return `client.${type}.${id}`;
  }
}

const plain = {
  environment: () => ({}),
  generated: () => ({}),
  files: [],
  prepared: "deploy",
  hasAdminSocket: true,
  changesUser: true,
  stopWithinMs: 30_000,
} satisfies Partial<DaemonKind>;

/** The words that all of Ceph's own daemons understand. `type` names the option for its folder, where it has one. */
function cephArgs(
  identity: readonly string[],
  place: DaemonPlace,
  type?: "mon" | "mgr" | "osd" | "mds" | "rgw",
): string[] {
  const user = place.user === undefined ? [] : ["--setuser", place.user.name, "--setgroup", String(place.user.gid)];
  const data = type === undefined ? [] : [`--${type}-data`, place.data];
  const paths = ["--conf", place.conf, ...data, "--keyring", place.keyring, "--admin-socket", place.adminSocket];
  return ["-f", ...identity, ...paths, ...user];
}

/** Command lines as of the packages' units of 14.2 to 20.2, with every path said. */
export const DAEMON_KINDS: Readonly<Record<DaemonType, DaemonKind>> = {
  mon: {
    ...plain,
    binary: "ceph-mon",
    dataFolder: (id) => `mon/ceph-${id}`,
    args: (place) => [
      ...cephArgs(["--id", place.id], place, "mon"),
      ...(place.address === undefined ? [] : publicAddress(place.address)),
    ],
    prepared: "mkfs",
    stopWithinMs: 60_000,
  },
  mgr: {
    ...plain,
    binary: "ceph-mgr",
    dataFolder: (id) => `mgr/ceph-${id}`,
    args: (place) => cephArgs(["--id", place.id], place, "mgr"),
  },
  osd: {
    ...plain,
    binary: "ceph-osd",
    dataFolder: (id) => `osd/ceph-${id}`,
    args: (place) => cephArgs(["--id", place.id], place, "osd"),
    prepared: "osd/prepare",
    stopWithinMs: 120_000,
  },
  mds: {
    ...plain,
    binary: "ceph-mds",
    dataFolder: (id) => `mds/ceph-${id}`,
    args: (place) => cephArgs(["--id", place.id], place, "mds"),
  },
  rgw: {
    ...plain,
    binary: "radosgw",
    dataFolder: (id) => `radosgw/ceph-rgw.${id}`,
    args: (place) => cephArgs(["--name", entityOf("rgw", place.id)], place, "rgw"),
    // While it starts and the pools do not answer it hears no SIGTERM; it keeps nothing that could be lost.
    stopWithinMs: 20_000,
  },
  "rbd-mirror": {
    ...plain,
    binary: "rbd-mirror",
    dataFolder: (id) => `rbd-mirror/ceph-${id}`,
    args: (place) => cephArgs(["--name", entityOf("rbd-mirror", place.id)], place),
  },
  "cephfs-mirror": {
    ...plain,
    binary: "cephfs-mirror",
    dataFolder: (id) => `cephfs-mirror/ceph-${id}`,
    args: (place) => cephArgs(["--name", entityOf("cephfs-mirror", place.id)], place),
  },
  "ceph-exporter": {
    ...plain,
    binary: "ceph-exporter",
    dataFolder: (id) => `ceph-exporter/ceph-${id}`,
    args: (place) => [...cephArgs(["--name", entityOf("ceph-exporter", place.id)], place), "--sock-dir", place.runDir],
  },
  crash: {
    ...plain,
    binary: "ceph-crash",
    dataFolder: (id) => `crash-agent/ceph-${id}`,
    args: (place) => ["--name", entityOf("crash", place.id)],
    // It knows no --conf and no --keyring, but the `ceph` that it starts for each dump reads them here.
    environment: (place) => ({ CEPH_ARGS: `--conf ${place.conf} --keyring ${place.keyring}` }),
    hasAdminSocket: false,
    // From 18 on it becomes ceph by itself; before that it has to stay root, since it moves other users' dumps.
    changesUser: false,
  },
  nfs: {
    ...plain,
    binary: "ganesha.nfsd",
    dataFolder: (id) => `nfs/ceph-${id}`,
    args: (place) => {
      const [conf, pid] = [join(place.data, "ganesha.conf"), join(place.runDir, `nfs.${place.id}.pid`)];
      return ["-F", "-L", "STDERR", "-f", conf, "-p", pid];
    },
    // It has no option for a keyring: librados within it finds it by this file.
    environment: (place) => ({ CEPH_CONF: join(place.data, "ceph.conf") }),
    generated: (place, conf) => ({
      "ceph.conf": `${conf.trimEnd()}\n\n[${entityOf("nfs", place.id)}]\nkeyring = ${place.keyring}\n`,
    }),
    files: ["ganesha.conf"],
    hasAdminSocket: false,
    changesUser: false,
  },
};

/** Nautilus has no option for a list of addresses, so that only a list of several is given as one. */
function publicAddress(address: string): [string, string] {
  const [, single] = /^\[([^,]+?)(?:\/0)?\]$/.exec(address) ?? [];
  return single === undefined ? ["--public-addrv", address] : ["--public-addr", single];
}

/** Where packages install programs. */
const FOLDERS = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin"];

/** The path of a program, as seen from inside `root`; undefined when it is not installed. */
export function programPath(binary: string, root: string | undefined): string | undefined {
  const paths = isAbsolute(binary) ? [binary] : FOLDERS.map((folder) => join(folder, binary));
  return paths.find((path) => existsSync(join(root ?? "/", path)));
}
