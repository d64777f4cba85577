/** What every part of the backend works with: the host's agent, the monitors, and the records of what is wanted. */
import type { z } from "zod";

import { type AgentClient, type AgentDescription } from "../../agent/client.ts";
import {
  type BackendContext,
  type Json,
  type Log,
  type MgrPort,
  NotFoundError,
  OrchestratorError,
} from "../../index.ts";
import { Health } from "./health.ts";
import type { LocalOptions } from "./options.ts";
import { Records } from "./records.ts";

/** A monitor command, as in MonCommands.h: its prefix and its arguments. `inbuf` is what `-i` reads. */
export interface MonCommand {
  readonly prefix: string;
  readonly inbuf?: string;
  readonly [argument: string]: Json | undefined;
}

export class Site {
  readonly agent: AgentClient;
  readonly mgr: MgrPort;
  readonly log: Log;
  readonly options: LocalOptions;
  readonly ceph: BackendContext<LocalOptions>["ceph"];
  /** Ends with the backend. */
  readonly signal: AbortSignal;
  readonly records: Records;
  /** The health checks of all parts. */
  readonly health: Health;

  constructor(context: BackendContext<LocalOptions>, agent: AgentClient) {
    this.agent = agent;
    this.mgr = context.mgr;
    this.log = context.log;
    this.options = context.options;
    this.ceph = context.ceph;
    this.signal = context.signal;
    this.records = new Records(agent);
    this.health = new Health(context.mgr);
  }

  describe(): Promise<AgentDescription> {
    return this.agent.request("agent/describe", {});
  }

  /** The name of the only host there is. */
  async hostname(): Promise<string> {
    return (await this.describe()).hostname;
  }

  /** Throws NotFoundError for any other host. */
  async checkHost(name: string): Promise<void> {
    const hostname = await this.hostname();
    if (name !== hostname)
      throw new NotFoundError(`host ${name} is not known: the local backend serves ${hostname}, the host of its agent`);
  }

  /** Runs a monitor command and gives what it printed; an OrchestratorError with the command's errno when it fails. */
  async mon(command: MonCommand): Promise<string> {
    const { retval, stdout, stderr } = await this.mgr.command(command as { prefix: string; [argument: string]: Json });
    if (retval === 0) return stdout;
    throw new OrchestratorError(
      `ceph ${command.prefix}: ${stderr.trim() === "" ? `errno ${-retval}` : stderr.trim()}`,
      {
        errno: -retval,
      },
    );
  }

  /** The same with `--format json`, checked. */
  async monJson<Schema extends z.ZodType>(command: MonCommand, schema: Schema): Promise<z.output<Schema>> {
    return checked(`ceph ${command.prefix}`, JSON.parse(await this.mon({ format: "json", ...command })), schema);
  }

  /** A map of the manager, checked. Its copy may be a second older than the monitors'. */
  async map<Schema extends z.ZodType>(name: string, schema: Schema): Promise<z.output<Schema>> {
    return checked(`the manager's ${name}`, await this.mgr.get(name), schema);
  }
}

function checked<Schema extends z.ZodType>(what: string, value: unknown, schema: Schema): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new Error(`${what} is not as expected: ${parsed.error.message}`);
  return parsed.data;
}
