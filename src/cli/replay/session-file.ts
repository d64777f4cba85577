/** Reads a recording: a header, then lines `> {…}` to Node and `< {…}` to the manager. A file may hold several sessions. */

import { FORMAT } from "../../main/recording/recorder.ts";
import { isObject } from "../../rpc/message.ts";

export type Wire = Readonly<Record<string, unknown>>;

/** What the first line of a session tells. */
export interface SessionHeader {
  readonly release: string;
  readonly ceph_version: string;
  readonly orchbridge: string;
  readonly schema_hash: string;
  readonly date: string;
  /** The commands that were run meanwhile, where whoever recorded it knew them. */
  readonly commands: readonly string[];
}

export interface RecordedMessage {
  /** Its line in the file, from 1 on. */
  readonly line: number;
  readonly to: "node" | "manager";
  readonly message: Wire;
}

export interface RecordedSession {
  readonly header: SessionHeader;
  readonly messages: readonly RecordedMessage[];
}

/** The sessions of a file's text; an Error names the line that cannot be read. */
export function readSessions(text: string): RecordedSession[] {
  const sessions: { header: SessionHeader; messages: RecordedMessage[] }[] = [];
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const number = index + 1;
    const mayBeHalf = (): boolean => isLast(lines, index);
    if (line.startsWith("# {")) {
      const header = readHeader(line.slice(2), number, mayBeHalf);
      if (header !== undefined) sessions.push({ header, messages: [] });
    } else if (!line.startsWith("#")) {
      const message = readMessage(line, number, mayBeHalf);
      if (message === undefined) continue;
      const session = sessions.at(-1);
      if (session === undefined) throw new Error(`line ${number}: a message before any header`);
      session.messages.push(message);
    }
  }
  if (sessions.length === 0) throw new Error("there is no session in it");
  return sessions;
}

/** Whether it is the last line that a process wrote, which may be half a one if it died. */
function isLast(lines: readonly string[], index: number): boolean {
  const next = lines.slice(index + 1).find((line) => line.trim() !== "");
  return index === lines.length - 1 || (next?.startsWith("# {") ?? false);
}

function readMessage(line: string, number: number, mayBeHalf: () => boolean): RecordedMessage | undefined {
  const to = /^>(?: |$)/.test(line) ? "node" : /^<(?: |$)/.test(line) ? "manager" : undefined;
  if (to === undefined) throw new Error(`line ${number}: expected "> {…}", "< {…}" or "# …", got ${shown(line)}`);
  try {
    return { line: number, to, message: objectOf(line.slice(2)) };
  } catch (error) {
    if (mayBeHalf()) return undefined;
    throw new Error(`line ${number}: not a JSON object: ${shown(line.slice(2))}`, { cause: error });
  }
}

function readHeader(json: string, line: number, mayBeHalf: () => boolean): SessionHeader | undefined {
  let fields: Wire;
  try {
    fields = objectOf(json);
  } catch (error) {
    if (mayBeHalf()) return undefined;
    throw new Error(`line ${line}: the header is not a JSON object: ${shown(json)}`, { cause: error });
  }
  const { format, commands } = fields;
  if (typeof format !== "number" || format > FORMAT)
    throw new Error(
      `line ${line}: a recording of format ${JSON.stringify(format) ?? "?"}, made by orchbridge ${text(fields, "orchbridge")}; this version reads format ${FORMAT}`,
    );
  return {
    release: text(fields, "release"),
    ceph_version: text(fields, "ceph_version"),
    orchbridge: text(fields, "orchbridge"),
    schema_hash: text(fields, "schema_hash"),
    date: text(fields, "date"),
    commands: Array.isArray(commands) ? commands.map(String) : [],
  };
}

function objectOf(json: string): Wire {
  const value: unknown = JSON.parse(json);
  if (!isObject(value)) throw new TypeError("not an object");
  return value;
}

function text(fields: Wire, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "?";
}

function shown(line: string): string {
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
}
