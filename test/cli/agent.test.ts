import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { install } from "../../src/cli/install.ts";
import { Connection } from "../../src/rpc/connection.ts";
import { builtModule } from "../main/built-module.ts";
import { root } from "../main/child.ts";

const command = join(root, "src/cli/orchbridge.ts");
const built = builtModule();
const installed = (): string => join(built.folder, "js/agent.mjs");

function run(program: string, ...words: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...words], (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    child.stdin?.end();
  });
}

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orchbridge-agent-cli-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function folders(): string[] {
  const options = { state: "state", data: "data", run: "run", socket: "run/agent.sock", conf: "ceph.conf" };
  return Object.entries(options).flatMap(([name, path]) => [`--${name}`, join(dir, path)]);
}

describe("orchbridge agent", () => {
  it("tells its options, also from an installed module", async () => {
    const { stdout } = await run(command, "agent", "--help");
    expect(stdout).toContain("usage: orchbridge agent");
    expect((await run(installed(), "--help")).stdout).toBe(stdout);
  });

  it.each([
    [["--state", "here"], "--state here: expected an absolute path"],
    [["--root", "osd=there"], "--root osd=there: expected an absolute path"],
    [["--root", "osdd=/there"], "--root osdd=/there: there is no type osdd of daemon; did you mean osd?"],
    [["--stat", "/x"], "there is no option --stat; did you mean --state?"],
    [["--socket"], "--socket needs a value"],
  ])("refuses %j with status 2 and its usage", async (words, message) => {
    const { status, stderr } = await run(installed(), ...words);
    expect({ status, first: stderr.split("\n", 1)[0] }).toEqual({ status: 2, first: `orchbridge: ${message}` });
    expect(stderr).toContain("usage: orchbridge agent");
  });

  it("says in one line which group there is not, and leaves no lock", async () => {
    const { status, stderr } = await run(installed(), ...folders(), "--group", "nosuch");
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: "orchbridge: --group nosuch: there is no such group on this host\n",
    });
    const again = await run(installed(), ...folders(), "--group", "nosuch");
    expect(again.stderr).toBe(stderr);
  });

  it("is run by the unit that install puts beside it, from there and by the Node that is there", () => {
    writeFileSync(join(dir, "mgr_module.py"), "");
    const unit = (): string => readFileSync(join(dir, "orchbridge/orchbridge-agent.service"), "utf8");
    const { next } = install({ mgrDir: dir, node: undefined }, built.folder);
    expect(next.flatMap(({ commands }) => commands)).toContain(
      `cp ${dir}/orchbridge/orchbridge-agent.service /etc/systemd/system/`,
    );
    expect(unit()).toContain(`\nExecStart="${process.execPath}" "${dir}/orchbridge/js/agent.mjs"\n`);
    install({ mgrDir: dir, node: process.execPath }, built.folder);
    expect(unit()).toContain(`\nExecStart="${dir}/orchbridge/bin/node" "${dir}/orchbridge/js/agent.mjs"\n`);
    for (const line of [
      "KillMode=process",
      "Restart=always",
      "RuntimeDirectoryPreserve=yes",
      "StateDirectory=orchbridge",
    ])
      expect(unit().split("\n")).toContain(line);
  });

  it("speaks on stdin and stdout, and ends with its input", async () => {
    const child = spawn(process.execPath, [installed(), ...folders(), "--stdio"], { stdio: ["pipe", "pipe", "pipe"] });
    let log = "";
    child.stderr.on("data", (text: Buffer) => (log += text.toString()));
    const connection = new Connection({
      input: child.stdout,
      output: child.stdin,
      toWireError: (error) => ({ code: -32603, message: String(error), data: { type: "InternalError" } }),
      warn: () => undefined,
    });
    connection.listen();
    expect(await connection.request("record/read", {})).toEqual({ generation: 0, records: {} });
    const { promise, resolve } = Promise.withResolvers<number | null>();
    child.once("exit", resolve);
    child.stdin.end();
    expect(await promise, log).toBe(0);
  });
});
