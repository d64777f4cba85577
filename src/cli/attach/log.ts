/** The log of `attach`: the bridge's lines for a person on stderr, a bug with its stack. */

import type { ProcessLog } from "../../main/log.ts";
import { printable } from "../../main/log-values.ts";
import { withoutSecrets } from "../../orchestrator/secrets.ts";
import { authorsStack } from "../dev/author-log.ts";
import type { Colour } from "../dev/colours.ts";

/** Writes a line, in a colour where it deserves one. */
type WriteLine = (line: string, colour: Colour | undefined) => void;

/** A log that leaves debug lines out. */
export function attachLog(write: WriteLine, fields: { backend?: string; method?: string } = {}): ProcessLog {
  const line =
    (level: string, colour: Colour | undefined) =>
    (message: string, values: object = {}): void => {
      const where = fields.method ?? fields.backend;
      const { stack, log_id: _, ...rest } = values as { stack?: unknown; log_id?: unknown };
      const shown = Object.keys(rest).length === 0 ? "" : ` ${JSON.stringify(printable(rest))}`;
      const text = `${level}: ${where === undefined ? "" : `${where}: `}${message}${shown}`;
      write(withoutSecrets(typeof stack === "string" ? `${text}\n${authorsStack(stack)}` : text), colour);
    };
  return {
    debug: () => undefined,
    info: line("info", undefined),
    warn: line("warn", "yellow"),
    error: line("error", "red"),
    fatal: line("error", "red"),
    child: (more) => attachLog(write, { ...fields, ...more }),
  };
}
