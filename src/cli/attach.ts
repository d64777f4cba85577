/** `orchbridge attach`: serves managers of this host from a process that its author started, usually under a debugger. */

import { existsSync, rmSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { dirname, isAbsolute, resolve } from "node:path";
import { userNamed } from "../agent/accounts.ts";
import { listenSafely } from "../agent/socket.ts";
import { builtInBackends, loadBackend } from "../main/load-backend.ts";
import type { ProcessLog } from "../main/log.ts";
import { type ServedConnection, serveConnection } from "../main/serve.ts";
import { messageOf } from "../orchestrator/errors.ts";
import type { Session } from "../orchestrator/ports.ts";
import { attachLog } from "./attach/log.ts";
import { attachUsage, DEFAULT_SOCKET } from "./attach/usage.ts";
import { paintFor } from "./dev/colours.ts";
import { watchEnding } from "./ending.ts";
import { CommandError, UsageError } from "./errors.ts";
import { readWords } from "./options.ts";
import { divertPrints, end, ownStdout } from "./own-stdout.ts";

const EXIT_FAILED = 1;
const EXIT_NO_BACKEND = 3;
/** A manager renews the lease every two seconds. */
const LEASE_PATIENCE_MS = 10_000;

/** What there is to tell: whether somebody listens, and who has come and gone. */
type Tell = (event: "listening" | "attached" | "detached", text: string, more: object) => void;

/** Runs the command until a signal ends it. */
export async function attach(args: string[]): Promise<void> {
  const { options, words } = readWords(
    args,
    { socket: { type: "string" }, user: { type: "string" }, json: { type: "boolean" } },
    attachUsage,
    { words: ["FILE"] },
  );
  const [file = ""] = words;
  const path = options.get("socket") ?? DEFAULT_SOCKET;
  if (!isAbsolute(path)) throw new UsageError(`--socket ${path}: expected an absolute path`, attachUsage);
  // A folder that a slip of the pen names is not made.
  if (path !== DEFAULT_SOCKET && !existsSync(dirname(path)))
    throw new CommandError(`--socket ${path}: there is no folder ${dirname(path)}`);
  const owner = socketOwner(options.get("user"));
  const backend = builtInBackends().includes(file) ? file : resolve(file);
  divertPrints();
  watchEnding(EXIT_NO_BACKEND);
  await loadable(backend);
  watchEnding(EXIT_FAILED);

  const tell = options.has("json") ? tellJson : tellPerson;
  const paint = paintFor(process.stderr);
  const log = attachLog((line, colour) =>
    process.stderr.write(`${colour === undefined ? line : paint(line, colour)}\n`),
  );
  const served = new Served(backend, log, tell);
  const server = await listen(path, owner, (socket) => served.take(socket));
  const ended = Promise.withResolvers<void>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ended.resolve());
  tell("listening", waiting(file, path), { socket: path, pid: process.pid });
  await ended.promise;
  server.close();
  rmSync(path, { force: true });
  await served.end();
  end(0);
}

function tellPerson(_event: string, text: string): void {
  ownStdout().write(`${text}\n`);
}

function tellJson(event: string, _text: string, more: object): void {
  ownStdout().write(`${JSON.stringify({ event, ...more })}\n`);
}

function waiting(file: string, path: string): string {
  return `${file} waits for a manager at ${path}

  ceph config set mgr mgr/orchbridge/attach ${path}    # to use it
  ceph config rm mgr mgr/orchbridge/attach    # to go back
`;
}

/** The connections, one after another: two backends of one kind must never run side by side. */
class Served {
  readonly #backend: string;
  readonly #log: ProcessLog;
  readonly #tell: Tell;
  #present: ServedConnection | undefined;
  #all: Promise<void> = Promise.resolve();
  #ending = false;

  constructor(backend: string, log: ProcessLog, tell: Tell) {
    this.#backend = backend;
    this.#log = log;
    this.#tell = tell;
  }

  take(socket: Socket): void {
    // Its end is told by the connection.
    socket.on("error", () => undefined);
    this.#all = this.#all.then(() => this.#serve(socket));
  }

  async end(): Promise<void> {
    this.#ending = true;
    this.#present?.end();
    await this.#all;
  }

  async #serve(socket: Socket): Promise<void> {
    if (this.#ending || socket.destroyed) return void socket.destroy();
    let session: Session | undefined;
    this.#present = serveConnection(socket, socket, this.#log, {
      backend: this.#backend,
      leasePatienceMs: LEASE_PATIENCE_MS,
      introduced: (introduced) => {
        session = introduced;
        const { mgr, release, ceph_version } = session;
        const text = `mgr.${mgr.name} of Ceph ${ceph_version} (${release}) is attached`;
        this.#tell("attached", text, { mgr: mgr.name, release, ceph_version });
      },
    });
    const reason = await this.#present.ended;
    this.#present = undefined;
    socket.destroy();
    if (session === undefined) return; // it came and went while this process stood still
    const why = reason === null || reason.code === "RPC_CLOSED" ? "" : `: ${reason.message}`;
    const mgr = session.mgr.name;
    this.#tell("detached", `mgr.${mgr} is no longer attached${why}`, { mgr, reason: reason?.message ?? null });
  }
}

async function loadable(backend: string): Promise<void> {
  try {
    await loadBackend(backend);
  } catch (error) {
    throw new CommandError(messageOf(error), { status: EXIT_NO_BACKEND, cause: error });
  }
}

async function listen(
  path: string,
  { uid, gid }: { uid: number; gid: number },
  onConnection: (socket: Socket) => void,
): Promise<Server> {
  try {
    return await listenSafely(path, gid, onConnection, { uid, mode: 0o600, who: "process" });
  } catch (error) {
    throw new CommandError(messageOf(error), { cause: error });
  }
}

/** Whose the socket is to be: the manager's user, so that it can connect. */
function socketOwner(name: string | undefined): { uid: number; gid: number } {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (name === undefined) return (own.uid === 0 ? userNamed("ceph") : undefined) ?? own;
  const found = userNamed(name) ?? (/^\d+$/.test(name) ? { uid: Number(name), gid: own.gid } : undefined);
  if (found === undefined) throw new CommandError(`--user ${name}: there is no such user on this host`);
  if (own.uid !== 0 && found.uid !== own.uid)
    throw new CommandError(`--user ${name}: only root can give the socket to another user`);
  return found;
}
