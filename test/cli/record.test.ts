/** `orchbridge record` beside a stand-in for the `ceph` command: no cluster is needed to see that the option is reset. */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { isAlive } from "../main/child.ts";
import { type Ran, root } from "./run.ts";

/** Keeps the option in a file, and says that the manager records unless there is a file `deaf`. */
const STAND_IN_CEPH = `#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >>asked
case "$*" in
  "config get "*) cat option 2>/dev/null || true ;;
  "config set "*) echo "$5" >option ;;
  "config rm "*) rm option ;;
  "orchbridge status "*)
    if [ -e deaf ]; then echo '{}'; else printf '{"bridge":{"recording":{"file":"%s","problem":null}}}' "$(cat option)"; fi ;;
  *) exit 1 ;;
esac
`;

/** A process of `orchbridge record`, which finds the stand-in on its PATH. */
class Recording {
  readonly folder = mkdtempSync(join(tmpdir(), "orchbridge-record-"));
  readonly #ended = Promise.withResolvers<Ran>();
  #pid = 0;
  stderr = "";

  constructor(files: readonly string[] = []) {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
    writeFileSync(join(this.folder, "ceph"), STAND_IN_CEPH, { mode: 0o755 });
    for (const file of files) writeFileSync(join(this.folder, file), "/before\n");
  }

  start(...words: string[]): this {
    const child = spawn(process.execPath, [join(root, "src/cli/orchbridge.ts"), "record", "/x.session", ...words], {
      env: { PATH: `${this.folder}:${process.env["PATH"] ?? ""}` },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    this.#pid = child.pid ?? 0;
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    child.on("close", (code, signal) =>
      this.#ended.resolve({ status: code ?? -1, stdout: String(signal), stderr: this.stderr }),
    );
    return this;
  }

  /** As a terminal does: to the whole process group. */
  interrupt(): void {
    process.kill(-this.#pid, "SIGINT");
  }

  ended(): Promise<Ran> {
    return this.#ended.promise;
  }

  read(file: string): string {
    const path = join(this.folder, file);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }
}

/** A command that says which process it is, and then stays. */
const staying = (one: Recording): string[] => ["--", "sh", "-c", `echo $$ >${join(one.folder, "pid")}; exec sleep 100`];

const until = (look: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(look()).toBe(true), { timeout: 30_000, interval: 20 });

// Each runs the command as a process.
vi.setConfig({ testTimeout: 60_000 });

describe("orchbridge record", () => {
  it("sets the option while a command runs, ends as the command, and puts back what was set before", async () => {
    const one = new Recording(["option"]);
    const { status, stderr } = await one.start("--", "sh", "-c", "exit 3").ended();
    expect(stderr).toContain("recording in /x.session");
    expect(status).toBe(1);
    expect(one.read("asked")).toContain("config set mgr mgr/orchbridge/record_path /x.session\n");
    expect(one.read("option")).toBe("/before\n");
  });

  it("resets the option when it is interrupted before the manager records", async () => {
    const one = new Recording(["deaf"]).start();
    await until(() => one.read("asked").includes("orchbridge status"));
    one.interrupt();
    expect(await one.ended()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("interrupted before the manager recorded") as string,
    });
    expect(one.read("asked")).toMatch(/config rm mgr mgr\/orchbridge\/record_path\n$/);
    expect(one.read("option")).toBe("");
  });

  it("resets the option when it is interrupted while it records", async () => {
    const one = new Recording().start();
    await until(() => one.stderr.includes("Ctrl-C ends it"));
    one.interrupt();
    expect(await one.ended()).toMatchObject({ status: 0, stderr: expect.stringContaining("recorded; ") as string });
    expect(one.read("option")).toBe("");
  });

  it("ends its command, too, when it is interrupted", async () => {
    const one = new Recording();
    one.start(...staying(one));
    await until(() => one.read("pid").endsWith("\n"));
    one.interrupt();
    expect((await one.ended()).status).toBe(1);
    expect(one.read("option")).toBe("");
    expect(isAlive(Number(one.read("pid")))).toBe(false);
  });

  it("says in one line that the command is not there, and resets the option", async () => {
    const one = new Recording().start("--", "nosuchcommand");
    const { status, stderr } = await one.ended();
    expect(stderr).toContain("nosuchcommand: spawn nosuchcommand ENOENT");
    expect(stderr).not.toContain("    at ");
    expect(status).toBe(1);
    expect(one.read("option")).toBe("");
  });

  it("refuses a time that no timer holds, and says what to do instead", async () => {
    const one = new Recording().start("--for", "2147484");
    const { status, stderr } = await one.ended();
    expect(stderr).toContain("--for: expected at most 2147483 seconds, got 2147484; without it, Ctrl-C ends");
    expect(status).toBe(2);
    expect(one.read("asked")).toBe("");
  });
});
