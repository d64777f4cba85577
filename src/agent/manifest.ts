/** The one durable file: which daemons are to run on this host, and what the backend wants to find again. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

import { type Json, messageOf, OrchestratorError } from "../index.ts";
import { codeOf, writeDurably } from "./durable-file.ts";
import type { ManifestView } from "./handlers.ts";
import { CONFLICT, DAEMON_TYPES, type DaemonName } from "./protocol.ts";

const VERSION = 1;

const name = z.templateLiteral([z.enum(DAEMON_TYPES), ".", z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/)]);

/** How a daemon that somebody else had started is started again: as they did, but in the foreground. */
const launch = z.strictObject({
  argv: z.array(z.string()).min(1),
  environment: z.record(z.string(), z.string()),
  uid: z.int(),
  gid: z.int(),
  /** Its folder, as it told on its admin socket. */
  data: z.string().nullable(),
  /** The root folder that it ran in, where that was not the agent's own. */
  root: z.string().nullable(),
});

const entry = z.strictObject({
  service: z.string(),
  labels: z.record(z.string(), z.string()),
  ports: z.array(z.int()),
  address: z.string().nullable(),
  desired: z.enum(["running", "stopped"]),
  created: z.iso.datetime(),
  deployed: z.iso.datetime(),
  adopted: launch.nullable(),
  /** Set once its removal began, so that it is brought to its end whatever happens. */
  removing: z.enum(["keep_data", "drop_data"]).nullable(),
});

const manifest = z.strictObject({
  version: z.literal(VERSION),
  /** Of this state folder alone: daemons are found again by it. */
  id: z.uuid(),
  /** Counts the changes of the records. */
  generation: z.int().min(0),
  daemons: z.record(name, entry),
  records: z.record(z.string(), z.json()),
});

export type Launch = z.output<typeof launch>;
export type ManifestEntry = z.output<typeof entry>;
type Content = z.output<typeof manifest>;

function empty(): Content {
  return { version: VERSION, id: randomUUID(), generation: 0, daemons: {}, records: {} };
}

export class Manifest implements ManifestView {
  readonly #path: string;
  #content: Content;
  /** The last write; the next begins after it. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, content: Content) {
    this.#path = path;
    this.#content = content;
  }

  /** Reads it, empty where there is none. One that cannot be understood is an error, and stays as it is. */
  static open(stateDir: string): Manifest {
    const path = join(stateDir, "manifest.json");
    return new Manifest(path, read(path));
  }

  get id(): string {
    return this.#content.id;
  }

  names(): readonly DaemonName[] {
    return Object.keys(this.#content.daemons) as DaemonName[];
  }

  has(daemon: DaemonName): boolean {
    return this.get(daemon) !== undefined;
  }

  get(daemon: DaemonName): ManifestEntry | undefined {
    return this.#content.daemons[daemon];
  }

  /** Writes an entry; undefined takes it out. When it cannot be written, nothing changed. */
  put(daemon: DaemonName, value: ManifestEntry | undefined): Promise<void> {
    return this.#change(({ daemons, ...rest }) => {
      const { [daemon]: _, ...others } = daemons;
      return { ...rest, daemons: value === undefined ? others : { ...others, [daemon]: value } };
    });
  }

  get generation(): number {
    return this.#content.generation;
  }

  get records(): Readonly<Record<string, Json>> {
    return this.#content.records;
  }

  /** Changes records if their generation is still that one; null deletes. Gives the new generation. */
  async writeRecords(generation: number, changes: Readonly<Record<string, Json>>): Promise<number> {
    await this.#change((content) => {
      if (content.generation !== generation) throw new ConflictingWrite(generation, content.generation);
      const records = Object.entries({ ...content.records, ...changes }).filter(([, value]) => value !== null);
      return { ...content, generation: generation + 1, records: Object.fromEntries(records) };
    });
    return generation + 1;
  }

  #change(make: (content: Content) => Content): Promise<void> {
    const write = this.#writing.then(async () => {
      const changed = make(this.#content);
      await writeDurably(this.#path, `${JSON.stringify(changed)}\n`, 0o600);
      this.#content = changed;
    });
    this.#writing = write.catch(() => undefined);
    return write;
  }
}

/** Somebody else changed the records since they were read. */
export class ConflictingWrite extends OrchestratorError {
  readonly reason = CONFLICT;

  constructor(given: number, present: number) {
    super(`the records changed meanwhile: generation ${given} was read, it is ${present} now`);
  }
}

function read(path: string): Content {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return empty();
    throw unusable(path, messageOf(cause), cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unusable(path, "it is not JSON", cause);
  }
  const version = z.object({ version: z.int() }).safeParse(value);
  if (version.success && version.data.version > VERSION)
    throw unusable(path, `it was written by a newer agent (version ${version.data.version}, known is ${VERSION})`);
  const parsed = manifest.safeParse(value);
  if (!parsed.success) throw unusable(path, z.prettifyError(parsed.error).replaceAll("\n", " "));
  return parsed.data;
}

function unusable(path: string, why: string, cause?: unknown): OrchestratorError {
  return new OrchestratorError(
    `the manifest ${path} cannot be used: ${why}. It is left as it is: put back a copy of it or install the agent that wrote it; moved away, the agent starts with no daemons of its own and daemons that run can be adopted`,
    { cause },
  );
}
