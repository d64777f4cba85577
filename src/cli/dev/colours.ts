/** Colours for a person at a terminal, and none for anybody else. */

import type { WriteStream } from "node:tty";

const CODES = { red: 31, green: 32, yellow: 33, faint: 2 } as const;

/** What a text is painted with. */
export type Colour = keyof typeof CODES;

/** Paints texts, or leaves them as they are: without a terminal, and where NO_COLOR is set. */
export type Paint = (text: string, colour: Colour) => string;

/** How to paint what goes to a stream. */
export function paintFor(stream: Pick<WriteStream, "isTTY">): Paint {
  const { NO_COLOR: refused = "", TERM: terminal = "" } = process.env;
  if (!stream.isTTY || refused !== "" || terminal === "dumb") return (text) => text;
  return (text, colour) => `\u001b[${CODES[colour]}m${text}\u001b[0m`;
}
