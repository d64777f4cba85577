/** What the host agent is asked, over src/rpc: each method with the shape of its params and of its answer. */
import { z } from "zod";

/** Raised with each change that a backend needs of its agent: it says so of an agent with a lower one. */
export const PROTOCOL = 1;

/** The daemons that the agent knows how to run, in the order in which an upgrade restarts them. */
export const DAEMON_TYPES = [
  "mgr",
  "mon",
  "crash",
  "osd",
  "mds",
  "rgw",
  "rbd-mirror",
  "cephfs-mirror",
  "ceph-exporter",
  "nfs",
] as const;

const daemonType = z.enum(DAEMON_TYPES);
export type DaemonType = z.output<typeof daemonType>;

/** An id becomes part of paths and of command lines: no slash, no leading dash or dot. */
const daemonId = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, "expected letters, digits, dots and dashes");
const daemonName = z.templateLiteral([daemonType, ".", daemonId]);
/** `osd.0`, `mds.home.h1.abcdef`. */
export type DaemonName = z.output<typeof daemonName>;

const absolutePath = z.string().regex(/^\/(?:[^/\0]+\/)*[^/\0]+$/, "expected an absolute path");
const bytes = z.int().min(0);
const time = z.iso.datetime();
const uuid = z.guid();
const json = z.json();
const nothing = z.strictObject({});

/** A daemon as it shall run. Deployed again with the same definition, nothing happens. */
const definition = z.strictObject({
  name: daemonName,
  /** The service it belongs to, such as `mds.home`. */
  service: z.string().min(1),
  /** Text of its keyring file; left out, the one that is there stays. Secret. */
  keyring: z.string().optional(),
  /** Files beside its keyring, such as ganesha.conf; the type decides which names there may be. */
  files: z.record(z.string(), z.string()).default({}),
  /** Where it listens, where its command line says so: `[v2:127.0.0.1:6800/0]` of a mon. */
  address: z.string().optional(),
  /** Ports that have to be free before it starts for the first time. */
  ports: z.array(z.int().min(1).max(65_535)).default([]),
  /** What a mon's store is made from: the text of its keyring (secret) and where the others are. */
  mon: z.strictObject({ keyring: z.string(), fsid: uuid, hosts: z.string() }).optional(),
  /**
   * Kept for the backend, and given back by `daemon/list`. `config` stands for what the daemon reads elsewhere when it starts:
   * another value restarts it. All others are bookkeeping, and never do.
   */
  labels: z.record(z.string(), z.string()).default({}),
});
export type DaemonDefinition = z.input<typeof definition>;

/** - `backoff`: it ended by itself and waits to be started again. - `foreign`: it runs, and the agent did not start it. */
const daemonState = z.enum(["starting", "running", "backoff", "stopping", "stopped", "failed", "foreign"]);

const daemon = z.object({
  name: daemonName,
  type: daemonType,
  id: z.string(),
  service: z.string(),
  labels: z.record(z.string(), z.string()),
  ports: z.array(z.int()),
  /** What the manifest asks for. */
  desired: z.enum(["running", "stopped"]),
  state: daemonState,
  pid: z.int().nullable(),
  /** Of the running binary, asked on its admin socket, as 18.2.7; null when it has none or does not answer. */
  version: z.string().nullable(),
  memory_bytes: bytes.nullable(),
  /** Since its start, in percent of one processor. */
  cpu_percent: z.number().nullable(),
  created: time.nullable(),
  deployed: time.nullable(),
  started: time.nullable(),
  /** How often it ended by itself since it last ran for ten minutes. */
  crashes: z.int(),
  /** How it ended last by itself, with the last line it printed. */
  last_exit: z.string().nullable(),
  /** The latest of what happened to it, oldest first. */
  events: z.array(z.strictObject({ time, level: z.enum(["INFO", "ERROR"]), message: z.string() })),
});
export type Daemon = z.output<typeof daemon>;

/** A device in Ceph's own shape (`ceph orch device ls --format json`), and how an OSD can be made on it. */
const hostDevice = z.object({
  device: z.record(z.string(), json),
  kind: z.enum(["disk", "loop", "file"]),
  /** How many bytes each part may have that can still be made of it: of a free device, and of one that OSDs of the cluster share. */
  gaps: z.array(bytes).default([]),
  /** Why it cannot be divided without LVM; null where it can. */
  indivisible: z.string().nullable().default(null),
});
export type HostDevice = z.output<typeof hostDevice>;

/** How an OSD lies on its devices: by ceph-volume's lvm or raw, or on a plain file of the agent's. */
const osdMethod = z.enum(["lvm", "raw", "file"]);
export type OsdMethod = z.output<typeof osdMethod>;

const osd = z.object({
  osd_id: z.int().min(0),
  osd_uuid: uuid,
  /** The cluster it was made for. */
  fsid: uuid.nullable(),
  method: osdMethod,
  /** Paths by use, as `host/devices` names them: whole devices. */
  devices: z.object({ block: absolutePath, db: absolutePath.optional(), wal: absolutePath.optional() }),
  /** The partitions and the like where it has only a part of a device. Volumes of LVM are not told. */
  parts: z
    .object({ block: absolutePath.optional(), db: absolutePath.optional(), wal: absolutePath.optional() })
    .optional(),
});
export type HostOsd = z.output<typeof osd>;

/** Null where the host can do it, else one sentence why it cannot. */
const ability = z.string().nullable();

const description = z.object({
  version: z.string(),
  /** See PROTOCOL; the first agents did not tell it. */
  protocol: z.int().default(0),
  hostname: z.string(),
  /** The IP addresses of its interfaces, those that others can reach first. Protocol 0 does not tell them. */
  addresses: z.array(z.string()).default([]),
  /** Of the running kernel's boot. */
  boot_id: z.string(),
  /** The user as which the daemons run. */
  user: z.string(),
  /** From the host's ceph.conf; null when there is none. */
  fsid: z.string().nullable(),
  /** The installed binary of each type of daemon. */
  binaries: z.record(daemonType, z.object({ path: z.string(), version: z.string().nullable(), problem: ability })),
  abilities: z.object({
    lvm: ability,
    raw: ability,
    encryption: ability,
    light: ability,
    iscsi: ability,
    nvmeof: ability,
  }),
});
export type AgentDescription = z.output<typeof description>;

/** Files of this many, each of this size, that stand in for disks in labs and tests. */
const fileDevices = z.strictObject({ count: z.int().min(0).max(64), size: bytes });

const records = z.record(z.string().regex(/^[a-z][A-Za-z0-9_/.-]{0,255}$/), json);

/** A name that becomes an argument: never taken for an option. */
const word = z.string().regex(/^[A-Za-z0-9_.][A-Za-z0-9_.:-]{0,127}$/, "expected letters, digits, dots and dashes");
const port = z.int().min(1).max(65_535);
const account = { entity: z.templateLiteral(["client.", daemonId]), keyring: z.string() };
/** An empty namespace is the pool's own. */
const rados = { pool: word, namespace: z.union([word, z.literal("")]) };

export const METHODS = {
  /** Who the agent is and what its host can do. */
  "agent/describe": { params: nothing, result: description },

  /** In the words of cephadm's gather-facts, which `ceph orch host facts` and the dashboard show. */
  "host/facts": { params: nothing, result: z.record(z.string(), json) },
  "host/devices": {
    params: z.strictObject({ loop_devices: z.boolean(), file_devices: fileDevices.nullable(), refresh: z.boolean() }),
    result: z.array(hostDevice),
  },
  /** Lights or darkens a device's LED by the agent's command template. */
  "host/light": {
    params: z.strictObject({ path: absolutePath, light: z.enum(["ident", "fault"]), on: z.boolean() }),
    result: z.object({ output: z.string() }),
  },

  /** The OSDs on this host's devices, whether they run or not. */
  "osd/list": { params: nothing, result: z.array(osd) },
  /**
   * Makes an OSD's store. The same device asked for again gives the OSD that is on it. `bootstrap_keyring` is the text of
   * client.bootstrap-osd's (secret). `keyring`, `osd_id` and `osd_uuid` are for `file`, whose id the caller took from the monitors;
   * with lvm and raw ceph-volume takes a new one, or `osd_id` if it was destroyed. A size makes it take a part of so many bytes of a device, which
   * other OSDs may share; then `osd_uuid` is needed, which is the part's name.
   */
  "osd/prepare": {
    params: z.strictObject({
      method: osdMethod,
      block: absolutePath,
      db: absolutePath.nullable(),
      wal: absolutePath.nullable(),
      block_size: bytes.nullable().default(null),
      db_size: bytes.nullable().default(null),
      wal_size: bytes.nullable().default(null),
      osd_id: z.int().min(0).nullable(),
      osd_uuid: uuid.nullable(),
      fsid: uuid,
      encrypted: z.boolean(),
      device_class: z
        .string()
        .regex(/^[A-Za-z0-9_.-]+$/)
        .nullable(),
      keyring: z.string().nullable(),
      bootstrap_keyring: z.string().nullable(),
    }),
    result: osd,
  },
  /** The uuids that were given to the monitors for OSDs whose making was interrupted, and forgets those named in `forget`. */
  "osd/leftovers": { params: z.strictObject({ forget: z.array(uuid) }), result: z.array(uuid) },
  /**
   * Erases what an OSD has on devices and no other one's. Its partitions and volumes go, and with the last of them a device is whole
   * again; with `keep_parts` they stay, empty.
   */
  "osd/discard": {
    params: z.strictObject({ osd_uuid: uuid, paths: z.array(absolutePath), keep_parts: z.boolean().default(false) }),
    result: nothing,
  },
  /** Erases a device; refused while a daemon of the manifest uses it. */
  "osd/zap": { params: z.strictObject({ path: absolutePath }), result: z.object({ output: z.string() }) },

  "daemon/list": { params: nothing, result: z.array(daemon) },
  /** Writes the daemon into the manifest and starts it. Answers when the manifest is on disk and the start was tried. */
  "daemon/deploy": { params: z.strictObject({ daemon: definition }), result: daemon },
  /** `start` and `stop` change the manifest, so that they last. `restart` of a stopped daemon starts it. */
  "daemon/act": {
    params: z.strictObject({ name: daemonName, action: z.enum(["start", "stop", "restart"]) }),
    result: daemon,
  },
  /** Stops it and takes it out of the manifest. Its data is deleted, or set aside under `removed/`. */
  "daemon/remove": { params: z.strictObject({ name: daemonName, keep_data: z.boolean() }), result: nothing },
  /**
   * Takes a daemon that runs already, started by somebody else, into the manifest; from then on it is the agent's. With
   * `check_only` nothing is changed: it fails where it would.
   */
  "daemon/adopt": {
    params: z.strictObject({ name: daemonName, service: z.string(), check_only: z.boolean().default(false) }),
    result: daemon,
  },

  /** Which of these TCP ports are taken on this host, and by whom, in words. */
  "port/taken": {
    params: z.strictObject({ ports: z.array(port) }),
    result: z.array(z.object({ port, by: z.string() })),
  },
  /**
   * Makes an NFS server known to the others of its cluster, in `pool` and `namespace`, and the object of their exports where it
   * is missing. `keyring` (secret) holds the key of `entity`. Done again, nothing happens.
   */
  "nfs/join": { params: z.strictObject({ ...account, ...rados, node: word, object: word }), result: nothing },
  /** Takes it out again. */
  "nfs/leave": { params: z.strictObject({ ...account, ...rados, node: word }), result: nothing },
  /** Says which of a realm, its zone group and its zone are missing, and with `make` makes them, as the first of the realm. */
  "rgw/realm": {
    params: z.strictObject({ ...account, realm: word, zonegroup: word, zone: word, make: z.boolean() }),
    result: z.object({ missing: z.array(z.enum(["realm", "zonegroup", "zone"])) }),
  },

  /** The backend's part of the manifest: what it wants to find again, by key. */
  "record/read": { params: nothing, result: z.object({ generation: z.int(), records }) },
  /** Changes keys (null deletes one) if the generation is still that one; else error Conflict, and nothing is changed. */
  "record/write": {
    params: z.strictObject({ generation: z.int(), changes: records }),
    result: z.object({ generation: z.int() }),
  },
} as const satisfies Record<string, { params: z.ZodType; result: z.ZodType }>;

export type Method = keyof typeof METHODS;
/** As the caller gives them. */
export type AgentParams<Name extends Method> = z.input<(typeof METHODS)[Name]["params"]>;
/** As the handler gets them, defaults filled in. */
export type CheckedParams<Name extends Method> = z.output<(typeof METHODS)[Name]["params"]>;
export type AgentResult<Name extends Method> = z.output<(typeof METHODS)[Name]["result"]>;

/** Beside JSON-RPC's own, the errors an agent answers; `data.type` is the name of the public error class. */
export const AGENT_ERRORS = {
  ValidationError: 1002,
  NotFoundError: 1003,
  NotSupportedError: 1004,
  UnavailableError: 1005,
  OrchestratorError: 1001,
} as const;

/** `data.reason` of an OrchestratorError: the records changed since they were read. */
export const CONFLICT = "Conflict";

export const DEFAULT_SOCKET = "/run/orchbridge/agent.sock";
