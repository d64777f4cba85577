import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { authorsBackend, orchbridge } from "./run.ts";

const HEADER = `# ${JSON.stringify({ format: 1, release: "reef", ceph_version: "18.2.7", orchbridge: "0.0.9", schema_hash: "0".repeat(16), date: "2026-01-01T00:00:00Z", commands: [] })}`;

function written(...lines: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "orchbridge-replay-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "one.session");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

const asked = (id: number, method: string): string =>
  `> ${JSON.stringify({ jsonrpc: "2.0", id, method, params: { _call: { id: `c${id}`, deadline_ms: 5000 } } })}`;
const answered = (id: number, result: unknown): string => `< ${JSON.stringify({ jsonrpc: "2.0", id, result })}`;

const initialized = (backend: string | null, options: unknown): string =>
  `> ${JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params: { dialect: "modern", backend: { name: backend, options, options_error: null } } })}`;

const H1 = { hostname: "h1", addr: "h1", labels: [], status: "" };

// Each runs the command some times, as a process.
vi.setConfig({ testTimeout: 120_000 });

describe("orchbridge replay", () => {
  it("makes the requests again and says that the answers are the same", async () => {
    const file = written(
      HEADER,
      initialized("memory", { hosts: [H1] }),
      asked(1, "orchestrator/get_hosts"),
      answered(1, [H1]),
    );
    const { status, stdout } = await orchbridge(["replay", file]);
    expect(stdout).toBe(
      "recorded 2026-01-01T00:00:00Z on Ceph 18.2.7 (reef) by orchbridge 0.0.9\n" +
        "1 requests made, 1 answers and ends of operations compared: all the same\n",
    );
    expect(status).toBe(0);
  });

  it("names line, place and both values where an answer differs, and the version that the recording is of", async () => {
    const file = written(
      HEADER,
      initialized("memory", { hosts: [H1] }),
      asked(1, "orchestrator/get_hosts"),
      answered(1, [{ ...H1, addr: "10.1.1.1" }]),
    );
    const { status, stdout } = await orchbridge(["replay", file]);
    expect(stdout).toContain('line 4, orchestrator/get_hosts:\n  result[0].addr: "10.1.1.1" recorded, "h1" now\n');
    expect(stdout).toContain("The recording is of orchbridge 0.0.9 with schemas 0000000000000000; this is ");
    expect(status).toBe(1);
    const json = await orchbridge(["replay", file, "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      same: false,
      sessions: [{ requests: 1, compared: 1, differences: [{ line: 4, method: "orchestrator/get_hosts" }] }],
    });
    expect(json.status).toBe(1);
  });

  it("asks another backend when it is told to", async () => {
    const file = written(
      HEADER,
      initialized("memory", "[secret]"),
      asked(1, "orchestrator/get_hosts"),
      answered(1, [H1]),
    );
    const { stdout } = await orchbridge(["replay", file, "--backend", authorsBackend, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ sessions: [{ requests: 1 }] });
  });

  it("ends with 3 where the recording does not hold the backend's options, and says what to do", async () => {
    const file = written(
      HEADER,
      initialized("memory", "[secret]"),
      asked(1, "orchestrator/get_hosts"),
      answered(1, []),
    );
    const without = await orchbridge(["replay", file]);
    expect(without.stderr).toContain("a recording does not hold the backend's options: give --options");
    expect(without.status).toBe(3);
    expect((await orchbridge(["replay", file, "--options", "{}"])).status).toBe(0);
  });

  it("answers what the backend asks of the manager as it was recorded", async () => {
    const state = { jsonrpc: "2.0", id: 5, method: "mgr/store_get", params: { key: "x" } };
    const file = written(
      HEADER,
      initialized("memory", {}),
      `< ${JSON.stringify(state)}`,
      `> ${JSON.stringify({ jsonrpc: "2.0", id: 5, result: null })}`,
      asked(1, "orchestrator/get_hosts"),
      answered(1, []),
    );
    expect((await orchbridge(["replay", file])).status).toBe(0);
  });

  it("keeps what the backend prints off stdout, and is no success when it ends the process", async () => {
    const folder = mkdtempSync(join(tmpdir(), "orchbridge-replay-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const backend = join(folder, "prints.ts");
    writeFileSync(
      backend,
      `import { defineBackend } from "orchbridge";
export default defineBackend({ name: "prints", create: () => ({
  getHosts() { console.log("printed"); return [{ hostname: "h1" }]; },
  listDaemons() { process.exit(0); },
}) });
`,
    );
    const lines = [HEADER, initialized("memory", null), asked(1, "orchestrator/get_hosts"), answered(1, [H1])];
    const printing = await orchbridge(["replay", written(...lines), "--backend", backend, "--json"]);
    expect(printing.stderr).toBe("printed\n");
    expect(JSON.parse(printing.stdout)).toMatchObject({ sessions: [{ requests: 1, compared: 1 }] });
    const ending = written(...lines, asked(2, "orchestrator/list_daemons"), answered(2, []));
    expect(await orchbridge(["replay", ending, "--backend", backend])).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringContaining("orchbridge: the backend ended the process, by process.exit(0)") as string,
    });
  });

  it("refuses with 1 what is no recording, with its line, and with 2 a wrong command line", async () => {
    const bad = await orchbridge(["replay", written(HEADER, "hello", "> {}")]);
    expect(bad).toMatchObject({ status: 1, stderr: expect.stringContaining('line 2: expected "> {…}"') as string });
    expect((await orchbridge(["replay"])).status).toBe(2);
    expect((await orchbridge(["replay", "/nonexistent"])).status).toBe(1);
  });
});

describe("orchbridge record", () => {
  it("wants an absolute path, and a ceph command", async () => {
    expect(await orchbridge(["record", "x"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("absolute path") as string,
    });
    const { status, stderr } = await orchbridge(["record", "/var/x"], "", { PATH: "/nonexistent" });
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("the ceph command does not run here") as string,
    });
  });
});
