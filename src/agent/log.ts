/** The agent's log: JSON lines on stderr. Params never go into it, since they carry keyrings. */
import { pino } from "pino";

export interface AgentLog {
  debug(message: string, values?: Record<string, unknown>): void;
  info(message: string, values?: Record<string, unknown>): void;
  warn(message: string, values?: Record<string, unknown>): void;
  error(message: string, values?: Record<string, unknown>): void;
}

/** cephx keys, and the keys of certificates. */
const secret = /\bA[Qg][A-Za-z0-9+/]{36,80}={0,2}|-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*/g;

/** The text without what looks like a key. */
export function withoutKeys(text: string): string {
  return text.replace(secret, "[secret]");
}

/** A log at this level: debug, info, warn or error. */
export function createLog(level: string): AgentLog {
  const destination = pino.destination({ fd: 2, sync: true });
  // With stderr gone there is nobody left to tell, and a lost log must not end the agent.
  destination.on("error", () => undefined);
  const log = pino({ level, base: null }, { write: (line: string) => destination.write(withoutKeys(line)) });
  return {
    debug: (message, values = {}) => log.debug(values, message),
    info: (message, values = {}) => log.info(values, message),
    warn: (message, values = {}) => log.warn(values, message),
    error: (message, values = {}) => log.error(values, message),
  };
}
