/** The host agent: whether somebody answers at its socket. */

import { statSync } from "node:fs";
import { connect } from "node:net";
import { absent, type Finding, good, wrong } from "./finding.ts";

const PATIENCE_MS = 3_000;
const START = "start it: systemctl start orchbridge-agent, or as root: orchbridge agent";

/** `needed`: the chosen backend works through it. */
export async function agentFinding(socket: string, needed: boolean): Promise<Finding> {
  const about = "host agent";
  const stat = statSync(socket, { throwIfNoEntry: false });
  if (stat === undefined) {
    const says = `there is no agent here (no ${socket})`;
    return needed ? wrong(about, `${says}, and the backend needs it`, START) : absent(about, says);
  }
  if (!stat.isSocket()) return wrong(about, `${socket} is not a socket`, `remove it and ${START}`);
  if ((stat.mode & 0o007) !== 0)
    return wrong(
      about,
      `${socket} is open to everybody (mode ${(stat.mode & 0o777).toString(8)})`,
      `chmod o= ${socket}`,
    );
  const problem = await connecting(socket);
  return problem === undefined
    ? good(about, `somebody listens at ${socket}`)
    : wrong(about, `nobody answers at ${socket}: ${problem}`, START);
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
