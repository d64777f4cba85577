/** The host agent: whether somebody answers at its socket. */

import { statSync } from "node:fs";
import { connect } from "node:net";
import { AgentClient, PROTOCOL } from "../../agent/client.ts";
import { messageOf } from "../../orchestrator/errors.ts";
import { absent, type Finding, good, wrong } from "./finding.ts";

const PATIENCE_MS = 3_000;
/** It looks at its host before it answers. */
const ANSWER_WITHIN_MS = 15_000;
const START = "start it: systemctl start orchbridge-agent, or as root: orchbridge agent";

const RESTART = "restart it, its daemons run on: systemctl restart orchbridge-agent";

/** `expected`: why it should be there, where it should. */
export async function agentFinding(socket: string, expected: string | undefined): Promise<Finding> {
  const about = "host agent";
  const stat = statSync(socket, { throwIfNoEntry: false });
  if (stat === undefined) {
    const says = `there is no agent here (no ${socket})`;
    return expected === undefined ? absent(about, says) : wrong(about, `${says}, and ${expected}`, START);
  }
  if (!stat.isSocket()) return wrong(about, `${socket} is not a socket`, `remove it and ${START}`);
  if ((stat.mode & 0o007) !== 0)
    return wrong(
      about,
      `${socket} is open to everybody (mode ${(stat.mode & 0o777).toString(8)})`,
      `chmod o= ${socket}`,
    );
  const problem = await connecting(socket);
  if (problem !== undefined) return wrong(about, `nobody answers at ${socket}: ${problem}`, START);
  return describedFinding(about, socket);
}

async function describedFinding(about: string, socket: string): Promise<Finding> {
  const client = new AgentClient(socket, () => undefined);
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const { version, protocol } = await client.request("agent/describe", {}, { signal });
    return protocol < PROTOCOL
      ? wrong(about, `the agent ${version} at ${socket} is older than this orchbridge`, RESTART)
      : good(about, `the agent ${version} answers at ${socket}`);
  } catch (error) {
    return wrong(about, `who listens at ${socket} does not answer as the agent: ${messageOf(error)}`, RESTART);
  } finally {
    client.close();
  }
}

/** Why nobody can be reached at a socket, or undefined. */
export function connecting(path: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect(path);
  socket.setTimeout(PATIENCE_MS, () => resolve(`no answer within ${PATIENCE_MS / 1000} s`));
  socket.once("connect", () => resolve(undefined));
  socket.once("error", (error) => resolve(error.message));
  return promise.finally(() => socket.destroy());
}
