/** The process's work: one connection, one bridge, and an end with the right status. */

import type { Readable, Writable } from "node:stream";
import type { BackendDefinition } from "../orchestrator/backend.ts";
import { Connection } from "../rpc/connection.ts";
import type { RpcError } from "../rpc/errors.ts";
import { Bridge } from "./bridge.ts";
import { Exit } from "./exit.ts";
import type { ProcessLog } from "./log.ts";

/** How long a backend may take to close before the process ends without it. */
const closeWithinMs = 2000;

/** Serves until the other side is gone; gives the exit status. */
export async function serve(input: Readable, output: Writable, log: ProcessLog): Promise<number> {
  const bridge = new Bridge(log, loadBackend);
  const connection = new Connection({
    input,
    output,
    toWireError: (error, method) => bridge.wireError(error, method),
    warn: (message) => log.warn(message),
  });
  bridge.attach(connection);
  // systemd ends the manager's whole group with SIGTERM: the backend is closed as at the end of the input.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => connection.close(null));
  connection.listen();
  const reason = await connection.ended;
  await within(bridge.close(), closeWithinMs, log);
  // The last line of the log: the manager's side shows it to whoever asked.
  return exitStatus(reason, log);
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
