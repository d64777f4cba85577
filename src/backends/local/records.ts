/** What is wanted of this host, kept in the agent's manifest: services, removals, the upgrade, the host itself. */
import { z } from "zod";

import { type AgentClient, ConflictError } from "../../agent/client.ts";
import type { Json } from "../../index.ts";

/** So often a change is tried again when somebody else changed the records meanwhile. */
const TRIES = 50;

/** Reads and changes records, each checked by its schema. Two Node processes may change them at once; nothing is lost then. */
export class Records {
  readonly #agent: AgentClient;

  constructor(agent: AgentClient) {
    this.#agent = agent;
  }

  /** The record, or undefined when there is none. */
  async get<Schema extends z.ZodType>(key: string, schema: Schema): Promise<z.output<Schema> | undefined> {
    const { records } = await this.#agent.request("record/read", {});
    return read(key, records[key], schema);
  }

  /** All records below `prefix` (which ends in a slash), by the rest of their keys. */
  async list<Schema extends z.ZodType>(prefix: string, schema: Schema): Promise<Map<string, z.output<Schema>>> {
    const { records } = await this.#agent.request("record/read", {});
    return new Map(
      Object.entries(records)
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, value]) => [key.slice(prefix.length), read(key, value, schema) as z.output<Schema>]),
    );
  }

  /** Replaces a record by what `change` makes of it; null deletes it, undefined leaves it alone. Gives the record after it. */
  async change<Schema extends z.ZodType>(
    key: string,
    schema: Schema,
    change: (record: z.output<Schema> | undefined) => z.input<Schema> | null | undefined,
  ): Promise<z.output<Schema> | undefined> {
    for (let tries = 1; ; tries += 1) {
      const { generation, records } = await this.#agent.request("record/read", {});
      const before = read(key, records[key], schema);
      const after = change(before);
      if (after === undefined) return before;
      // What could not be read again would stand in the way of everything.
      if (after !== null) read(key, after, schema);
      try {
        // What the schema lets through is JSON.
        await this.#agent.request("record/write", { generation, changes: { [key]: after as Json } });
        return after === null ? undefined : read(key, after, schema);
      } catch (error) {
        if (!(error instanceof ConflictError) || tries === TRIES) throw error;
      }
    }
  }

  async put<Schema extends z.ZodType>(key: string, schema: Schema, record: z.input<Schema>): Promise<void> {
    await this.change(key, schema, () => record);
  }

  async delete<Schema extends z.ZodType>(key: string, schema: Schema): Promise<void> {
    await this.change(key, schema, (record) => (record === undefined ? undefined : null));
  }
}

function read<Schema extends z.ZodType>(key: string, value: unknown, schema: Schema): z.output<Schema> | undefined {
  if (value === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw new Error(
      `the agent's record ${key} is not as expected: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`,
    );
  return parsed.data;
}
