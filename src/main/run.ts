/** Sets the process up around `serve`: log, streams, last words. */

import { deniedAccess } from "../orchestrator/denied-access.ts";
import { Exit } from "./exit.ts";
import { createLog, type ProcessLog } from "./log.ts";
import { serve } from "./serve.ts";
import { stdioStreams, streamsOf } from "./streams.ts";

/** Serves over two descriptors, or stdin and stdout, and ends the process. */
export async function run(fds: readonly [number, number] | "stdio"): Promise<never> {
  const log = createLog(process.env["ORCHBRIDGE_LOG_LEVEL"] ?? "info");
  logWarnings(log);
  endOnBug(log);
  const { input, output } = fds === "stdio" ? stdioStreams() : streamsOf(...fds);
  process.exit(await serve(input, output, log));
}

/** An exception that nothing caught leaves unknown damage, so the process ends; the manager's side starts another. */
function endOnBug(log: ProcessLog): void {
  process.on("uncaughtException", (error, origin) => {
    const what =
      origin === "unhandledRejection"
        ? "a promise was rejected and nobody handled it"
        : "an exception was thrown outside of any call";
    const why = deniedAccess(error) ?? (error instanceof Error ? error.message : String(error));
    log.fatal(`${what}; the process ends: ${why}`, { error });
    process.exit(Exit.bug);
  });
}

/** Node's own warnings as log lines; that a feature is experimental is no news to an operator. */
function logWarnings(log: ProcessLog): void {
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    const level = warning.name === "ExperimentalWarning" ? "debug" : "warn";
    log[level](`${warning.name}: ${warning.message}`);
  });
}
