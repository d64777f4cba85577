/** Daemons that were adopted from another root folder, and where their own folders are as seen from the agent's. */
import { existsSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/** A process's root folder: null where that is the agent's own, undefined where it cannot be reached from here. */
export function otherRootOf(pid: number): string | null | undefined {
  const inside = folderIdentity(`/proc/${pid}/root/`);
  if (inside === undefined || inside === folderIdentity("/")) return null;
  // A link's text alone may be of another mount namespace.
  const path = readlinkSync(`/proc/${pid}/root`);
  return folderIdentity(path) === inside ? path : undefined;
}

function folderIdentity(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`;
}

/** A folder of a daemon in another root folder, as the agent reaches it: the host's own where that is mounted there too. */
export function folderInRoot(root: string, folder: string): string {
  const inside = join(root, folder);
  const identity = folderIdentity(inside);
  const isMounted = identity !== undefined && identity === folderIdentity(folder) && !leadsOut(root, inside);
  return isMounted ? folder : inside;
}

/** Whether a link on the way makes something else of a path in another root folder: it is followed from the agent's. */
export function leadsOut(root: string, path: string): boolean {
  return existsSync(path) && relative(realpathSync(root), realpathSync(path)).startsWith("..");
}
