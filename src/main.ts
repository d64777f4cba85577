/** The process that the mgr module starts: `main.mjs serve --fd READ WRITE`. Small, so that what is wrong with Node is said before the rest is loaded. */

import { statSync } from "node:fs";
import { Exit } from "./main/exit.ts";
import { nodeProblem } from "./main/node-version.ts";

const usage = "usage: serve --fd READ WRITE | serve --stdio";

function fail(status: number, message: string): never {
  process.stderr.write(`orchbridge: ${message}\n`);
  process.exit(status);
}

/** Node runs what it finds in its cache: only a folder that nobody else can write into will do. */
async function useCompileCache(folder: string): Promise<void> {
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory() || stat.uid !== process.geteuid?.() || (stat.mode & 0o077) !== 0) {
    process.stderr.write(
      `orchbridge: ORCHBRIDGE_CACHE_DIR ${folder} is not used: it must be a folder of this user with mode 0700\n`,
    );
    return;
  }
  // Not a static import: an old Node lacks these names, and would say so instead of what `nodeProblem` does.
  const { enableCompileCache, flushCompileCache } = await import("node:module");
  enableCompileCache(folder);
  // Otherwise written at exit only, and the usual end of this process is a SIGKILL.
  setTimeout(flushCompileCache, 5000).unref();
}

async function main(words: string[]): Promise<void> {
  const fds = readArguments(words);
  if (fds === undefined) fail(Exit.usage, `${words.join(" ")}: ${usage}`);
  const problem = nodeProblem();
  if (problem !== undefined) fail(Exit.usage, `${problem}: install one, and set mgr/orchbridge/node_path to it`);
  const cache = process.env["ORCHBRIDGE_CACHE_DIR"];
  if (cache !== undefined && cache !== "") await useCompileCache(cache);
  const { run } = await import("./main/run.ts");
  await run(fds);
}

function readArguments(words: string[]): readonly [number, number] | "stdio" | undefined {
  const [command, option, ...rest] = words;
  if (command !== "serve") return undefined;
  if (option === "--stdio" && rest.length === 0) return "stdio";
  const fds = rest.map((word) => (/^\d+$/.test(word) ? Number(word) : Number.NaN));
  const [readFd, writeFd] = fds;
  if (
    option !== "--fd" ||
    fds.length !== 2 ||
    readFd === undefined ||
    writeFd === undefined ||
    !fds.every(Number.isSafeInteger)
  )
    return undefined;
  return [readFd, writeFd];
}

main(process.argv.slice(2)).catch((error: unknown) =>
  fail(Exit.bug, error instanceof Error ? (error.stack ?? error.message) : String(error)),
);
