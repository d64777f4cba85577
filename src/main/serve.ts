/** The process's work: one connection, one bridge, and an end with the right status. */

import type { Readable, Writable } from "node:stream";
import type { BackendDefinition } from "../orchestrator/backend.ts";
import { Connection } from "../rpc/connection.ts";
import type { RpcError } from "../rpc/errors.ts";
import { type AuthorsProcess, Bridge } from "./bridge.ts";
import { Exit } from "./exit.ts";
import type { ProcessLog } from "./log.ts";
import { Recorder } from "./recording/recorder.ts";

/** How long a backend may take to close before the process ends without it. */
const closeWithinMs = 2000;

/** Serves until the other side is gone; gives the exit status. */
export async function serve(input: Readable, output: Writable, log: ProcessLog): Promise<number> {
  const served = serveConnection(input, output, log);
  // systemd ends the manager's whole group with SIGTERM: the backend is closed as at the end of the input.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => served.end());
  // The last line of the log: the manager's side shows it to whoever asked.
  return exitStatus(await served.ended, log);
}

/** One connection with the backend behind it. */
export interface ServedConnection {
  /** Ends both in good order. */
  end(): void;
  /** Resolves when the backend is closed too: null after the other side ended it, else what was wrong. */
  readonly ended: Promise<RpcError | null>;
}

/** Serves one connection; `authors` where the process is not a manager's. */
export function serveConnection(
  input: Readable,
  output: Writable,
  log: ProcessLog,
  authors?: AuthorsProcess,
): ServedConnection {
  const bridge = new Bridge(log, loadBackend, authors);
  const recorder = new Recorder(log);
  const connection = new Connection({
    input,
    output,
    toWireError: (error, method) => bridge.wireError(error, method),
    warn: (message) => log.warn(message),
    observer: recorder,
  });
  bridge.attach(connection, recorder);
  connection.listen();
  const closed = async (): Promise<RpcError | null> => {
    const reason = await connection.ended;
    await within(bridge.close(), closeWithinMs, log);
    recorder.close();
    return reason;
  };
  return { end: () => connection.close(null), ended: closed() };
}

/** The loader is itself loaded late: the first answer does not wait for it. */
async function loadBackend(name: string): Promise<BackendDefinition> {
  const { loadBackend: load } = await import("./load-backend.ts");
  return load(name);
}

function exitStatus(reason: RpcError | null, log: ProcessLog): number {
  if (reason === null || reason.code === "RPC_CLOSED") {
    if (reason !== null) log.warn(reason.message);
    return 0;
  }
  log.fatal(`the connection to the mgr module broke: ${reason.message}`);
  return Exit.protocol;
}

async function within(work: Promise<void>, ms: number, log: ProcessLog): Promise<void> {
  const late = Symbol("late");
  const timer = Promise.withResolvers<typeof late>();
  const handle = setTimeout(timer.resolve, ms, late);
  try {
    if ((await Promise.race([work, timer.promise])) === late)
      log.warn(`the backend did not close within ${ms / 1000} s`);
  } catch (error) {
    log.error("the backend failed to close", { error });
  } finally {
    clearTimeout(handle);
  }
}
