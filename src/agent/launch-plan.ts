/** What is to be started for an entry of the manifest, by this host's settings. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { NotFoundError, OrchestratorError } from "../index.ts";
import { daemonOwner } from "./accounts.ts";
import { type DaemonKind, type DaemonPlace, programPath } from "./daemon-types.ts";
import type { FileOwner } from "./durable-file.ts";
import { cleanEnvironment } from "./launching.ts";
import type { Launch, ManifestEntry } from "./manifest.ts";
import { folderInRoot } from "./other-root.ts";
import type { DaemonName, DaemonType } from "./protocol.ts";
import { type AgentSettings, rootOf } from "./settings.ts";

export type DaemonKinds = Readonly<Record<DaemonType, DaemonKind>>;

export interface LaunchPlan {
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** As whom the process is started; undefined for the agent's own user. */
  readonly startsAs: FileOwner | undefined;
  /** Files to be written into its folder first. */
  readonly generated: ReadonlyMap<string, string>;
}

/** Type and id of a daemon's name. */
export function typeAndId(name: DaemonName): { type: DaemonType; id: string } {
  const dot = name.indexOf(".");
  // A name's type is one of the known ones, by the schema that made it a name.
  return { type: name.slice(0, dot) as DaemonType, id: name.slice(dot + 1) };
}

export class LaunchPlans {
  readonly #settings: AgentSettings;
  readonly #kinds: DaemonKinds;

  constructor(settings: AgentSettings, kinds: DaemonKinds) {
    this.#settings = settings;
    this.#kinds = kinds;
  }

  kindOf(name: DaemonName): DaemonKind {
    return this.#kinds[typeAndId(name).type];
  }

  /** Whose the daemon's files are. */
  ownerOf(name: DaemonName): FileOwner {
    return daemonOwner(this.#settings.user, this.#rootOf(name));
  }

  /** The daemon's folder, also of one that was adopted from another root folder. */
  folderOf(name: DaemonName, entry?: ManifestEntry): string {
    const { id } = typeAndId(name);
    const folder = entry?.adopted?.data ?? join(this.#settings.dataDir, this.kindOf(name).dataFolder(id));
    const root = entry?.adopted?.root ?? null;
    return root === null ? folder : folderInRoot(root, folder);
  }

  /** The program and what has to stand before it; throws when it is not installed. */
  programOf(name: DaemonName, entry?: ManifestEntry): readonly [string, ...string[]] {
    const root = this.#rootOf(name, entry);
    const { binary } = this.kindOf(name);
    const path = programPath(binary, root);
    if (path === undefined)
      throw new NotFoundError(
        `${name} cannot be started: ${binary} is not installed ${root === undefined ? "on this host" : `in ${root}`}`,
      );
    return root === undefined ? [path] : ["chroot", root, path];
  }

  /** As whom the program shall run, where that is not the agent's own user. */
  userOf(name: DaemonName): DaemonPlace["user"] {
    const owner = this.ownerOf(name);
    return process.getuid?.() === owner.uid ? undefined : { name: this.#settings.user, ...owner };
  }

  /** The admin socket it was told to make, in its own root folder; undefined when it has none or it was adopted. */
  adminSocketOf(name: DaemonName, entry: ManifestEntry): string | undefined {
    if (entry.adopted !== null || !this.kindOf(name).hasAdminSocket) return undefined;
    return this.#placeOf(name, entry).adminSocket;
  }

  of(name: DaemonName, entry: ManifestEntry): LaunchPlan {
    const program = this.programOf(name, entry);
    if (entry.adopted !== null) return adoptedPlan(program, entry.adopted);
    const kind = this.kindOf(name);
    const place = this.#placeOf(name, entry);
    if (!existsSync(place.data))
      throw new OrchestratorError(`${name} cannot be started: its folder ${place.data} is gone`);
    return {
      argv: [...program, ...kind.args(place)],
      environment: {
        ...cleanEnvironment(this.#settings.dataDir),
        ...packagedEnvironment(this.#rootOf(name, entry)),
        ...kind.environment(place),
      },
      startsAs: undefined,
      generated: new Map(Object.entries(kind.generated(place, this.#confText()))),
    };
  }

  #placeOf(name: DaemonName, entry: ManifestEntry): DaemonPlace {
    const { type, id } = typeAndId(name);
    const { conf, runDir } = this.#settings;
    const data = this.folderOf(name);
    // The name that `ceph daemon NAME` looks for.
    const entity = ["mon", "mgr", "osd", "mds"].includes(type) ? name : `client.${name}`;
    return {
      id,
      conf,
      data,
      keyring: join(data, "keyring"),
      runDir,
      adminSocket: join(runDir, `ceph-${entity}.asok`),
      user: this.kindOf(name).changesUser ? this.userOf(name) : undefined,
      address: entry.address ?? undefined,
    };
  }

  #rootOf(name: DaemonName, entry?: ManifestEntry): string | undefined {
    return rootOf(this.#settings, typeAndId(name).type) ?? entry?.adopted?.root ?? undefined;
  }

  #confText(): string {
    return existsSync(this.#settings.conf) ? readFileSync(this.#settings.conf, "utf8") : "";
  }
}

/** As it was started before, by the program that is installed now. */
function adoptedPlan(program: readonly [string, ...string[]], adopted: Launch): LaunchPlan {
  const [, ...args] = adopted.argv;
  const ownUser = args.some((word) => /^--setuser\b/.test(word));
  return {
    argv: [...program, ...args],
    environment: adopted.environment,
    startsAs: ownUser ? undefined : { uid: adopted.uid, gid: adopted.gid },
    generated: new Map(),
  };
}

/** The environment that the packages' units give to daemons. */
function packagedEnvironment(root: string | undefined): Record<string, string> {
  const file = join(root ?? "/", "etc/default/ceph");
  if (!existsSync(file)) return {};
  const lines = readFileSync(file, "utf8").matchAll(/^\s*([A-Za-z_]\w*)=(["']?)(.*?)\2\s*$/gm);
  return Object.fromEntries([...lines].map(([, name = "", , value = ""]) => [name, value]));
}
