/**
 * Running commands inside a prepared root, and finding them again.
 *
 * Every command gets a mount namespace of its own with /proc, /dev and /sys in the root, so nothing stays mounted
 * when it ends. A tmpfs whose source is the cluster's tag marks the namespace: children inherit it whatever they do
 * (setsid, a new parent, a new environment), and /proc/PID/mountinfo shows it. A recorded pid alone can be reused by
 * a stranger; a pid whose mountinfo carries the tag is ours.
 */
import { readdirSync, readFileSync } from "node:fs";

/** A folder of the machine that shows at another place inside the root. */
export interface Bind {
  readonly from: string;
  readonly to: string;
}

/** A root folder and the tag that marks the processes started in it. */
export interface Place {
  readonly root: string;
  readonly tag: string;
  /** Mounted in this order, in the namespace of each process. */
  readonly binds?: readonly Bind[];
  /** The host's name as the processes see it. Default: the machine's. */
  readonly hostname?: string;
}

/** - `machine`: all devices. - `none`: only null, zero and the like, as in a unit with PrivateDevices. */
export type Devices = "machine" | "none";

/** A process that carries a tag. */
export interface TaggedProcess {
  readonly pid: number;
  readonly command: string;
}

// In a plain chroot the root is no mount, so its propagation cannot be changed; then what counts is whether a new mount
// is shared with the machine.
const OWN_MOUNTS = `
if ! mount --make-rprivate / 2>/dev/null; then
  mount -t tmpfs orchbridge-probe /mnt || exit 1
  shared=$(grep " orchbridge-probe " /proc/self/mountinfo | grep " shared:")
  umount /mnt
  if [ -n "$shared" ]; then echo "mounts made here would show on the whole machine" >&2; exit 1; fi
fi
exec "$@"
`;

// Each step replaces the shell by exec, so that the pid of the spawned child is the pid of the daemon.
const ENTER = `
set -e
export PATH="$PATH:/usr/sbin:/sbin"
root=$1 tag=$2 hostname=$3 devices=$4 binds=$5
shift 5
mount -t tmpfs -o size=4k,mode=755 "$tag" "$root/mnt"
for dir in dev proc sys; do mount --rbind "/$dir" "$root/$dir"; done
while [ "$binds" -gt 0 ]; do
  mount --rbind "$1" "$root$2"
  shift 2
  binds=$((binds - 1))
done
if [ -n "$hostname" ]; then printf %s "$hostname" > /proc/sys/kernel/hostname; fi
if [ "$devices" = none ]; then
  mount -t tmpfs -o mode=755 orchbridge-dev "$root/dev"
  for device in null zero full random urandom; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  ln -s /proc/self/fd "$root/dev/fd"
  mkdir -m 1777 "$root/dev/shm"
fi
exec chroot "$root" "$@"
`;

const environment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LANG: "C.UTF-8",
};

/** The program and arguments that run `command` where it can mount without the machine seeing it. */
export function withOwnMounts(
  command: readonly string[],
  namespaces: readonly string[] = [],
): readonly [string, readonly string[]] {
  const unshare = [...namespaces, "--mount", "--propagation", "unchanged", "--"];
  return ["unshare", [...unshare, "/bin/sh", "-c", OWN_MOUNTS, "sh", ...command]];
}

/** The program and arguments that run `command` in the root. */
export function enter(
  place: Place,
  command: readonly string[],
  devices: Devices = "machine",
): readonly [string, readonly string[]] {
  const { root, tag, binds = [], hostname } = place;
  const mounts = [String(binds.length), ...binds.flatMap(({ from, to }) => [from, to])];
  const script = ["/bin/sh", "-c", ENTER, "sh", root, tag, hostname ?? "", devices, ...mounts];
  return withOwnMounts([...script, ...command], hostname === undefined ? [] : ["--uts"]);
}

/** The environment of a command in a root: nothing of ours leaks in. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const term = process.env["TERM"];
  return { ...environment, ...(term === undefined ? {} : { TERM: term }), ...extra };
}

/** Whether `pid` lives and was started under `tag`. A zombie has no mounts left and counts as gone. */
export function carries(pid: number, tag: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(` tmpfs ${tag} `);
  } catch {
    return false;
  }
}

/** All living processes under `tag`. */
export function processesUnder(tag: string): TaggedProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => carries(pid, tag))
    .map((pid) => ({ pid, command: commandOf(pid) }));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

/** Sends a signal; false if the process is gone already. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}
