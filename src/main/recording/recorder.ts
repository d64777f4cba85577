/** Writes a session into the file that the option `record_path` names: see docs/recordings.md. */

import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import type { Message } from "vscode-jsonrpc";
import type { Log } from "../../orchestrator/call.ts";
import { messageOf } from "../../orchestrator/errors.ts";
import type { Observer } from "../../rpc/connection.ts";
import { isObject } from "../../rpc/message.ts";
import { VERSION } from "../version.ts";
import { type Direction, Redaction, type Wire } from "./redaction.ts";

/** Of the lines' shape; a reader refuses what is newer than itself. */
export const FORMAT = 1;

/** What comes every few seconds and says only that both sides live. */
const UNRECORDED: readonly unknown[] = ["bridge/ping", "bridge/lease"];

export interface RecordingLimits {
  /** Bytes of one message; of a larger one only its envelope is written. */
  readonly message: number;
  /** Bytes of the file, after which nothing more is written. */
  readonly file: number;
}

const usualLimits: RecordingLimits = { message: 1024 * 1024, file: 64 * 1024 * 1024 };

/**
 * Looks at every message of a connection, and begins with the `initialize` that names a file. Written at once and in this
 * thread, so that the last line is there when the process dies of what it says. Whatever fails ends the recording, with a
 * line in the log, and nothing else.
 */
export class Recorder implements Observer {
  readonly #log: Pick<Log, "info" | "warn">;
  readonly #limits: RecordingLimits;
  readonly #unanswered = new Set<unknown>();
  #redaction: Redaction | undefined;
  #fd: number | undefined;
  #path = "";
  #size = 0;
  #over = false;
  #problem: string | null = null;

  constructor(log: Pick<Log, "info" | "warn">, limits: RecordingLimits = usualLimits) {
    this.#log = log;
    this.#limits = limits;
  }

  /** Where the session is recorded, and why it is not any more; null where nobody asked for it. */
  get state(): { readonly file: string; readonly problem: string | null } | null {
    return this.#path === "" ? null : { file: this.#path, problem: this.#problem };
  }

  received(message: Message, bytes: number): void {
    if (this.#over) return;
    const wire: Wire = { ...message };
    if (this.#redaction === undefined) {
      if (wire["method"] !== "initialize" || !isObject(wire["params"])) return;
      this.#attempt(() => this.#begin(wire["params"] as Wire));
    }
    this.#record("to Node", wire, bytes, () => wire);
  }

  sent(message: Message, json: string): void {
    if (this.#over || this.#redaction === undefined) return;
    this.#record("to the manager", { ...message }, Buffer.byteLength(json), () => JSON.parse(json) as Wire);
  }

  /** Nothing is written any more. */
  close(): void {
    this.#over = true;
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  #begin(params: Wire): void {
    const path = params["record_path"];
    if (typeof path !== "string" || path === "") {
      this.#over = true;
      return;
    }
    this.#path = path;
    this.#fd = open(path);
    const { size, mode } = fstatSync(this.#fd);
    if ((mode & 0o077) !== 0) throw new Error("others can read it; remove it, or run chmod 600");
    this.#size = size;
    this.#redaction = new Redaction();
    const { schema_hash, protocol, release, ceph_version, dialect, backend } = params;
    const about = { release, ceph_version, orchbridge: VERSION, node: process.versions.node, protocol, schema_hash };
    const name = isObject(backend) ? backend["name"] : null;
    const date = new Date().toISOString();
    // A process that died may have left half a line.
    const apart = size > 0 ? "\n" : "";
    this.#write(
      `${apart}# ${JSON.stringify({ format: FORMAT, ...about, dialect, backend: name, date, commands: [] })}\n`,
    );
    this.#log.info(`the session is recorded in ${path}`);
  }

  /** `whole` is asked only for what is small enough: a call waits meanwhile. */
  #record(direction: Direction, wire: Wire, bytes: number, whole: () => Wire): void {
    this.#attempt(() => {
      if (this.#redaction === undefined || this.#isUnrecorded(direction, wire)) return;
      const isCut = bytes > this.#limits.message;
      if (isCut) this.#redaction.passOver(direction, wire);
      const text = isCut ? envelope(wire, bytes) : JSON.stringify(this.#redaction.shown(direction, whole()));
      this.#write(`${direction === "to Node" ? ">" : "<"} ${text}\n`);
    });
  }

  /** A ping is left out with its answer. */
  #isUnrecorded(direction: Direction, { id, method }: Wire): boolean {
    if (direction === "to the manager") return method === undefined && this.#unanswered.delete(id);
    if (!UNRECORDED.includes(method)) return false;
    if (id !== undefined) this.#unanswered.add(id);
    return true;
  }

  #write(line: string): void {
    if (this.#fd === undefined) return;
    const bytes = Buffer.from(line);
    if (this.#size + bytes.length > this.#limits.file) {
      this.#end(`it has reached ${Math.round(this.#limits.file / 1e6)} MB`);
      return;
    }
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#fd, bytes, written);
    this.#size += bytes.length;
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#end(messageOf(error));
    }
  }

  #end(why: string): void {
    this.#problem = why;
    try {
      this.close();
    } catch {
      // The disk is gone, or whatever else the reason is: it is told below.
    }
    this.#log.warn(`the session is not recorded in ${this.#path}: ${why}`);
  }
}

/** Neither through a link, nor into a pipe, in which a write might wait for a reader. */
function open(path: string): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  const fd = openSync(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0o600);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new Error("it is no file");
}

/** What is left of a message that is too large: who it is for, and how large it was. */
function envelope({ id, method }: Wire, bytes: number): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, cut: bytes });
}
