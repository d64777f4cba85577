/** The command's words. */

import { readOptions } from "./options.ts";

export interface Command {
  readonly summary: string;
  readonly usage: string;
  /** Takes the words after the command's own. Throws a UsageError or a CommandError. */
  run(words: string[]): Promise<void>;
}

const installUsage = `usage: orchbridge install --mgr-dir DIR [--node PATH]

Writes the manager module into DIR/orchbridge, complete: no node_modules are needed at run time.

  --mgr-dir DIR   the manager's module folder, on packaged Ceph /usr/share/ceph/mgr
  --node PATH     also copy this Node binary (22.18 or later) into the module
`;

const serveUsage = `usage: orchbridge serve --stdio

Speaks the protocol of docs/protocol.md on stdin and stdout, for a person or a debugger; logs to stderr.
`;

export const commands: Readonly<Record<string, Command>> = {
  install: {
    summary: "write the manager module into a Ceph manager's module folder",
    usage: installUsage,
    async run(words) {
      const options = readOptions(words, { "mgr-dir": { type: "string" }, node: { type: "string" } }, installUsage, [
        "mgr-dir",
      ]);
      const { install } = await import("./install.ts");
      process.stdout.write(install({ mgrDir: options.get("mgr-dir") ?? "", node: options.get("node") }));
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
};
