import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { builtModule } from "./built-module.ts";
import { Child, isAlive, root, tinyBackend } from "./child.ts";

const built = builtModule();

/** Processor time of a process, in hundredths of a second. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** As the mgr module starts it: protocol and life line on real pipes, in a session of its own. */
function throughLauncher(): { child: Child; loseLifeline: () => void; status: () => string } {
  const folder = mkdtempSync(join(tmpdir(), "orchbridge-launcher-"));
  const [fifo, statusFile] = [join(folder, "lifeline"), join(folder, "status")];
  execFileSync("mkfifo", [fifo]);
  // Opened for both, so that neither side waits for the other to open it.
  const lifeline = openSync(fifo, "r+");
  const launch = `exec 9<"$1"; status=$2; shift 2; cat | { "$@"; echo $? >"$status"; } | cat`;
  const node = [process.execPath, join(built.folder, "js/main.mjs"), "serve", "--fd", "3", "4"];
  const child = new Child([
    "setsid",
    "-w",
    "sh",
    "-c",
    launch,
    "sh",
    fifo,
    statusFile,
    "/bin/sh",
    join(built.folder, "launcher.sh"),
    "9",
    ...node,
  ]);
  let open = true;
  const loseLifeline = (): void => {
    if (open) closeSync(lifeline);
    open = false;
  };
  onTestFinished(() => {
    loseLifeline();
    rmSync(folder, { recursive: true });
  });
  return { child, loseLifeline, status: () => (existsSync(statusFile) ? readFileSync(statusFile, "utf8").trim() : "") };
}

describe("the bundle", () => {
  it("serves without node_modules, with a built-in backend and with a lone .ts", async () => {
    const main = [process.execPath, join(built.folder, "js/main.mjs"), "serve", "--stdio"];
    const names = readdirSync(join(built.folder, "js/backends")).map((name) => name.replace(/\.mjs$/, ""));
    expect(names.toSorted()).toEqual(["local", "memory"]);
    for (const name of [...names, tinyBackend]) {
      const child = new Child(main);
      expect((await child.initialize({ name, options: {} })).error).toBeUndefined();
      const state = await child.until(
        (message) => message.method === "bridge/state" && message.params?.["backend"] !== null,
      );
      expect(state.params).toMatchObject({ backend: name === tinyBackend ? "tiny" : name });
      // No host agent listens here.
      if (name === "local") expect(state.params?.["reason"]).toContain("start it with");
      else expect(state.params).toMatchObject({ available: true });
    }
  });

  it("says which backends there are", async () => {
    const child = new Child([process.execPath, join(built.folder, "js/main.mjs"), "serve", "--stdio"]);
    await child.initialize({ name: "memroy" });
    const state = await child.until((message) => message.method === "bridge/state");
    expect(state.params?.["reason"]).toContain('there is no built-in backend "memroy" (there is: local, memory');
    expect(state.params?.["reason"]).toContain("did you mean memory?");
  });

  it("has the shim without its tests, and the licences of what is in it", () => {
    expect(existsSync(join(built.folder, "launcher.sh"))).toBe(true);
    const files = readdirSync(built.folder, { recursive: true }).map(String);
    expect(files.filter((file) => /tests|__pycache__|\.ts$|node_modules/.test(file))).toEqual([]);
    const licences = readFileSync(join(built.folder, "js/LICENSES.txt"), "utf8");
    for (const name of ["vscode-jsonrpc", "zod", "pino"]) expect(licences).toMatch(new RegExp(`^${name} \\d`, "m"));
    expect(JSON.parse(readFileSync(join(built.folder, "manifest.json"), "utf8"))).toMatchObject({ name: "orchbridge" });
    const scripts = files.filter((file) => file.endsWith(".mjs"));
    expect(scripts.filter((file) => readFileSync(join(built.folder, file), "utf8").includes(root))).toEqual([]);
  });
});

describe("the bundle behind the launcher", () => {
  it("answers over pipes of its own and ends with status 0 at the end of its input", async () => {
    const { child, status } = throughLauncher();
    await child.ready({ hosts: ["h1"] });
    expect((await child.call("drain_host", { hostname: "print" })).result).toMatchObject({ value: "drained print" });
    expect((await child.call("get_hosts")).result).toHaveLength(1);
    await vi.waitFor(() => expect(child.log).toContain("this is not a frame"));
    child.process.stdin.end();
    await vi.waitFor(() => expect(status()).toBe("0"));
  });

  it("moves a large answer through pipes that are read slowly", async () => {
    const { child } = throughLauncher();
    await child.ready({ many: 20_000 });
    child.process.stdout.pause();
    const answer = child.call("get_hosts");
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    child.process.stdout.resume();
    expect((await answer).result).toHaveLength(20_000);
  });

  it("hands its last words and its status to the launcher", async () => {
    const { child, status } = throughLauncher();
    await child.ready();
    child.write("hello\n");
    await vi.waitFor(() => expect(status()).toBe("76"));
    expect(child.logLines.at(-1)?.["msg"]).toContain("the connection to the mgr module broke");
  });

  it("is killed out of a busy loop when the life line ends", async () => {
    const { child, loseLifeline } = throughLauncher();
    const pid = Number(((await child.initialize({ name: tinyBackend })).result as { pid: number }).pid);
    await child.until((message) => message.params?.["available"] === true);
    child.send({ id: 1000, method: "orchestrator/drain_host", params: { hostname: "block" } });
    // Blocked: it no longer answers a ping that was sent behind the call.
    child.send({ id: 1001, method: "bridge/ping", params: {} });
    const before = cpuTicks(pid);
    await vi.waitFor(() => expect(cpuTicks(pid) - before).toBeGreaterThan(10), { timeout: 10_000 });
    expect(child.received.some((message) => message.id === 1001)).toBe(false);
    loseLifeline();
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 2000 });
  });
});
