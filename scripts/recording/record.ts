/** Records the sessions of one release in a real manager. */

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { readSessions, type Wire } from "../../src/cli/replay/session-file.ts";
import { type ClusterWithModule, upWithModule } from "../../test/ceph/cluster-with-module.ts";
import { START } from "../../test/ceph/commands/start.ts";
import { Dashboard } from "../../test/ceph/dashboard-client.ts";
import { type RadosCommand, type Release, until } from "../../testbed/cluster.ts";
import { run } from "../../testbed/run.ts";
import { FSID, LAMP, MACHINE, type Section, type Step, sections } from "./commands.ts";

const SETTLES_MS = 120_000;

/** What the dashboard shows, and prometheus after it. */
const WITH_MDS = { ...START, services: [{ service_type: "mds", service_id: "a", placement: { count: 2 } }] };

/** The text of a file with all sessions of the release. */
export async function record(release: Release, tell: (line: string) => void): Promise<string> {
  const at = await upWithModule({ release, name: "record", osds: 1, dashboard: true, options: START });
  let lamp: ChildProcess | undefined;
  try {
    if (release === "tentacle") await enable(at, "smb");
    await at.ok("config set mon mon_allow_pool_delete true");
    // Nautilus has no command for lights.
    if (release !== "nautilus") lamp = await daemonWithDisk(at);
    const recording = new Recording(at);
    await recording.begin();
    const texts: string[] = [];
    const all = sections(release, hostname());
    const { out: descriptions } = await at.cluster.rados().mgr({ prefix: "get_command_descriptions" });
    expectEveryCommand(commandsOf(descriptions), all);
    const commands = await asLibradosTakes(at, descriptions, all);
    for (const section of all) texts.push(await recording.section(section, commands, tell));
    texts.push(await recording.dashboard(tell));
    if (release === "reef" || release === "tentacle") texts.push(await recording.prometheus(tell));
    return texts.join("").replaceAll(at.cluster.state.fsid, FSID);
  } finally {
    lamp?.kill("SIGKILL");
    await at.down();
  }
}

class Recording {
  readonly #at: ClusterWithModule;
  readonly #file: string;
  /** Operations that go on until the background does. */
  readonly #lasting = new Set<string>();

  constructor(at: ClusterWithModule) {
    this.#at = at;
    this.#file = join(at.cluster.folder("recording"), "session");
  }

  async begin(): Promise<void> {
    await this.#at.ok(["config", "set", "mgr", "mgr/orchbridge/record_path", this.#at.cluster.pathInRoot(this.#file)]);
  }

  async section(
    { options, steps }: Section,
    commands: ReadonlyMap<Step, RadosCommand>,
    tell: (line: string) => void,
  ): Promise<string> {
    await this.#at.reset(options);
    this.#lasting.clear();
    for (const step of steps) {
      const command = commands.get(step);
      if (command !== undefined) await this.#run(step, command, tell);
    }
    return finished(this.#text(), options, steps.map(written));
  }

  async #run(step: Step, command: RadosCommand, tell: (line: string) => void): Promise<void> {
    const before = requestsIn(this.#text());
    const options = { timeoutMs: SETTLES_MS, ...(step.input === undefined ? {} : { input: step.input }) };
    const { ret, err } = await this.#at.cluster.rados().mgr(command, options);
    const asked = requestsIn(this.#text()) - before;
    tell(`${String(ret).padStart(4)} ${asked} ${written(step)}${ret === 0 ? "" : `: ${err.split("\n")[0]}`}`);
    if (/^(?:orch )?(?:resume|unpause|cancel)$/.test(step.words.join(" "))) this.#lasting.clear();
    await this.#settled(step);
  }

  /** Waits until every request has its answer and every operation its end. */
  async #settled({ words, lasting = false }: Pick<Step, "words" | "lasting">): Promise<void> {
    let left: Unsettled = { requests: 0, operations: [] };
    const waiting = (): string => `${words.join(" ")} to settle; ${JSON.stringify(left)}`;
    await until(waiting, SETTLES_MS, async () => {
      left = unsettled(this.#text());
      if (lasting && left.requests === 0) for (const call of left.operations) this.#lasting.add(call);
      return left.requests === 0 && left.operations.every((call) => this.#lasting.has(call)) ? true : undefined;
    });
  }

  /** What the pages of the dashboard ask for. */
  async dashboard(tell: (line: string) => void): Promise<string> {
    const { release } = this.#at;
    await this.#at.reset(WITH_MDS);
    const dashboard = await Dashboard.of(this.#at);
    const versions = { hosts: release === "pacific" ? "1.1" : "1.3", services: release === "pacific" ? "1.0" : "2.0" };
    const pages: readonly (readonly [string, string?])[] =
      release === "nautilus"
        ? [["ui-api/iscsi/status"]]
        : [
            ["ui-api/orchestrator/status"],
            ["api/host?sources=orchestrator", versions.hosts],
            ["api/service", versions.services],
            ["api/service/mds.a"],
            ["api/service/mds.a/daemons"],
            ["api/host/h1/daemons"],
            ["api/host/h1/inventory"],
            ["ui-api/host/inventory"],
          ];
    for (const [page, version] of pages) {
      const { status } = await dashboard.get(page, version);
      tell(`    dashboard ${page}: ${status}`);
      await this.#settled({ words: ["dashboard", page] });
    }
    return finished(
      this.#text(),
      WITH_MDS,
      pages.map(([page]) => `(dashboard) ${page}`),
    );
  }

  /** What prometheus asks for by itself while it collects, until it has asked each question once. */
  async prometheus(tell: (line: string) => void): Promise<string> {
    const wanted = this.#at.release === "tentacle" ? ["list_daemons", "node_proxy_fullreport"] : ["list_daemons"];
    for (const [name, value] of [
      ["server_addr", "127.0.0.1"],
      ["server_port", String(20_000 + (process.pid % 20_000))],
    ] as const)
      await this.#at.ok(["config", "set", "mgr", `mgr/prometheus/${name}`, value]);
    await enable(this.#at, "prometheus");
    await this.#at.waitUntilAvailable();
    await until(
      () => `prometheus to ask for ${wanted.join(" and ")}`,
      SETTLES_MS,
      async () => {
        const text = this.#text();
        return (
          (wanted.every((method) => text.includes(`"orchestrator/${method}"`)) && unsettled(text).requests === 0) ||
          undefined
        );
      },
    );
    tell("    prometheus");
    return finished(onceEach(this.#text()), WITH_MDS, ["(prometheus) a scrape"]);
  }

  /** The session of the Node process that runs now. */
  #text(): string {
    const all = readFileSync(this.#file, "utf8");
    return all.slice(Math.max(0, all.lastIndexOf('# {"format"')));
  }
}

interface Unsettled {
  readonly requests: number;
  readonly operations: string[];
}

/** Lines that are complete: the last one may be being written. */
function messagesIn(text: string): { to: "node" | "manager"; message: Wire }[] {
  const [session] = readSessions(text.slice(0, text.lastIndexOf("\n") + 1));
  return [...(session?.messages ?? [])];
}

function requestsIn(text: string): number {
  return messagesIn(text).filter(
    ({ to, message }) => to === "node" && /^orchestrator\/|submit$/.test(String(message["method"])),
  ).length;
}

function unsettled(text: string): Unsettled {
  const open = new Set<unknown>();
  const operations = new Set<string>();
  for (const { to, message } of messagesIn(text)) {
    const { id, method, params } = message;
    if (to === "node" && method !== undefined && id !== undefined) open.add(id);
    if (to === "node" && method === "bridge/submit") open.add((params as Wire)["call"]);
    if (to !== "manager") continue;
    if (method === undefined) {
      open.delete(id);
      for (const one of settledIn(message["result"])) open.delete(one);
      for (const call of operationsIn(message["result"])) operations.add(call);
    } else if (method === "bridge/effective" || method === "bridge/failed") {
      operations.delete(String((params as Wire)["call"]));
    }
  }
  return { requests: open.size, operations: [...operations] };
}

function settledIn(result: unknown): unknown[] {
  const settled = (result as { settled?: { call: string }[] } | null)?.settled;
  return Array.isArray(settled) ? settled.map(({ call }) => call) : [];
}

/** The operations that the answer to a write, or to a wait for several, names. */
function operationsIn(result: unknown): string[] {
  const { operations, settled } = (result ?? {}) as {
    operations?: { call: string }[];
    settled?: { result?: unknown }[];
  };
  return [
    ...(Array.isArray(operations) ? operations.map(({ call }) => call) : []),
    ...(Array.isArray(settled) ? settled.flatMap((one) => operationsIn(one.result)) : []),
  ];
}

/** Each question with its first answer: how often it is asked depends on how long somebody waits. */
function onceEach(text: string): string {
  const seen = new Set<string>();
  const dropped = new Set<unknown>();
  const lines = text.split("\n").filter((line) => {
    if (!/^[<>] /.test(line)) return true;
    const { id, method } = JSON.parse(line.slice(2)) as { id?: unknown; method?: string };
    if (line.startsWith("> ") && method?.startsWith("orchestrator/") === true) {
      if (!seen.has(method)) return Boolean(seen.add(method));
      dropped.add(id);
      return false;
    }
    return !(line.startsWith("< ") && method === undefined && dropped.has(id));
  });
  return lines.join("\n");
}

/** The session as it is kept: with its commands and the backend's options, and without the name of this machine. */
function finished(text: string, options: object, commands: readonly string[]): string {
  const given = JSON.stringify(options);
  const machine = new RegExp(`(?<![\\w-])${hostname().replaceAll(".", "\\.")}(?![\\w-])`, "g");
  return text
    .replace('"commands":[]', () => `"commands":${JSON.stringify(commands)}`)
    .replaceAll('"options":"[secret]"', () => `"options":${given}`)
    .replace(machine, MACHINE);
}

function written({ words, input }: Step): string {
  const line = words.map((word) => (word.includes(" ") ? JSON.stringify(word) : word)).join(" ");
  return `ceph ${line}${input === undefined ? "" : " -i FILE"}`.replaceAll(hostname(), MACHINE);
}

async function enable(at: ClusterWithModule, module: string): Promise<void> {
  const before = await at.cluster.mgrMap();
  await at.ok(["mgr", "module", "enable", module]);
  await at.cluster.waitForMgr(
    (map) => map.available && map.active_gid !== before.active_gid,
    `the mgr to be back after enabling ${module}`,
  );
  await at.waitUntilAvailable();
}

/** The words of every command of the orchestrator's own module, as the manager tells them. */
function commandsOf(descriptions: string): string[] {
  const all = Object.values(JSON.parse(descriptions) as Record<string, { sig: unknown[] }>);
  const prefixes = all.map(({ sig }) => sig.filter((word) => typeof word === "string").join(" "));
  return [...new Set(prefixes)].filter((prefix) => /^(?:orch|orchestrator)(?: |$)/.test(prefix));
}

/** Each command as the release's own parser reads its words: a process of `ceph` for each would take minutes. */
async function asLibradosTakes(
  { cluster }: ClusterWithModule,
  descriptions: string,
  all: readonly Section[],
): Promise<Map<Step, RadosCommand>> {
  const script = readFileSync(join(import.meta.dirname, "words.py"), "utf8");
  const [file, args] = cluster.argv(["python3", "-B", "-c", script]);
  const steps = all.flatMap((section) => section.steps);
  const input = JSON.stringify({ descriptions, commands: steps.map(({ words }) => words) });
  const { code, stdout, stderr } = await run(file, args, { input, env: cluster.env() });
  if (code !== 0) throw new Error(`words.py: ${stderr}`);
  const parsed = JSON.parse(stdout) as RadosCommand[];
  return new Map(steps.map((step, at) => [step, parsed[at] ?? { prefix: "" }]));
}

function expectEveryCommand(wanted: readonly string[], all: readonly Section[]): void {
  const given = all.flatMap(({ steps }) => steps.map(({ words }) => `${words.join(" ")} `));
  const missing = wanted.filter((prefix) => !given.some((line) => line.startsWith(`${prefix} `)));
  if (wanted.length === 0 || missing.length > 0)
    throw new Error(`commands of the orchestrator that no session has: ${missing.join(", ") || "all"}`);
}

const LAMP_DAEMON = `
import rados, signal, sys
client = rados.Rados(conffile=sys.argv[1])
client.connect()
client.service_daemon_register("lamp", "one", {"device_ids": sys.argv[3] + "=" + sys.argv[2]})
signal.pause()
`;

/** Ceph knows only devices that daemons of this machine report; this stand-in of one reports a disk that is not there. */
async function daemonWithDisk({ cluster }: ClusterWithModule): Promise<ChildProcess> {
  const [file, args] = cluster.argv(["python3", "-c", LAMP_DAEMON, `${cluster.inside}/ceph.conf`, LAMP.id, LAMP.name]);
  const child = spawn(file, args, { env: cluster.env(), stdio: "ignore" });
  await until(`the device ${LAMP.id} to be known`, SETTLES_MS, async () => {
    const { out } = await cluster.rados().mgr({ prefix: "device ls", format: "json" });
    return out.includes(LAMP.id) || undefined;
  });
  return child;
}
