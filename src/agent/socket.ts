/** A Unix socket that others connect to: usable by those whom it is for and nobody else from its first moment on. */
import { chmodSync, chownSync, lstatSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";

import { OrchestratorError, ValidationError } from "../index.ts";
import { codeOf } from "./durable-file.ts";
import { listenerOf } from "./sockets.ts";

/** What the kernel has room for, less what is put behind the name while the socket is made. */
const LONGEST = 107 - ".new-4194304".length;

/** What a socket is beside its group's: the agent's, unless told otherwise. */
export interface SocketKind {
  readonly uid?: number;
  readonly mode?: 0o600 | 0o660;
  /** Who listens, for the sentence about one that does already. */
  readonly who?: string;
}

/** Listens at `path` for members of the group `gid`. The socket of a dead process is replaced, a living one's is an error. */
export async function listenSafely(
  path: string,
  gid: number,
  onConnection: (socket: Socket) => void,
  { uid = process.getuid?.() ?? 0, mode = 0o660, who = "agent" }: SocketKind = {},
): Promise<Server> {
  if (Buffer.byteLength(path) > LONGEST)
    throw new ValidationError(`--socket ${path}: longer than the ${LONGEST} bytes that the name of a socket may have`);
  makeFolder(dirname(path));
  await refuseIfTaken(path, who);
  const server = createServer(onConnection);
  const fresh = `${path}.new-${process.pid}`;
  rmSync(fresh, { force: true });
  await listenHidden(server, fresh);
  // It gets its group before anybody can find it, and takes the place of a stale one in one step.
  chownSync(fresh, uid, gid);
  chmodSync(fresh, mode);
  renameSync(fresh, path);
  return server;
}

/** With no rights for others while it is made. */
async function listenHidden(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  const umask = process.umask(0o177);
  try {
    server.listen(path, resolve);
  } finally {
    process.umask(umask);
  }
  await promise;
}

function makeFolder(folder: string): void {
  if (mkdirSync(folder, { recursive: true, mode: 0o755 }) !== undefined) chmodSync(folder, 0o755);
  const { mode } = statSync(folder);
  // Whoever may write there could put a socket of theirs in its place.
  if ((mode & 0o022) !== 0 && (mode & 0o1000) === 0)
    throw new ValidationError(
      `${folder} may be written by others (mode ${(mode & 0o777).toString(8)}): take that away with chmod go-w, or choose another --socket`,
    );
}

async function refuseIfTaken(path: string, who: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new ValidationError(`--socket ${path}: there is something else than a socket`);
  if (!(await answers(path))) return;
  const pid = listenerOf(path);
  const which = pid === undefined ? `another ${who}` : `the ${who} with pid ${pid}`;
  throw new OrchestratorError(`${which} listens on ${path} already: stop it first, or choose another --socket`);
}

async function answers(path: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once("connect", () => resolve(true));
  socket.once("error", (error) => (isGone(error) ? resolve(false) : reject(error)));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

function isGone(error: unknown): boolean {
  return ["ECONNREFUSED", "ENOENT"].includes(codeOf(error) ?? "");
}
