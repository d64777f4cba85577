/** Preparing a release's root: once per machine, a minute and 0.9 GB. */
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { cacheDir, clusterNames, isPrepared, MARKER, ROOT_FORMAT, rootOf } from "./cache.ts";
import { isUp } from "./death.ts";
import { findMirror } from "./mirror.ts";
import { missing } from "./missing.ts";
import { withOwnMounts } from "./namespace.ts";
import { RELEASES, type Release } from "./releases.ts";
import { run } from "./run.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** How often at most a line of debootstrap or apt is passed on. */
const EVERY_MS = 2_000;

type Progress = (line: string) => void;

/** Makes a release's root if it is not there; of two at the same time one works and the other waits for it. */
export async function prepareRoot(release: Release, progress: Progress = toStderr): Promise<void> {
  if (isPrepared(release)) return;
  const reason = missing(release);
  if (reason !== null) throw new Error(reason);
  const running = clusterNames(release).filter((name) => isUp(release, name));
  if (running.length > 0)
    throw new Error(`the ${release} root is outdated and in use by ${running.join(", ")}; take that down first`);
  const start = performance.now();
  const say: Progress = (line) =>
    progress(`${release} ${String(Math.round((performance.now() - start) / 1000)).padStart(3)} s  ${line}`);
  await build(release, say);
  say(`prepared in ${rootOf(release)}`);
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function build(release: Release, say: Progress): Promise<void> {
  const { suite, packages } = RELEASES[release];
  mkdirSync(cacheDir(), { recursive: true });
  say("looking for debootstrap and a mirror");
  await haveDebootstrap(say);
  const mirror = await findMirror(suite);
  const marker = JSON.stringify({ format: ROOT_FORMAT, release, suite, packages });
  const script = join(import.meta.dirname, "prepare-root.sh");
  const args = [rootOf(release), suite, mirror.uri, KEYRING, MARKER, marker, mirror.proxy, ...packages];
  const [unshare, inNamespace] = withOwnMounts([script, ...args]);
  const { code: free } = await run("flock", ["-n", lockOf(release), "true"]);
  if (free !== 0) say("another process prepares it; waiting");
  // The lock is held by the script's own processes, so it lasts as long as any of them works, whatever becomes of us.
  await follow(
    "flock",
    [lockOf(release), "sh", "-c", LOCKED, "sh", rootOf(release), MARKER, marker, unshare, ...inNamespace],
    logOf(release),
    say,
  );
  if (!isPrepared(release)) throw new Error(`preparing ${release} ended without a root; see ${logOf(release)}`);
}

// Whoever waited for the lock may find the work done by the one who had it.
const LOCKED = `
root=$1 marker=$2 text=$3
shift 3
if [ "$(cat "$root/$marker" 2>/dev/null)" = "$text" ]; then echo "== prepared by another process"; exit 0; fi
exec "$@"
`;

const lockOf = (release: Release): string => join(cacheDir(), `${release}.lock`);
const logOf = (release: Release): string => join(cacheDir(), `${release}.prepare.log`);

async function haveDebootstrap(say: Progress): Promise<void> {
  const { code } = await run("sh", ["-c", "PATH=$PATH:/usr/sbin:/sbin command -v debootstrap"]);
  if (code === 0 && existsSync(KEYRING)) return;
  say("installing debootstrap on this machine");
  const apt = ["-q", "-y", "-o", "DPkg::Lock::Timeout=300"];
  const names = ["debootstrap", "debian-archive-keyring"];
  await run("apt-get", [...apt, "update"], { timeoutMs: 300_000 });
  const installed = await run("apt-get", [...apt, "install", "--no-install-recommends", ...names], {
    timeoutMs: 300_000,
  });
  if (installed.code !== 0)
    throw new Error(`apt-get cannot install ${names.join(" and ")}: ${installed.stderr.trim()}`);
}

/** Runs a command, writes all it says to a log, and passes on what tells of progress. */
async function follow(file: string, args: readonly string[], log: string, say: Progress): Promise<void> {
  const sink = createWriteStream(log, { flags: "a" });
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.pipe(sink, { end: false });
  child.stderr.pipe(sink, { end: false });
  let last = performance.now();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const step = line.startsWith("== ");
    if (!step && performance.now() - last < EVERY_MS) return;
    last = performance.now();
    say(step ? line.slice(3) : `  ${line.slice(0, 100)}`);
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on("error", reject);
  child.on("close", resolve);
  const code = await promise;
  await new Promise<void>((done) => void sink.end(done));
  if (code === 0) return;
  const end = readFileSync(log, "utf8").trimEnd().split("\n").slice(-15).join("\n");
  throw new Error(`preparing failed with code ${code}; the end of ${log}:\n${end}`);
}
