/** `orchbridge agent`: runs the host agent. */
import { isAbsolute } from "node:path";

import { type AgentLog, createLog } from "../agent/log.ts";
import { DAEMON_TYPES, type DaemonType, DEFAULT_SOCKET } from "../agent/protocol.ts";
import { type AgentSettings, PACKAGED } from "../agent/settings.ts";
import { isOrchestratorError } from "../index.ts";
import { VERSION } from "../main/version.ts";
import { nearestWord } from "../orchestrator/nearest-word.ts";
import type { Command } from "./commands.ts";
import { CommandError, UsageError } from "./errors.ts";
import { readOptions } from "./options.ts";

const usage = `usage: orchbridge agent [OPTION…]

Runs Ceph daemons of this host's packages for the local backend, keeps them running, and prepares devices for OSDs.
Daemons outlive the agent. As root it does all of this; as another user it runs daemons as that user and leaves
devices alone. It logs to stderr and ends on SIGTERM.

  --socket PATH        where it listens (${DEFAULT_SOCKET})
  --group NAME         whose members may use the socket (ceph where there is such a group)
  --stdio              speak on stdin and stdout instead of a socket
  --state DIR          its own files (${PACKAGED.stateDir})
  --conf FILE          the host's ceph.conf (${PACKAGED.conf})
  --data DIR           where daemons have their folders (${PACKAGED.dataDir})
  --run DIR            where daemons have their admin sockets (${PACKAGED.runDir})
  --user NAME          as whom daemons run (ceph where there is such a user and the agent is root)
  --root [TYPE=]DIR    run the programs of the root folder DIR, by chroot, for daemons of that type or of all types;
                       may be given several times
  --light TEMPLATE     the command that lights and darkens a device's LED
`;

const options = {
  socket: { type: "string" },
  group: { type: "string" },
  stdio: { type: "boolean" },
  state: { type: "string" },
  conf: { type: "string" },
  data: { type: "string" },
  run: { type: "string" },
  user: { type: "string" },
  root: { type: "string" },
  light: { type: "string" },
} as const;

export const agentCommand: Command = {
  summary: "run the host agent of the local backend",
  usage,
  async run(words) {
    const { roots, others } = splitRoots(words);
    const given = readOptions(others, options, usage, []);
    const { defaultUser } = await import("../agent/accounts.ts");
    const settings = settingsOf(given, roots, defaultUser());
    const log = createLog(process.env["ORCHBRIDGE_LOG_LEVEL"] ?? "info");
    await runAgent(settings, given.has("stdio"), log);
  },
};

/** `--root` may be given several times, which the other options may not. */
function splitRoots(words: readonly string[]): { roots: string[]; others: string[] } {
  const roots: string[] = [];
  const others: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    const value = words[index + 1];
    if (word.startsWith("--root=")) roots.push(word.slice("--root=".length));
    else if (word !== "--root" || value === undefined) others.push(word);
    else {
      roots.push(value);
      index += 1;
    }
  }
  return { roots, others };
}

function settingsOf(given: ReadonlyMap<string, string>, roots: readonly string[], user: string): AgentSettings {
  const path = (name: string, fallback: string): string => {
    const value = given.get(name) ?? fallback;
    if (!isAbsolute(value)) throw new UsageError(`--${name} ${value}: expected an absolute path`, usage);
    return value;
  };
  return {
    socketPath: path("socket", DEFAULT_SOCKET),
    group: given.get("group"),
    stateDir: path("state", PACKAGED.stateDir),
    conf: path("conf", PACKAGED.conf),
    dataDir: path("data", PACKAGED.dataDir),
    runDir: path("run", PACKAGED.runDir),
    user: given.get("user") ?? user,
    roots: new Map(roots.map(rootOption)),
    light: given.get("light"),
  };
}

/** `DIR`, or `TYPE=DIR`. */
function rootOption(text: string): [DaemonType | "", string] {
  const [, word, folder = text] = /^([^/=]+)=(.*)$/.exec(text) ?? [];
  if (!isAbsolute(folder)) throw new UsageError(`--root ${text}: expected an absolute path`, usage);
  const type = DAEMON_TYPES.find((known) => known === word);
  if (word === undefined) return ["", folder];
  if (type !== undefined) return [type, folder];
  const near = nearestWord(word, [...DAEMON_TYPES]);
  throw new UsageError(
    `--root ${text}: there is no type ${word} of daemon${near === undefined ? "" : `; did you mean ${near}?`}`,
    usage,
  );
}

async function runAgent(settings: AgentSettings, stdio: boolean, log: AgentLog): Promise<void> {
  const { Agent } = await import("../agent/agent.ts");
  const { hostHandlers, describeHost } = await import("../agent/host/handlers.ts");
  const { beforeStart } = await import("../agent/osd-start.ts");
  const ended = Promise.withResolvers<void>();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => ended.resolve());
  const agent = await Agent.start(settings, { version: VERSION, log, hostHandlers, describeHost, beforeStart }).catch(
    told,
  );
  try {
    if (stdio) {
      const { stdioStreams } = await import("../main/streams.ts");
      const { input, output } = stdioStreams();
      await Promise.race([agent.serve(input, output), ended.promise]);
    } else {
      await agent.listen().catch(told);
      await ended.promise;
    }
  } finally {
    await agent.close();
  }
  process.exit(0); // an open stdin would keep the process
}

/** An expected failure is one line for the operator. */
function told(error: unknown): never {
  const { message, code } = error as Error & { code?: unknown };
  if (!isOrchestratorError(error) && typeof code !== "string") throw error;
  const isDenied = (code === "EACCES" || code === "EPERM") && process.getuid?.() !== 0;
  const cure = isDenied
    ? ": run it as root, or choose folders of your own with --state, --data, --run and --socket"
    : "";
  throw new CommandError(`${message}${cure}`, { cause: error });
}
