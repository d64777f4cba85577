/** The command `npm run testbed -- …`. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

import { type Command, parse, type UpCommand, USAGE, UsageError } from "./args.ts";
import { clusterNames, isPrepared, rootOf } from "./cache.ts";
import { type Cluster, missing, openCluster, upCluster } from "./cluster.ts";
import { endCluster, isUp } from "./death.ts";
import { prepareRoot } from "./prepare.ts";
import { RELEASE_NAMES, RELEASES, type Release } from "./releases.ts";

const INTERRUPTED = 130;

async function main(argv: readonly string[]): Promise<number> {
  const command = parse(argv);
  const reason =
    command.word === "help" || command.word === "ls"
      ? null
      : missing("release" in command ? command.release : undefined);
  if (reason !== null) throw new UsageError(reason);
  return execute(command);
}

async function execute(command: Command): Promise<number> {
  switch (command.word) {
    case "help":
      return print(USAGE);
    case "ls":
      return list();
    case "up":
      return up(command);
    case "down":
      running(command.release, command.name);
      return down(command.release, command.name, command.keep);
    case "down-all":
      for (const { release, name } of allClusters()) await down(release, name, false);
      return 0;
    case "prepare":
      for (const release of command.releases) await prepareRoot(release, print);
      return 0;
    case "ceph":
      return ceph(running(command.release, command.name), command.rest);
    case "shell": {
      const shell = ["env", `PS1=${command.name}# `, "bash", "--norc", "-i"];
      return attached(running(command.release, command.name), command.rest.length === 0 ? shell : command.rest);
    }
  }
}

async function up(command: UpCommand): Promise<number> {
  const { release, name, store: objectStore } = command;
  if (isUp(release, name))
    throw new UsageError(`the ${release} cluster ${name} is up already; choose another --name or take it down`);
  process.once("SIGINT", () => void endCluster(release, name).finally(() => process.exit(INTERRUPTED)));
  const start = performance.now();
  const cluster = await upCluster({ ...command, objectStore, stays: true, progress: print });
  cluster.close();
  return print(describe(cluster, ((performance.now() - start) / 1000).toFixed(1)));
}

function describe(cluster: Cluster, seconds: string): string {
  const { release, name, dir, moduleDir, state } = cluster;
  const named = name === release ? release : `--name ${name} ${release}`;
  const mgrs = state.mgrs.map((id) => `mgr.${id}`).join(", ");
  const osds = state.osds === 0 ? "" : `, ${state.osds} ${state.objectStore} OSDs`;
  const lines = [
    `${release} is up after ${seconds} s: mon.a on 127.0.0.1:${state.monPort}, ${mgrs}${osds}`,
    `  folder     ${dir}`,
    `  modules    ${moduleDir}`,
    ...(state.dashboard === null
      ? []
      : [`  dashboard  ${state.dashboard.url} (${state.dashboard.user} / ${state.dashboard.password})`]),
    `  try        npm run testbed -- ceph ${named} -s`,
    `  end        npm run testbed -- down ${named}`,
  ];
  return lines.join("\n");
}

async function down(release: Release, name: string, keep: boolean): Promise<number> {
  const killed = await endCluster(release, name, { keep });
  for (const { pid, command } of killed) print(`${name}: had to kill ${pid} ${command}`);
  return print(`${release} cluster ${name} is down`);
}

/** `-i FILE` names a file of the host, which the root does not hold: its content goes in as a file of the cluster. */
async function ceph(cluster: Cluster, args: readonly string[]): Promise<number> {
  const at = args.indexOf("-i");
  const file = at < 0 ? undefined : args[at + 1];
  if (file === undefined || file === "-") return attached(cluster, ["ceph", ...args]);
  // npm changes into the package's folder and tells where it was called.
  const path = resolve(process.env["INIT_CWD"] ?? ".", file);
  if (!existsSync(path)) throw new UsageError(`-i: there is no file ${path}`);
  const { code, stdout, stderr } = await cluster.ceph(args.toSpliced(at, 2), { input: readFileSync(path, "utf8") });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return code;
}

/** Runs a command in the root with this terminal, and ends as it ends. */
async function attached(cluster: Cluster, command: readonly string[]): Promise<number> {
  const [file, args] = cluster.argv(command);
  const child = spawn(file, args, { stdio: "inherit", env: cluster.env() });
  process.on("SIGINT", () => undefined); // it goes to the child as well, which decides
  const { promise, resolve: done, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("close", (code) => done(code ?? INTERRUPTED));
  return promise;
}

function running(release: Release, name: string): Cluster {
  const cluster = openCluster(release, name);
  if (cluster !== undefined) return cluster;
  const others = allClusters().map((one) =>
    one.name === one.release ? one.release : `--name ${one.name} ${one.release}`,
  );
  const hint = others.length === 0 ? `start it with: npm run testbed -- up ${release}` : `up are: ${others.join(", ")}`;
  throw new UsageError(`the ${release} cluster ${name} is not up; ${hint}`);
}

function allClusters(): { release: Release; name: string }[] {
  return RELEASE_NAMES.flatMap((release) => clusterNames(release).map((name) => ({ release, name }))).filter(
    ({ release, name }) => openCluster(release, name) !== undefined,
  );
}

function list(): number {
  for (const release of RELEASE_NAMES) {
    const { major, suite } = RELEASES[release];
    print(`${release} (${major}, Debian ${suite}): ${isPrepared(release) ? rootOf(release) : "not prepared"}`);
    for (const name of clusterNames(release)) print(`  ${name}: ${situation(release, name)}`);
  }
  return 0;
}

function situation(release: Release, name: string): string {
  const cluster = openCluster(release, name);
  if (cluster === undefined) return `ended, kept in ${release}/clusters/${name}`;
  if (!isUp(release, name)) return "left behind; the next up removes it";
  const { monPort, mgrs, osds } = cluster.state;
  const daemons = ["mon.a", ...mgrs.map((id) => `mgr.${id}`), ...Array.from({ length: osds }, (_, id) => `osd.${id}`)];
  return `up, mon on 127.0.0.1:${monPort}, ${daemons.join(" ")}`;
}

function print(text: string): 0 {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`testbed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
