/**
 * `npm run demo`: a real Tentacle in a folder, orchbridge installed, enabled and activated in it, and a session of
 * `ceph orch` against the memory backend. Ends with 0 only if every command answered as expected.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type Cluster, missing, type Result, until, upCluster } from "./cluster.ts";
import { prepareRoot } from "./prepare.ts";

const RELEASE = "tentacle";
const root = join(import.meta.dirname, "..");
const READY_MS = 30_000;

/** One command of the session: the words after `ceph`, and what its output must hold. */
interface Step {
  readonly command: string;
  readonly expect: RegExp;
  /** A file of the session, shown and given by `-i`. */
  readonly file?: { readonly name: string; readonly text: string };
  /** The answer comes a moment later: asked again until it is as expected, shown once. */
  readonly awaited?: true;
}

const OPTIONS = JSON.stringify({
  generate: { hosts: 3, devices_per_host: 2, daemons_per_host: 2 },
  // Long enough for the removal of an OSD to be seen at work.
  delays: { effective_ms: 3000 },
});

const SPECS = `service_type: rgw
service_id: photos
placement:
  hosts: [h1, h2]
spec:
  rgw_frontend_port: 8080
---
service_type: prometheus
placement:
  label: db
`;

const file = { name: "services.yaml", text: SPECS };

const setup: readonly Step[] = [
  { command: "config set mgr mgr/orchbridge/backend memory", expect: /^$/ },
  { command: `config set mgr mgr/orchbridge/backend_options ${OPTIONS}`, expect: /^$/ },
  { command: "orchbridge activate", expect: /orchbridge/ },
];

const session: readonly Step[] = [
  { command: "orch status", expect: /Backend: orchbridge\nAvailable: Yes/, awaited: true },
  { command: "orch host ls", expect: /h3 .*\n3 hosts in cluster/ },
  { command: "orch host add db1 10.1.1.9 --labels db", expect: /Added host 'db1' with addr '10.1.1.9'/ },
  { command: "orch host ls --label db", expect: /db1\s+10\.1\.1\.9\s+db/ },
  { command: "orch device ls h1", expect: /h1\s+\/dev\// },
  { command: "orch apply mds home --placement=2", expect: /Scheduled mds\.home update/ },
  { command: "orch apply --dry-run", expect: /rgw\.photos.*\n.*prometheus/, file },
  { command: "orch apply", expect: /Scheduled rgw\.photos update.*\nScheduled prometheus update/, file },
  { command: "orch ls", expect: /prometheus .*1\/1[^]*rgw\.photos .*2\/2/, awaited: true },
  { command: "orch ps --daemon-type mds", expect: /mds\.home\..*running/, awaited: true },
  { command: "orch daemon add osd h1:/dev/sdb", expect: /Created osd\(s\) .* on host 'h1'/ },
  { command: "orch osd rm 0", expect: /Scheduled OSD\(s\) for removal/ },
  { command: "orch osd rm status", expect: /^0\s+h1|^No OSD remove/m },
  { command: "orchbridge status", expect: /memory/ },
];

async function main(): Promise<number> {
  const reason = missing(RELEASE);
  if (reason !== null) throw new Error(`the demo cannot run here: ${reason}`);
  await prepareRoot(RELEASE, say);
  say("building orchbridge …");
  execFileSync(process.execPath, ["scripts/build.ts"], { cwd: root, stdio: "inherit" });
  say(`starting Ceph (${RELEASE}) …`);
  const cluster = await upCluster({ release: RELEASE, name: `demo-${process.pid}`, beforeStart: install });
  process.once("SIGINT", () => void cluster.down().finally(() => process.exit(130)));
  try {
    say("\n$ ceph mgr module enable orchbridge");
    await cluster.enableModule("orchbridge");
    const wrong: string[] = [];
    for (const step of [...setup, ...session]) if (!(await show(cluster, step))) wrong.push(step.command);
    if (wrong.length > 0) throw new Error(`not as expected: ${wrong.map((command) => `ceph ${command}`).join("; ")}`);
    say(`\nAll ${setup.length + session.length + 1} commands answered as expected.`);
    return 0;
  } finally {
    await cluster.down();
  }
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
  if (step.file !== undefined && step === session.find((other) => other.file === step.file)) {
    say(`\n$ cat ${step.file.name}\n${step.file.text.trimEnd()}`);
  }
  say(
    `\n$ ceph ${step.command.replace(OPTIONS, `'${OPTIONS}'`)}${step.file === undefined ? "" : ` -i ${step.file.name}`}`,
  );
  const result = await answer(cluster, step);
  const text = `${result.stdout}${result.stderr}`.trimEnd();
  if (text !== "") say(text);
  return asExpected(step, result);
}

async function answer(cluster: Cluster, step: Step): Promise<Result> {
  const ask = (): Promise<Result> =>
    cluster.ceph(step.command.split(" "), step.file === undefined ? {} : { input: step.file.text });
  let last = await ask();
  if (step.awaited === undefined || asExpected(step, last)) return last;
  const again = async (): Promise<true | undefined> => {
    last = await ask();
    return asExpected(step, last) || undefined;
  };
  // What it said in the end is shown either way, and judged there.
  await until(step.command, READY_MS, again).catch(() => undefined);
  return last;
}

function asExpected(step: Step, { code, stdout, stderr }: Result): boolean {
  return code === 0 && step.expect.test(`${stdout}${stderr}`.trimEnd());
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
