import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { authorsBackend, orchbridge, type Ran, root } from "./run.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orchbridge-dev-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const CLUSTER = '{"generate":{"hosts":3,"devices_per_host":2,"daemons_per_host":2},"delays":{"effective_ms":50}}';

/** A script of commands, on the memory backend. */
function script(...lines: string[]): Promise<Ran> {
  return orchbridge(["dev", "memory", "--options", CLUSTER, "--no-watch"], `${lines.join("\n")}\n`);
}

/** The command with the test at its stdin. */
class Dev {
  output = "";
  status: number | null | undefined;
  readonly #child;

  constructor(file: string, ...words: string[]) {
    this.#child = spawn(process.execPath, [join(root, "src/cli/orchbridge.ts"), "dev", file, ...words]);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.on("data", (chunk: Buffer) => (this.output += chunk.toString("utf8")));
    this.#child.on("close", (code) => (this.status = code));
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  /** Types a line, and waits for what it says. */
  async type(line: string, says: string | RegExp): Promise<string> {
    const before = this.output.length;
    this.#child.stdin.write(`${line}\n`);
    return this.until(says, before);
  }

  async until(says: string | RegExp, from = 0): Promise<string> {
    await vi.waitFor(() => expect(this.output.slice(from)).toMatch(says), { timeout: 30_000, interval: 5 });
    return this.output.slice(from);
  }

  async end(): Promise<number | null | undefined> {
    this.#child.stdin.end();
    await vi.waitFor(() => expect(this.status).toBeDefined(), { timeout: 30_000, interval: 5 });
    return this.status;
  }
}

describe("orchbridge dev, without a terminal", { timeout: 60_000 }, () => {
  it("runs the commands of ceph orch and prints their tables", async () => {
    const { status, stdout } = await script(
      "status",
      "# a comment",
      "",
      "ceph orch host ls",
      "host add db1 10.1.1.9 --labels db",
      "orch host ls --label db",
      "device ls h1",
      "apply mds home --placement=2",
      "wait",
      "ps --daemon-type mds",
      "ls mds",
    );
    expect(status).toBe(0);
    expect(
      stdout.replaceAll(/running \(\d+s\) |\d+s ago|\b\d+s\b/g, (text) => text.replaceAll(/\d/g, "0")),
    ).toBe(`Backend: orchbridge
Available: Yes
Paused: No
HOST  ADDR      LABELS  STATUS
h1    10.1.1.1  _admin
h2    10.1.1.2
h3    10.1.1.3
3 hosts in cluster
Added host 'db1' with addr '10.1.1.9'
HOST  ADDR      LABELS  STATUS
db1   10.1.1.9  db
1 hosts in cluster who had label db
HOST  PATH      TYPE  DEVICE ID               SIZE  AVAILABLE  REFRESHED  REJECT REASONS
h1    /dev/sdb  hdd   ST4000NM0033_77E3A2A6  3726G  Yes        0s ago
h1    /dev/sdc  hdd   ST4000NM0033_8BED5327  3726G  Yes        0s ago
Scheduled mds.home update...
NAME                HOST  PORTS  STATUS        REFRESHED  AGE  MEM USE  MEM LIM  VERSION  IMAGE ID      CONTAINER ID
mds.home.h1.juasxl  h1           running (0s)     0s ago   0s     290M        -  20.2.4   ba654f0e6ce5  fbf24337c99f
mds.home.h2.vwhwik  h2           running (0s)     0s ago   0s     264M        -  20.2.4   ba654f0e6ce5  6f046c0a7110
NAME      PORTS  RUNNING  REFRESHED  AGE  PLACEMENT
mds.home             2/2  0s ago     0s   count:2
`);
  });

  it("previews and applies specs from a YAML file", async () => {
    const specs = join(folder, "services.yaml");
    const host = join(folder, "host.json");
    writeFileSync(host, '{"service_type": "host", "hostname": "h9", "labels": ["new"]}');
    writeFileSync(
      specs,
      "service_type: rgw\nservice_id: photos\nplacement:\n  hosts: [h1, h2]\nspec:\n  rgw_frontend_port: 8080\n---\n" +
        "service_type: prometheus # one\nplacement:\n  label: new\n",
    );
    const { status, stdout } = await script(
      `apply -i ${host}`,
      `apply -i ${specs} --dry-run`,
      "ls prometheus",
      `apply -i ${specs}`,
      "wait",
      "host ls --label new",
      "ls --service_name rgw.photos --export",
    );
    expect(status).toBe(0);
    expect(stdout).toContain(`####################
SERVICESPEC PREVIEWS
####################
+------------------------------------------------+
|             SERVICESPEC PREVIEW                |
+------------+------------+--------+-------------+
|SERVICE     |NAME        |ADD_TO  |REMOVE_FROM  |
+------------+------------+--------+-------------+
|rgw         |rgw.photos  |h1 h2   |             |
|prometheus  |prometheus  |h9      |             |
+------------+------------+--------+-------------+
################
OSDSPEC PREVIEWS
################
+-----------------------------------------+
|            OSDSPEC PREVIEWS             |
+---------+------+------+------+----+-----+
|SERVICE  |NAME  |HOST  |DATA  |DB  |WAL  |
+---------+------+------+------+----+-----+
+---------+------+------+------+----+-----+
`);
    expect(stdout).toContain("No services reported");
    expect(stdout).toContain("1 hosts in cluster who had label new");
    expect(stdout).toContain("Scheduled rgw.photos update...");
    expect(stdout).toMatch(
      /service_type: rgw\nservice_id: photos\nservice_name: rgw\.photos\nplacement:\n {2}hosts:\n {2}- h1\n {2}- h2\nspec:\n {2}rgw_frontend_port: 8080\n$/,
    );
  });

  it("makes and removes OSDs, and tells of upgrades", async () => {
    const { status, stdout } = await script(
      "daemon add osd h1:/dev/sdb",
      "wait",
      "osd rm 0 --force",
      "osd rm status",
      "upgrade status",
      "upgrade ls",
      "tuned-profile ls",
      "pause",
      "status",
    );
    expect(status).toBe(0);
    expect(stdout).toContain("Created osd(s) 0 on host 'h1'\n");
    expect(stdout).toMatch(
      /OSD {2}HOST {2}STATE +PGS {2}REPLACE {2}FORCE {2}ZAP +DRAIN STARTED AT\n0 {4}h1 +\w+ +\d+ {2}False +True +False/,
    );
    expect(stdout).toContain("There are no upgrades in progress currently.");
    expect(stdout).toContain("Paused: Yes");
  });

  it("fails with the words of ceph, and goes on", async () => {
    const { status, stdout, stderr } = await script(
      "hots ls",
      "host add",
      "host rm h1 --forec",
      "host rm nosuch",
      "device zap h1 /dev/sdb",
      "rm mon",
      "daemon rm mon.h1",
      "apply mds x --placement 'count-per-host:2'",
      "apply -i /nonexistent.yaml",
      "upgrade start 20.2.4",
      "op forget nosuch",
      "hardware status",
      "host ls",
    );
    expect(status).toBe(1);
    expect(stdout).toContain("3 hosts in cluster");
    expect(stderr).toBe(`Invalid command: no valid command found: hots ls; did you mean host ls?
Error EINVAL: invalid command
Invalid command: missing required parameter hostname(<string>)
host add <hostname> [<addr>] [<labels>...] [--maintenance] :  Add a host
Error EINVAL: invalid command
Invalid command: unused arguments: ['--forec']; did you mean --force?
host rm <hostname> [--force] [--offline] [--rm-crush-entry] :  Remove a host
Error EINVAL: invalid command
Error ENOENT: host nosuch is not in the cluster; 'ceph orch host ls' lists its hosts
Error EINVAL: must pass --force to PERMANENTLY ERASE DEVICE DATA
Error EINVAL: The mon and mgr services cannot be removed
Error EPERM: must pass --force to REMOVE daemon with potentially PRECIOUS DATA for mon.h1
Error EINVAL: count-per-host must be combined with label or hosts or host_pattern
Error EINVAL: Can't open input file /nonexistent.yaml: ENOENT: no such file or directory, open '/nonexistent.yaml'
Error EINVAL: Error: unable to pull image name \`20.2.4\`.
  Maybe you meant \`--ceph-version 20.2.4\`?
Error EPERM: Pass --yes-i-really-mean-it if you want to give the operation up
Invalid command: no valid command found: hardware status; help lists the commands
Error EINVAL: invalid command
`);
  });

  it("says which commands a small backend does not have, and which features it has", async () => {
    const { stdout, stderr } = await orchbridge(["dev", authorsBackend], "ps\nhost drain h1\nfeatures\ndescribe\nls\n");
    expect(stderr).toContain("Error ENOENT: This Orchestrator does not support `orch ps`\n");
    expect(stderr).toContain("Error ENOENT: This Orchestrator does not support `orch host drain`\n");
    expect(stderr).toMatch(
      /Error EIO: author\.describeService answered nonsense: result\[0\]\.status\.colour: unknown key/,
    );
    expect(stdout).toMatch(/^get_hosts +yes$/m);
    expect(stdout).toMatch(/^list_daemons +no$/m);
  });

  it("traces calls, calls any method, and lists operations", async () => {
    const { stdout, stderr } = await orchbridge(
      ["dev", authorsBackend, "--options", '{"hosts":["h1"]}'],
      "trace on\nhost ls\nhost add endless\nop ls\ncall getHosts\ncall getHost\nop forget call-2 --yes-i-really-mean-it\nwait\nop ls\n",
    );
    expect(stdout).toContain("Trace is on\n");
    expect(stderr).toMatch(/^getHosts\(\) → 1 item after \d/m);
    expect(stderr).toMatch(/^addHost\(\{"host_spec":.*\}\) → persistent, "Added host 'endless'" after \d/m);
    expect(stdout).toMatch(
      /^ID +STATE +PROGRESS +ATTEMPTS +METHOD +TITLE +ERROR\ncall-2 +running +50% +1 +addHost +Added host 'endless'$/m,
    );
    expect(stdout).toContain("- hostname: h1\n- hostname: endless\n");
    expect(stderr).toContain("Error EINVAL: there is no method getHost; did you mean getHosts?\n");
    expect(stdout).toMatch(/No operations\n$/);
  });

  it("tells when an operation fails, and what was left at the end", async () => {
    const { stderr } = await orchbridge(["dev", authorsBackend], "host add doomed\nwait\nhost add endless\n");
    expect(stderr).toContain("Added host 'doomed': failed: doomed has gone\n");
    expect(stderr).toMatch(/1 operation was still under way\n$/);
  });

  it("speaks JSON lines with --json", async () => {
    const { status, stdout, stderr } = await orchbridge(
      ["dev", authorsBackend, "--json"],
      "host add h1\nwait\nhost rm\n",
    );
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ command: "host add h1", status: 0, stdout: "Added host 'h1'", stderr: "" }),
        expect.objectContaining({ event: "progress", fraction: 0.5, message: "half way" }),
        { event: "effective", call: "call-1", title: "Added host 'h1'" },
        expect.objectContaining({ command: "host rm", status: "EINVAL" }),
      ]),
    );
  });

  it("ends with status 3 when the backend cannot be loaded", async () => {
    expect(await orchbridge(["dev", join(folder, "none.ts")], "host ls\n")).toEqual({
      status: 3,
      stdout: "",
      stderr: `orchbridge: ${join(folder, "none.ts")}: no such file\n`,
    });
  });

  it("has help for each command", async () => {
    const { stdout } = await script("help", "help host");
    expect(stdout).toContain("host add <hostname> [<addr>] [<labels>...] [--maintenance]\n    Add a host\n");
    expect(stdout).toContain("trace [on|off]");
  });
});

describe("orchbridge dev, while the file is edited", { timeout: 60_000 }, () => {
  const source = (methods: string): string => `import { defineBackend, type Backend } from "orchbridge";
import { hosts } from "./hosts.ts";
export default defineBackend({
  name: "edited",
  create({ log }): Backend {
    return {
      getHosts: () => hosts.map((hostname) => ({ hostname })),
      async addHost({ host_spec }, call) {
        if (call.resumed) log.info(\`resumed \${host_spec.hostname}\`);
        return call.persisted("Added it", (operation) =>
          call.resumed ? undefined : new Promise((_, end) => operation.signal.addEventListener("abort", end)));
      },
      ${methods}
    };
  },
});
`;

  function edited(): { backend: string; hosts: string } {
    const [backend, hosts] = [join(folder, "edited.ts"), join(folder, "hosts.ts")];
    writeFileSync(backend, source(""));
    writeFileSync(hosts, 'export const hosts = ["h1"];\n');
    return { backend, hosts };
  }

  it("loads it again, says what it gained, and follows what it imports", async () => {
    const { backend, hosts } = edited();
    const dev = new Dev(backend);
    await dev.type("host ls", "1 hosts in cluster");
    writeFileSync(backend, source("listDaemons: () => [],"));
    await dev.until(/Loaded in \d+ ms: \+list_daemons\n/);
    await dev.type("ps", "No daemons reported");
    writeFileSync(hosts, 'export const hosts = ["h1", "h2"];\n');
    await dev.until(/Loaded in \d+ ms\n/);
    await dev.type("host ls", "2 hosts in cluster");
    expect(await dev.end()).toBe(0);
  });

  it("keeps the backend from before when the file is broken, and says where", async () => {
    const { backend, hosts } = edited();
    const dev = new Dev(backend);
    await dev.type("host ls", "1 hosts in cluster");
    writeFileSync(backend, source("getHost: () => [],"));
    await dev.until(
      /defines a method getHost that the interface does not have; did you mean getHosts\?\nThe backend from before/,
    );
    await dev.type("host ls", "1 hosts in cluster");
    writeFileSync(hosts, "export const hosts = [\n  'h1',,\n  h2];\n");
    await dev.until(/hosts\.ts:\d+: .*/);
    writeFileSync(hosts, 'export const hosts = ["h1", "h2", "h3"];\n');
    writeFileSync(backend, source(""));
    await dev.until(/Loaded in \d+ ms\n/);
    await dev.type("host ls", "3 hosts in cluster");
  });

  it("hands operations under way to the new one", async () => {
    const { backend } = edited();
    const dev = new Dev(backend);
    await dev.type("host add h2", "Added it");
    copyFileSync(authorsBackend, join(folder, "other.ts"));
    writeFileSync(backend, source("pause: () => undefined,"));
    await dev.until(/resumed h2/);
    await dev.until("Added it: effective");
  });
});
