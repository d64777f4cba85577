/** The agent's log: JSON lines on stderr. Params never go into it, since they carry keyrings. */
import { pino } from "pino";

import { withoutSecrets } from "../index.ts";

export interface AgentLog {
  debug(message: string, values?: Record<string, unknown>): void;
  info(message: string, values?: Record<string, unknown>): void;
  warn(message: string, values?: Record<string, unknown>): void;
  error(message: string, values?: Record<string, unknown>): void;
}

/** A log at this level: debug, info, warn or error. */
export function createLog(level: string): AgentLog {
  const destination = pino.destination({ fd: 2, sync: true });
  // With stderr gone there is nobody left to tell, and a lost log must not end the agent.
  destination.on("error", () => undefined);
  const log = pino({ level, base: null }, { write: (line: string) => destination.write(withoutSecrets(line)) });
  return {
    debug: (message, values = {}) => log.debug(values, message),
    info: (message, values = {}) => log.info(values, message),
    warn: (message, values = {}) => log.warn(values, message),
    error: (message, values = {}) => log.error(values, message),
  };
}
