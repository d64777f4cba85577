/**
 * `npm run demo`: a real Tentacle in a folder with a monitor and a manager, and everything else made through `ceph orch` by
 * the local backend and its host agent: three OSDs, a CephFS with its metadata server, an S3 gateway. A file and an object
 * are written and read back. Ends with 0 only if every command answered as expected.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { startAgent } from "./agent.ts";
import { freePort } from "./birth.ts";
import { type Cluster, missing, type Result, until, upCluster } from "./cluster.ts";
import { HOST_NAME } from "./host.ts";
import { prepareRoot } from "./prepare.ts";
import { S3User } from "./s3-client.ts";

const RELEASE = "tentacle";
const root = join(import.meta.dirname, "..");
const READY_MS = 60_000;

/** Files stand in for disks, so that the demo asks for no disk of this machine. */
const OPTIONS = JSON.stringify({ file_devices: { count: 3, size: "10G" } });
const FIRST_DISK = "/var/lib/orchbridge/devices/file0";
const GREETING = "Hello from CephFS.";
const PHOTO = "Hello from the S3 gateway.";

/** One line of the session: what a person would type, what is run for it, and what its output must hold. */
interface Step {
  readonly shown: string;
  readonly run: (cluster: Cluster) => Promise<Result>;
  readonly expect: RegExp;
  /** The answer comes a moment later: asked again until it is as expected, shown once. */
  readonly awaited?: true;
}

/** The words after `ceph`. */
function ceph(command: string, expect: RegExp, awaited?: "awaited"): Step {
  return {
    shown: `ceph ${command.replace(OPTIONS, `'${OPTIONS}'`)}`,
    run: (cluster) => cluster.ceph(command.split(" ")),
    expect,
    ...(awaited === undefined ? {} : { awaited: true }),
  };
}

const setup: readonly Step[] = [
  ceph("config set mgr mgr/orchbridge/backend local", /^$/),
  ceph(`config set mgr mgr/orchbridge/backend_options ${OPTIONS}`, /^$/),
  ceph("orchbridge activate", /orchbridge is the orchestrator now/),
  ceph("orch status", /Backend: orchbridge\nAvailable: Yes/, "awaited"),
];

const osds: readonly Step[] = [
  ceph("orch host ls", /h1 .*\n1 hosts in cluster/),
  ceph("orch device ls", /(h1 .* 10\.0G +Yes.*\n?){3}/),
  ceph(`orch daemon add osd ${HOST_NAME}:${FIRST_DISK}`, /Created osd\(s\) 0 on host 'h1'/),
  ceph("orch apply osd --all-available-devices --dry-run", /(\|osd +\|all-available-devices +\|h1 .*\n?){2}/),
  ceph("orch apply osd --all-available-devices", /Scheduled osd\.all-available-devices update/),
  ceph("osd tree", /(.* osd\.\d +up .*\n?){3}/, "awaited"),
];

const file: readonly Step[] = [
  ceph("fs volume create home", /^$|^Volume created/),
  ceph("fs status home", /0 +active +home\.h1\./, "awaited"),
  {
    shown: `echo '${GREETING}' | cephfs-file.py home put /greeting.txt`,
    run: (cluster) => cluster.cephfsFile(["home", "put", "/greeting.txt"], `${GREETING}\n`),
    expect: /^$/,
  },
  {
    shown: "cephfs-file.py home get /greeting.txt",
    run: (cluster) => cluster.cephfsFile(["home", "get", "/greeting.txt"]),
    expect: new RegExp(`^${GREETING}$`),
  },
];

function object(port: number): Step[] {
  const album = `http://127.0.0.1:${port}/album`;
  let user: S3User | undefined;
  const answer = async (asked: Promise<Response> | undefined): Promise<Result> => {
    // A gateway that runs may take a second until it listens.
    const got = (await asked?.catch((error: unknown) => String(error))) ?? "there is no user";
    if (typeof got === "string") return { code: 1, stdout: "", stderr: got };
    return { code: got.ok ? 0 : 1, stdout: `${got.status} ${got.statusText}\n${await got.text()}`, stderr: "" };
  };
  return [
    ceph(`orch apply rgw photos --placement=1 --port=${port}`, /Scheduled rgw\.photos update/),
    ceph("orch ls rgw", /rgw\.photos .* 1\/1/, "awaited"),
    {
      shown: "radosgw-admin user create --uid=ann --display-name=ann   # its keys sign the requests below",
      async run(cluster) {
        user = await S3User.add(cluster, "ann");
        return { code: 0, stdout: "", stderr: "" };
      },
      expect: /^$/,
    },
    { shown: `s3 PUT ${album}`, run: () => answer(user?.put(album)), expect: /^200 OK$/, awaited: true },
    {
      shown: `s3 PUT ${album}/one.txt '${PHOTO}'`,
      run: () => answer(user?.put(`${album}/one.txt`, PHOTO)),
      expect: /^200 OK$/,
    },
    {
      shown: `s3 GET ${album}/one.txt`,
      run: () => answer(user?.get(`${album}/one.txt`)),
      expect: new RegExp(`^200 OK\n${PHOTO}$`),
    },
  ];
}

const summary: readonly Step[] = [
  ceph("orch ls", /mds\.home .*2\/2[^]*osd[^]*rgw\.photos .*1\/1/, "awaited"),
  ceph("orch ps", /mds\.home\.h1[^]*osd\.0[^]*osd\.2[^]*rgw\.photos\.h1/),
  ceph("orch device ls", /(h1 .* 10\.0G +No.*\n?){3}/),
  ceph("-s", /health: HEALTH_OK[^]*osd: 3 osds: 3 up[^]*active\+clean/, "awaited"),
  ceph("orchbridge status", /Backend: local\nAvailable: Yes/),
];

async function main(): Promise<number> {
  const reason = missing(RELEASE);
  if (reason !== null) throw new Error(`the demo cannot run here: ${reason}`);
  await prepareRoot(RELEASE, say);
  say("building orchbridge …");
  execFileSync(process.execPath, ["scripts/build.ts"], { cwd: root, stdio: "inherit" });
  const port = await freePort(8080);
  say(`starting a monitor and a manager (${RELEASE}) …`);
  const cluster = await upCluster({ release: RELEASE, name: `demo-${process.pid}`, host: true, beforeStart: install });
  process.once("SIGINT", () => void cluster.down().finally(() => process.exit(130)));
  try {
    say("\n$ mgr-modules/orchbridge/bin/node mgr-modules/orchbridge/js/agent.mjs &   # as root, on every host");
    await startAgent(cluster);
    say("\n$ ceph mgr module enable orchbridge");
    await cluster.enableModule("orchbridge");
    await session(cluster, [...setup, ...osds, ...file, ...object(port), ...summary]);
    return 0;
  } finally {
    await cluster.down();
  }
}

async function session(cluster: Cluster, steps: readonly Step[]): Promise<void> {
  const wrong: string[] = [];
  for (const step of steps) if (!(await show(cluster, step))) wrong.push(step.shown);
  if (wrong.length > 0) throw new Error(`not as expected: ${wrong.join("; ")}`);
  say(`\nAll ${steps.length} commands answered as expected.`);
}

/** With a copy of the running Node, since the root of a release has none of its own. */
function install(cluster: Cluster): void {
  say(`\n$ cd ${cluster.dir}`);
  say('$ npx orchbridge install --mgr-dir mgr-modules --node "$(command -v node)"');
  const args = ["install", "--mgr-dir", "mgr-modules", "--node", process.execPath];
  const cli = join(root, "dist/cli/orchbridge.js");
  execFileSync(process.execPath, [cli, ...args], { cwd: cluster.dir, stdio: "inherit" });
}

/** Runs a command and prints it as a terminal would; whether it answered as expected. */
async function show(cluster: Cluster, step: Step): Promise<boolean> {
  say(`\n$ ${step.shown}`);
  const result = await answer(cluster, step);
  const text = printed(result);
  if (text !== "") say(text);
  return asExpected(step, result);
}

async function answer(cluster: Cluster, step: Step): Promise<Result> {
  let last = await step.run(cluster);
  if (step.awaited === undefined || asExpected(step, last)) return last;
  const again = async (): Promise<true | undefined> => {
    last = await step.run(cluster);
    return asExpected(step, last) || undefined;
  };
  // What it said in the end is shown either way, and judged there.
  await until(step.shown, READY_MS, again).catch(() => undefined);
  return last;
}

function asExpected(step: Step, result: Result): boolean {
  return result.code === 0 && step.expect.test(printed(result));
}

/** Without the colours of `fs status`, which it prints into files as well. */
function printed({ stdout, stderr }: Result): string {
  return stripVTControlCharacters(`${stdout}${stderr}`).replaceAll(/ +$/gm, "").trimEnd();
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
