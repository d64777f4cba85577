/** What has to be known of a daemon that runs, so that it can be started again as it was. */
import { ValidationError } from "../index.ts";
import { askAdminSocket } from "./admin-socket.ts";
import type { ForeignDaemon } from "./foreign.ts";
import { typeAndId } from "./launch-plan.ts";
import type { ManifestEntry } from "./manifest.ts";
import { otherRootOf } from "./other-root.ts";
import { originOf, whyStartedAgain } from "./outer-supervisor.ts";
import { environmentOf, ownerOf } from "./process-table.ts";
import { adminSocketsOf } from "./sockets.ts";

/** What programs of Ceph's heed; the rest is of whoever started it. */
const KEPT = /^(?:PATH|HOME|LANG|LC_\w+|TZ|LD_LIBRARY_PATH|PYTHONPATH|CEPH_\w+|TCMALLOC_\w+|MALLOC_\w+|NSS_\w+)$/;

const WITHIN_MS = 2000;

/** Its removal deletes it: so nothing that could be more than one daemon's. */
const DATA_FOLDER = /^(?:\/[^/.][^/]*){3,}$/;

/** Options that name a file or a folder, of any type of daemon. */
const PATHS = /^(?:-c|-k|--conf|--keyring|--admin-socket|--\w+-data)$/;

/** Its entry in the manifest, less the service. Throws where it could not be started again as it is. */
export async function adoptable({ name, identity, argv }: ForeignDaemon): Promise<Omit<ManifestEntry, "service">> {
  const { pid } = identity;
  const refuse = (why: string): never => {
    throw new ValidationError(`${name} (pid ${pid}) cannot be taken over: ${why}`);
  };
  const owner = ownerOf(pid);
  if (owner === undefined || process.getuid?.() !== 0) return refuse("the agent has to run as root for that");
  const again = whyStartedAgain(await originOf(pid));
  if (again !== undefined) return refuse(again);
  const root = otherRootOf(pid);
  if (root === undefined) return refuse("its root folder is not to be seen from here, as that of a container");
  const relative = relativePathIn(argv);
  if (relative !== undefined)
    return refuse(`it was started with the path ${relative}, which means something only where that was`);
  const environment = Object.entries(environmentOf(pid)).filter(([key]) => KEPT.test(key));
  const now = new Date().toISOString();
  return {
    labels: {},
    ports: [],
    address: null,
    desired: "running",
    created: now,
    deployed: now,
    adopted: {
      argv: inForeground(argv),
      environment: Object.fromEntries(environment),
      ...owner,
      data: await dataFolderOf(name, pid),
      root,
    },
    removing: null,
  };
}

/** The value of an option that names a file or folder, where it starts nowhere certain. Ceph reads `--mon_data=X` as `--mon-data X`. */
export function relativePathIn(argv: readonly string[]): string | undefined {
  const words = argv.flatMap((word) => {
    const [, option, value] = /^(-[^=]*)(?:=([^]*))?$/.exec(word) ?? [];
    if (option === undefined) return [word];
    return [option.replaceAll("_", "-"), ...(value === undefined ? [] : [value])];
  });
  return words.find((word, index) => PATHS.test(words[index - 1] ?? "") && !word.startsWith("/"));
}

function inForeground(argv: readonly string[]): string[] {
  const foreground = argv.some((word) => ["-f", "--foreground", "-d"].includes(word));
  return foreground ? [...argv] : [...argv, "-f"];
}

/** As it tells itself; null when it has none or does not tell. */
async function dataFolderOf(name: ForeignDaemon["name"], pid: number): Promise<string | null> {
  const option = `${typeAndId(name).type}_data`;
  for (const path of adminSocketsOf(pid)) {
    try {
      const answer = await askAdminSocket(`/proc/${pid}/root${path}`, "config get", WITHIN_MS, { var: option });
      const value: unknown = (JSON.parse(answer) as Record<string, unknown>)[option];
      if (typeof value === "string" && DATA_FOLDER.test(value)) return value;
    } catch {
      continue; // a socket of a library within it
    }
  }
  return null;
}
