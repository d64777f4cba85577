import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { AuthorLog } from "../../src/cli/dev/author-log.ts";
import { OperationsInFlight } from "../../src/cli/dev/in-flight.ts";
import { ownWords } from "../../src/cli/dev/own-words.ts";
import { AuthorSession } from "../../src/cli/dev/session.ts";
import { Interruption, type LineResult, Shell } from "../../src/cli/dev/shell.ts";
import { authorsBackend, orchbridge, root } from "./run.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orchbridge-dev-faults-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** A backend's file with these methods; `before` stands before its definition. */
function backend(name: string, methods: string, before = ""): string {
  return file(
    `${name}.ts`,
    `import { defineBackend } from "orchbridge";\n${before}\nexport default defineBackend({ name: "${name}", create: () => ({ ${methods} }) });\n`,
  );
}

describe("orchbridge dev, of a backend that ends or hangs the process", { timeout: 120_000 }, () => {
  it.each([
    ["a top-level await that never settles", "", "await new Promise(() => undefined);", "never settles", 3],
    ["process.exit(0) at import", "", "process.exit(0);", "ended the process, by process.exit(0)", 3],
    ["process.exit(0) in a method", "getHosts() { process.exit(0); }", "", "ended the process, by process.exit(0)", 1],
  ])("says so, and is no success: %s", async (_what, methods, before, says, status) => {
    const ran = await orchbridge(["dev", backend("ends", methods, before), "--no-watch"], "host ls\n");
    expect(ran).toEqual({ status, stdout: "", stderr: expect.stringContaining(`orchbridge: the backend ${says}`) });
  });
});

describe("what the backend prints in orchbridge dev", { timeout: 120_000 }, () => {
  it("is not on stdout, where a program reads", async () => {
    const path = backend("prints", 'getHosts() { console.log("printed"); return []; }');
    const { status, stdout, stderr } = await orchbridge(["dev", path, "--json", "--no-watch"], "host ls\n");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "printed\n" });
    expect(JSON.parse(stdout)).toMatchObject({ command: "host ls", status: 0 });
  });
});

describe("a stdout that cannot be written", { timeout: 120_000 }, () => {
  /** Runs a command line whose stdout nobody reads from before it starts, if it is not led elsewhere. */
  async function unread(command: string): Promise<{ status: number | null; stderr: string }> {
    const own = `'${process.execPath}' '${join(root, "src/cli/orchbridge.ts")}'`;
    const child = spawn("bash", ["-c", `read -r; ${command.replace("orchbridge", () => own)}`]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const ended = once(child, "close");
    const closed = once(child.stdout, "close");
    child.stdout.destroy();
    await closed;
    let stderr = "";
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    child.stdin.end("\n");
    const [status] = (await ended) as [number | null];
    return { status, stderr };
  }

  it.each(["orchbridge --help", "orchbridge doctor", `echo 'host ls' | orchbridge dev ${authorsBackend} --no-watch`])(
    "ends it without a word when its reader has gone: %s",
    async (command) => {
      expect(await unread(command)).toEqual({ status: 141, stderr: "" });
    },
  );

  it("is told in one sentence when there is no room", async () => {
    expect(await unread("orchbridge --help >/dev/full")).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^orchbridge: the output cannot be written: ENOSPC: .*\n$/) as string,
    });
  });
});

describe("a spec file with a field that a service does not have", { timeout: 120_000 }, () => {
  it("is refused, as Ceph's classes refuse it", async () => {
    const specs = [
      "service_type: mds\nservice_id: a\nplacement: {cont: 3}\n",
      "service_type: mds\nservice_id: a\nplcement: {count: 3}\n",
      "service_type: rgw\nservice_id: a\nspec: {rgw_frontend_prt: 80}\n",
    ];
    const lines = specs.map((text, index) => `apply -i ${file(`${index}.yaml`, text)}\n`);
    const { status, stdout, stderr } = await orchbridge(["dev", "memory", "--no-watch"], lines.join(""));
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: "",
      stderr: `Error EINVAL: apply.specs[0].placement.cont: unknown key
Error EINVAL: apply.specs[0].spec.plcement: unknown key
Error EINVAL: apply.specs[0].spec.rgw_frontend_prt: unknown key
`,
    });
  });
});

describe("Ctrl-C at the prompt", () => {
  const INTERRUPTED = { status: "EINTR", stdout: "", stderr: "interrupted" };

  async function shell(): Promise<(line: string, signal: AbortSignal) => Promise<LineResult>> {
    const listener = { state: () => undefined, moved: () => undefined, ended: () => undefined };
    const inFlight = new OperationsInFlight(listener);
    const log = new AuthorLog(() => undefined, "warn");
    const setup = {
      file: authorsBackend,
      options: null,
      dialect: "modern",
      log,
      inFlight,
      tell: () => undefined,
    } as const;
    const session = new AuthorSession(setup);
    onTestFinished(() => session.close());
    expect(await session.start()).toBeUndefined();
    const trace = { on: false, tell: () => undefined };
    const own = ownWords({ session, inFlight, trace, reload: async () => "", quit: () => undefined });
    const made = new Shell({ session, features: () => [], own });
    return (line, signal) => made.run(line, signal);
  }

  it("says that the call is interrupted, and nothing else", async () => {
    const run = await shell();
    const stop = new AbortController();
    const answer = run("device ls", stop.signal);
    stop.abort(new Interruption());
    expect(await answer).toEqual(INTERRUPTED);
  });

  it("ends a wait for operations", async () => {
    const run = await shell();
    const stop = new AbortController();
    expect(await run("host add endless", stop.signal)).toMatchObject({ status: "0" });
    const answer = run("wait 3600", stop.signal);
    stop.abort(new Interruption());
    expect(await answer).toEqual(INTERRUPTED);
  });
});
