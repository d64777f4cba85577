/** The files that a cluster needs before its first daemon starts: ceph.conf and the keyrings. */

export type ObjectStore = "memstore" | "bluestore";

export interface ConfInput {
  readonly fsid: string;
  /** The cluster's folder as its processes see it. */
  readonly inside: string;
  readonly monPort: number;
  readonly objectStore: ObjectStore;
  /** Null: a layout of the testbed's own. Else the configuration leaves to Ceph where things are, and pools have two copies. */
  readonly host: object | null;
}

const OSD_BYTES = 2 * 1024 ** 3;

/** The text of ceph.conf. Options that a release does not know are ignored by it. */
export function cephConf(input: ConfInput): string {
  const { fsid, inside, monPort, host } = input;
  return `[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${monPort}/0]
public addr = 127.0.0.1
${host === null ? ownFolders(inside) : ""}log file = ${inside}/log/$type.$id.log
mgr module path = ${inside}/mgr-modules
auth allow insecure global id reclaim = false
osd crush chooseleaf type = 0
osd pool default size = ${host === null ? 1 : 2}
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon allow pool delete = true
mon warn on pool no redundancy = false
# Changes of the mgr map, options and the like are seen after a quarter of a second, not a second.
paxos propose interval = 0.25

[mon]
mon cluster log file = ${inside}/log/cluster.log
# A test machine may have a nearly full disk; the monitor would refuse to run on it.
mon data avail warn = 2
mon data avail crit = 1

${host === null ? ownStore(input) : PACKAGED_CLIENT}`;
}

/** Everything in the cluster's folder, under names that are not those of a packaged host. */
function ownFolders(inside: string): string {
  return `admin socket = ${inside}/run/$type.$id.$pid.asok
crash dir = ${inside}/crash
run dir = ${inside}/run
mon data = ${inside}/mon.$id
mgr data = ${inside}/mgr.$id
osd data = ${inside}/osd.$id
mds data = ${inside}/mds.$id
rgw data = ${inside}/rgw.$id
`;
}

function ownStore({ inside, objectStore }: ConfInput): string {
  return `[osd]
osd objectstore = ${objectStore}
memstore device bytes = ${OSD_BYTES}
bluestore block size = ${OSD_BYTES}

[client]
keyring = ${inside}/client.admin.keyring
log file = /dev/null
admin socket =
`;
}

/** The commands of a person; gateways are clients too, and keep their logs and sockets. */
const PACKAGED_CLIENT = `[client.admin]
log file = /dev/null
admin socket =
`;

/** One entity of a keyring file. */
export function keyringEntry(entity: string, key: string, caps: Readonly<Record<string, string>>): string {
  const lines = Object.entries(caps).map(([daemon, cap]) => `\tcaps ${daemon} = "${cap}"\n`);
  return `[${entity}]\n\tkey = ${key}\n${lines.join("")}`;
}

/** What the packaged tools grant to each kind of entity. */
export const CAPS = {
  admin: { mon: "allow *", osd: "allow *", mds: "allow *", mgr: "allow *" },
  mon: { mon: "allow *" },
  mgr: { mon: "allow profile mgr", osd: "allow *", mds: "allow *" },
} as const;
