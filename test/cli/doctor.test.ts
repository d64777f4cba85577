import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { DAEMON_TYPES, DEFAULT_SOCKET, PROTOCOL } from "../../src/agent/client.ts";
import { agentFinding } from "../../src/cli/doctor/agent.ts";
import { fileFinding } from "../../src/cli/doctor/files.ts";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { moduleFindings } from "../../src/cli/doctor/module-folder.ts";
import { install } from "../../src/cli/install.ts";
import { VERSION } from "../../src/main/version.ts";
import { Connection } from "../../src/rpc/connection.ts";
import { builtModule } from "../main/built-module.ts";
import { authorsBackend, orchbridge, type Ran } from "./run.ts";

const built = builtModule();
const isManagersHost = existsSync("/usr/share/ceph/mgr") || existsSync(DEFAULT_SOCKET);
const isRoot = process.geteuid?.() === 0;
let folder = "";
let mgrDir = "";

beforeEach(() => {
  // Not /tmp, which is hidden from managers.
  folder = mkdtempSync("/var/tmp/orchbridge-doctor-");
  chmodSync(folder, 0o755);
  mgrDir = join(folder, "mgr");
  mkdirSync(mgrDir);
  writeFileSync(join(mgrDir, "mgr_module.py"), "");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A stand-in for the ceph command, which answers `config dump` with these options of the mgr. */
function standInCeph(options: Record<string, string>): Record<string, string> {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const dump = Object.entries(options).map(([name, value]) => ({ section: "mgr", name, value }));
  writeFileSync(join(bin, "ceph"), `#!/bin/sh\ncat <<'END'\n${JSON.stringify(dump)}\nEND\n`, { mode: 0o755 });
  return { PATH: `${bin}:/usr/bin:/bin` };
}

function doctor(words: string[], env: Record<string, string> = { PATH: "/nonexistent" }): Promise<Ran> {
  return orchbridge(["doctor", "--mgr-dir", mgrDir, ...words], "", env);
}

async function findings(words: string[], env?: Record<string, string>): Promise<{ status: number; wrong: Finding[] }> {
  const { status, stdout } = await doctor(["--json", ...words], env);
  const { ok, findings: all } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  expect(ok).toBe(status === 0);
  return { status, wrong: all.filter(({ state }) => state === "wrong") };
}

const RIGHT = {
  "mgr/orchestrator/orchestrator": "orchbridge",
  "mgr/orchbridge/backend": "memory",
  "mgr/orchbridge/backend_options": '{"generate": {"hosts": 2}}',
  "mgr/orchbridge/call_timeout": "30",
  "mgr/orchbridge/memory_limit": "512",
};

/** What an agent says of itself. */
const DESCRIPTION = {
  version: "1.2.3",
  hostname: "h1",
  boot_id: "b1",
  user: "ceph",
  fsid: null,
  binaries: Object.fromEntries(DAEMON_TYPES.map((type) => [type, { path: type, version: null, problem: null }])),
  abilities: { lvm: null, raw: null, encryption: null, light: null, iscsi: null, nvmeof: null },
};

describe("orchbridge doctor", { timeout: 120_000 }, () => {
  it.skipIf(isManagersHost)(
    "finds nothing wrong on a laptop without a manager, and says what it did not see",
    async () => {
      const { status, stdout } = await orchbridge(["doctor", "--backend", authorsBackend], "", {
        PATH: "/nonexistent",
      });
      expect(status).toBe(0);
      expect(stdout).toContain(`ok     Node          ${process.versions.node}, for orchbridge ${VERSION}\n`);
      expect(stdout).toContain("so there is no manager here\n");
      expect(stdout).toContain("there is no ceph command here, so the module's options are not known\n");
      expect(stdout).toContain("author can be loaded and takes its options\n");
      expect(stdout).toMatch(/\n\nNothing is wrong\. Not here to be looked at: module, options, host agent\.\n$/);
    },
  );

  it("says what is wrong with a backend's file, and what to do", async () => {
    const file = join(folder, "broken.ts");
    writeFileSync(
      file,
      'import { defineBackend } from "orchbridge";\nexport default defineBackend({ name: "b", enum A {} });\n',
    );
    const { status, wrong } = await findings(["--backend", file]);
    expect(status).toBe(1);
    expect(wrong).toContainEqual(
      expect.objectContaining({ about: "backend file", says: expect.stringMatching(/broken\.ts:2: /) as string }),
    );
  });

  it("says that a backend's file ends or hangs the process", async () => {
    for (const [text, says] of [
      ["process.exit(0);\n", "the backend ended the process, by process.exit(0)"],
      ["await new Promise(() => undefined);\n", "the backend never settles"],
    ] as const) {
      const file = join(folder, "ends.ts");
      writeFileSync(file, text);
      expect(await doctor(["--backend", file])).toEqual({
        status: 1,
        stdout: "",
        stderr: expect.stringContaining(`orchbridge: ${says}`) as string,
      });
    }
  });

  it("misses the module in a manager's folder", async () => {
    const { status, stdout } = await doctor([]);
    expect(status).toBe(1);
    expect(stdout).toContain(`WRONG  module      ${mgrDir}/orchbridge is not there\n`);
    expect(stdout).toContain(`→ npx orchbridge install --mgr-dir ${mgrDir}, and restart the manager\n`);
    expect(stdout).toMatch(/\n1 thing is wrong\. Not here to be looked at: options, host agent\.\n$/);
  });

  it("is content with an installed module and right options", async () => {
    install({ mgrDir, node: process.execPath }, built.folder);
    expect(await findings([], standInCeph(RIGHT))).toEqual({ status: 0, wrong: [] });
    const { stdout } = await doctor([], { PATH: `${folder}/bin:/usr/bin:/bin` });
    expect(stdout).toContain(`orchbridge ${VERSION} is in ${mgrDir}/orchbridge\n`);
    expect(stdout).toContain(`${mgrDir}/orchbridge/bin/node is Node ${process.versions.node}\n`);
    expect(stdout).toContain("memory can be loaded and takes its options\n");
  });

  it("finds a module of another version, halves that do not fit, and a folder that is not ours", () => {
    install({ mgrDir, node: undefined }, built.folder);
    const module = join(mgrDir, "orchbridge");
    writeFileSync(join(module, "generated/methods.py"), 'SCHEMA_HASH = "0123456789abcdef"\n');
    expect(moduleFindings(mgrDir, true)).toContainEqual(
      expect.objectContaining({
        about: "module halves",
        state: "wrong",
        says: expect.stringContaining("0123456789abcdef") as string,
      }),
    );
    writeFileSync(join(module, "manifest.json"), '{"name":"orchbridge","version":"9.9.9","schema_hash":"x"}');
    expect(moduleFindings(mgrDir, true)[0]).toMatchObject({
      state: "wrong",
      says: expect.stringContaining("is orchbridge 9.9.9") as string,
    });
    writeFileSync(join(module, "manifest.json"), "{}");
    expect(moduleFindings(mgrDir, true)).toMatchObject([
      { state: "wrong", says: expect.stringContaining("was not made by") as string },
    ]);
  });

  it.each([
    [{ "mgr/orchestrator/orchestrator": "cephadm" }, "orchestrator", "the cluster's orchestrator is cephadm"],
    [{ "mgr/orchbridge/backend": "" }, "option backend", "no backend is set"],
    [{ "mgr/orchbridge/attach": "/run/none/attach.sock" }, "option attach", "where there is no socket"],
    [{ "mgr/orchbridge/backend": "memry" }, "option backend", "there is no built-in backend memry"],
    [{ "mgr/orchbridge/backend": "/tmp/none/b.ts" }, "option backend", "/tmp/none/b.ts does not exist"],
    [{ "mgr/orchbridge/backend_options": "[1]" }, "option backend_options", "not a JSON object"],
    [
      { "mgr/orchbridge/backend_options": '{"host": 1}' },
      "option backend_options",
      "backend_options.host: unknown key",
    ],
    [{ "mgr/orchbridge/node_path": "node" }, "option node_path", "node is not an absolute path"],
    [{ "mgr/orchbridge/call_timeout": "0" }, "option call_timeout", "0 is not between 1 and 3600 seconds"],
    [{ "mgr/orchbridge/memory_limit": "8" }, "option memory_limit", "8 is not between 32 and 1048576 MB"],
    [
      { "mgr/orchbridge/backend": "local", "mgr/orchbridge/backend_options": "{}" },
      "host agent",
      "and the backend needs it",
    ],
  ])("finds the wrong option in %j", async (changes, about, says) => {
    install({ mgrDir, node: undefined }, built.folder);
    const { status, wrong } = await findings([], standInCeph({ ...RIGHT, ...changes }));
    expect(status).toBe(1);
    expect(wrong).toEqual([
      expect.objectContaining({
        about,
        says: expect.stringContaining(says) as string,
        cure: expect.any(String) as string,
      }),
    ]);
  });

  it("finds a ceph command that cannot ask the cluster", async () => {
    install({ mgrDir, node: undefined }, built.folder);
    const env = standInCeph({});
    const ceph = "#!/bin/sh\necho 'Error initializing cluster client' >&2\nexit 1\n";
    writeFileSync(join(folder, "bin/ceph"), ceph, { mode: 0o755 });
    const says = "Error initializing cluster client, so the module's options are not known";
    const found = { about: "options", says };
    expect(await findings([], env)).toMatchObject({ status: 1, wrong: [found] });
  });

  it("finds that what was named is not there", async () => {
    const socket = join(folder, "none.sock");
    rmSync(join(mgrDir, "mgr_module.py"));
    expect(await findings(["--agent-socket", socket])).toMatchObject({
      status: 1,
      wrong: [
        { about: "module", says: `${mgrDir} is no manager's module folder` },
        { about: "host agent", says: `there is no agent here (no ${socket}), and --agent-socket names it` },
      ],
    });
    rmSync(mgrDir, { recursive: true });
    expect((await findings([])).wrong).toMatchObject([{ says: `${mgrDir} does not exist` }]);
  });

  it("asks the agent who it is, and finds an older one", async () => {
    const socket = join(folder, "agent.sock");
    const found = (): Promise<Finding> => agentFinding(socket, undefined);
    let protocol = PROTOCOL;
    const server = createServer((input) => {
      const connection = new Connection({
        input,
        output: input,
        toWireError: (error) => ({ code: -32603, message: String(error), data: { type: "InternalError" } }),
        warn: () => undefined,
      });
      connection.onRequest("agent/describe", () => ({ result: { ...DESCRIPTION, protocol } }));
      connection.listen();
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    expect((await found()).says).toContain("open to everybody");
    chmodSync(socket, 0o660);
    expect(await found()).toEqual({
      about: "host agent",
      state: "good",
      says: `the agent 1.2.3 answers at ${socket}`,
    });
    protocol = PROTOCOL - 1;
    expect(await found()).toMatchObject({
      state: "wrong",
      says: `the agent 1.2.3 at ${socket} is older than this orchbridge`,
      cure: expect.stringContaining("systemctl restart orchbridge-agent") as string,
    });
    await new Promise((resolve) => server.close(resolve));
    writeFileSync(socket, "");
    expect((await found()).says).toBe(`${socket} is not a socket`);
  });

  it("refuses what it does not know", async () => {
    expect(await doctor(["--all"])).toMatchObject({ status: 2, stdout: "" });
  });
});

describe.runIf(isRoot)("a file that a manager is to use", () => {
  const file = (): string => {
    const path = join(folder, "b.ts");
    writeFileSync(path, "");
    return path;
  };

  it("is good when it is root's and nobody else can write to it", () => {
    const path = file();
    expect(fileFinding("file", path)).toEqual({ about: "file", state: "good", says: path });
  });

  it("is refused where the manager's user cannot pass a folder above it", () => {
    const path = file();
    chmodSync(folder, 0o700);
    expect(fileFinding("file", path)).toMatchObject({
      says: `${folder} cannot be passed by the manager's user (mode 700)`,
      cure: `chmod a+x ${folder}`,
    });
  });

  it("is good when only the manager's user or group may read it", () => {
    const path = file();
    const user = { uid: 12_345, gid: 12_345 };
    chmodSync(path, 0o640);
    expect(fileFinding("file", path, user)).toMatchObject({ cure: `chmod a+r ${path}` });
    chownSync(path, 0, user.gid);
    expect(fileFinding("file", path, user)).toMatchObject({ state: "good" });
    chownSync(path, user.uid, 0);
    expect(fileFinding("file", path, user)).toMatchObject({ state: "good" });
  });

  it("is refused for its owner, its mode, the mode of a folder above it, and where it lies", () => {
    const path = file();
    chmodSync(path, 0o666);
    expect(fileFinding("file", path)).toMatchObject({
      says: `${path} can be written by others (mode 666)`,
      cure: `chmod go-w ${path}`,
    });
    chmodSync(path, 0o600);
    expect(fileFinding("file", path)).toMatchObject({ cure: `chmod a+r ${path}` });
    chmodSync(path, 0o644);
    chmodSync(folder, 0o777);
    expect(fileFinding("file", path)).toMatchObject({ cure: `chmod go-w ${folder}` });
    chmodSync(folder, 0o755);
    chownSync(path, 12_345, 0);
    expect(fileFinding("file", path)).toMatchObject({
      says: expect.stringContaining("belongs to user 12345") as string,
      cure: `chown root ${path}`,
    });
    const hidden = mkdtempSync("/tmp/orchbridge-doctor-");
    onTestFinished(() => rmSync(hidden, { recursive: true }));
    writeFileSync(join(hidden, "b.ts"), "");
    expect(fileFinding("file", join(hidden, "b.ts"))).toMatchObject({
      says: expect.stringContaining("lies under /tmp") as string,
    });
    expect(fileFinding("file", folder)).toMatchObject({ says: `${folder} is not a file` });
  });
});
