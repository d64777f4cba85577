/** The process's log: JSON lines on stderr, which the manager's side reads and hands to the mgr log. */

import { type DestinationStream, type Logger as Pino, pino } from "pino";
import type { Log } from "../orchestrator/call.ts";
import type { Logger } from "../orchestrator/ports.ts";
import { withoutSecrets } from "../orchestrator/secrets.ts";
import { FloodGate } from "./log-flood.ts";
import { printable } from "./log-values.ts";

export interface ProcessLog extends Logger {
  /** The last words of a process that is about to end. */
  fatal(message: string, values?: object): void;
  child(fields: object): ProcessLog;
}

const levels = ["debug", "info", "warn", "error"] as const satisfies readonly (keyof Log)[];

/** `level` is a pino level name; an unknown one means `info`. */
export function createLog(level: string, destination: DestinationStream = stderr()): ProcessLog {
  const known = levels.find((name) => name === level) ?? "info";
  const gate = new FloodGate(destination);
  const write = (line: string): void => gate.write(withoutSecrets(line));
  return wrap(pino({ level: known, base: null }, { write }));
}

/** Synchronous, so that the last line before an exit is not lost. */
function stderr(): DestinationStream {
  const destination = pino.destination({ fd: 2, sync: true });
  // With stderr gone there is nobody left to tell, and a lost log must not end the process.
  destination.on("error", () => undefined);
  return destination;
}

function wrap(log: Pino): ProcessLog {
  return {
    debug: (message, values) => log.isLevelEnabled("debug") && log.debug(printable(values), message),
    info: (message, values) => log.info(printable(values), message),
    warn: (message, values) => log.warn(printable(values), message),
    error: (message, values) => log.error(printable(values), message),
    fatal: (message, values) => log.fatal(printable(values), message),
    child: (fields) => wrap(log.child(printable(fields))),
  };
}
