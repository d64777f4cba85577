/** The command's words. */

import { agentCommand } from "./agent.ts";
import { attachUsage } from "./attach/usage.ts";
import { callUsage } from "./call/usage.ts";
import { completionUsage } from "./dev/completion-usage.ts";
import { devUsage } from "./dev/usage.ts";
import { doctorUsage } from "./doctor/usage.ts";
import { newUsage } from "./new/usage.ts";
import { readOptions } from "./options.ts";
import { ownStdout } from "./own-stdout.ts";
import { recordUsage } from "./record/usage.ts";
import { replayUsage } from "./replay/usage.ts";

export interface Command {
  readonly summary: string;
  readonly usage: string;
  /** Takes the words after the command's own. Throws a UsageError or a CommandError. */
  run(words: string[]): Promise<void>;
}

const installUsage = `usage: orchbridge install --mgr-dir DIR [--node PATH] [--backend FILE] [--json]

Writes the manager module into DIR/orchbridge, complete: no node_modules are needed at run time.

  --mgr-dir DIR   the manager's module folder, on packaged Ceph /usr/share/ceph/mgr
  --node PATH     also copy this Node binary (22.18 or later) into the module
  --backend FILE  also copy this backend, one file, to DIR/orchbridge/backends; it stays there when the module is
                  replaced
  --json          print one JSON document: {"target", "version", "replaced", "node", "files", "next"}

exit status: 0 done, 1 refused, 2 wrong command line
`;

const serveUsage = `usage: orchbridge serve --stdio

Speaks the protocol of docs/protocol.md on stdin and stdout, for a person or a debugger; logs to stderr.
`;

export const commands: Readonly<Record<string, Command>> = {
  install: {
    summary: "write the manager module into a Ceph manager's module folder",
    usage: installUsage,
    async run(words) {
      const [value, flag] = [{ type: "string" }, { type: "boolean" }] as const;
      const values = { "mgr-dir": value, node: value, backend: value, json: flag };
      const options = readOptions(words, values, installUsage, ["mgr-dir"]);
      const { install } = await import("./install.ts");
      const { installedText } = await import("./install/next-steps.ts");
      const [mgrDir = "", node, backend] = ["mgr-dir", "node", "backend"].map((name) => options.get(name));
      const installed = install({ mgrDir, node, backend });
      ownStdout().write(options.has("json") ? `${JSON.stringify(installed, null, 2)}\n` : installedText(installed));
    },
  },
  serve: {
    summary: "speak the bridge's protocol on stdin and stdout",
    usage: serveUsage,
    async run(words) {
      readOptions(words, { stdio: { type: "boolean" } }, serveUsage, ["stdio"]);
      const { run } = await import("../main/run.ts");
      await run("stdio");
    },
  },
  new: {
    summary: "make a repository for a backend of one's own",
    usage: newUsage,
    async run(words) {
      const { newBackend } = await import("./new.ts");
      newBackend(words);
    },
  },
  dev: {
    summary: "try a backend at a prompt with the commands of ceph orch",
    usage: devUsage,
    async run(words) {
      const { dev } = await import("./dev.ts");
      await dev(words);
    },
  },
  call: {
    summary: "call a method of a backend, without a manager",
    usage: callUsage,
    async run(words) {
      const { call } = await import("./call.ts");
      await call(words);
    },
  },
  attach: {
    summary: "let a manager use a backend that runs here, under a debugger",
    usage: attachUsage,
    async run(words) {
      const { attach } = await import("./attach.ts");
      await attach(words);
    },
  },
  record: {
    summary: "record what a running manager and its backend say to each other",
    usage: recordUsage,
    async run(words) {
      const { record } = await import("./record.ts");
      await record(words);
    },
  },
  replay: {
    summary: "make the requests of a recorded session again",
    usage: replayUsage,
    async run(words) {
      const { replay } = await import("./replay.ts");
      await replay(words);
    },
  },
  agent: agentCommand,
  doctor: {
    summary: "say what is wrong with orchbridge on this machine",
    usage: doctorUsage,
    async run(words) {
      const { doctor } = await import("./doctor.ts");
      await doctor(words);
    },
  },
  completion: {
    summary: "print a script that completes these words in a shell",
    usage: completionUsage,
    async run(words) {
      const { completion } = await import("./dev/completion.ts");
      ownStdout().write(completion(words, commands));
    },
  },
};
