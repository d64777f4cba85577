/**
 * Stands in for a Ceph daemon: answers `version` and `config get` on an admin socket, and ends as the file `behaviour` of its
 * folder says. Its words: --data DIR, --admin-socket PATH; others are ignored.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

/** Left out: it runs until SIGTERM. */
export interface Behaviour {
  /** Ends by itself with this code after printing `line`. */
  readonly exit?: number;
  readonly line?: string;
  /** Hears no SIGTERM. */
  readonly deaf?: boolean;
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
}

const data = option("--data") ?? "/nonexistent";
const file = join(data, "behaviour");
const { exit, line, deaf }: Behaviour = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Behaviour) : {};

if (line !== undefined) process.stderr.write(`${line}\n`);
if (exit !== undefined) process.exit(exit);
process.on("SIGTERM", () => {
  if (deaf !== true) process.exit(0);
});
const path = option("--admin-socket");
if (path !== undefined) {
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.once("data", (bytes: Buffer) => {
      const { prefix, var: name } = JSON.parse(bytes.toString().replace("\0", "")) as { prefix: string; var?: string };
      const value = prefix === "version" ? { version: "18.2.7" } : { [name ?? ""]: data };
      const answer = Buffer.from(JSON.stringify(value));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(answer.length);
      socket.end(Buffer.concat([length, answer]));
    });
    socket.on("error", () => undefined);
  });
  server.listen(path);
} else {
  setInterval(() => undefined, 1000);
}
