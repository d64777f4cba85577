import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { Child, root } from "../main/child.ts";

const command = [process.execPath, join(root, "src/cli/orchbridge.ts")];

function run(...words: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...command.slice(1), ...words], (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    child.stdin?.end();
  });
}

describe("the orchbridge command", () => {
  it("prints its version and its usage", async () => {
    expect(await run("--version")).toEqual({ status: 0, stdout: `orchbridge ${packageJson.version}\n`, stderr: "" });
    for (const words of [["--help"], ["help"], ["-h"]]) {
      expect(await run(...words)).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/install[^]*serve/) as string,
        stderr: "",
      });
    }
    expect((await run("--help")).stdout).toMatch(/^ {2}completion {2}print a script/m);
    expect((await run("help", "call")).stdout).toBe((await run("call", "--help")).stdout);
    expect((await run("install", "--help")).stdout).toContain("usage: orchbridge install --mgr-dir DIR [--node PATH]");
  });

  it.each([
    [["instal"], 'there is no command "instal"; did you mean install?'],
    [["--versoin"], 'there is no command "--versoin"; did you mean --version?'],
    [["constructor"], 'there is no command "constructor"'],
    [[], "a command is missing"],
    [["help", "instal"], 'there is no command "instal"; did you mean install?'],
    [["install"], "--mgr-dir is missing"],
    [["install", "--mgr-dir"], "--mgr-dir needs a value"],
    [["install", "--mgr-dir="], "--mgr-dir needs a value"],
    [["install", "--mgr-dri", "x"], "there is no option --mgr-dri; did you mean --mgr-dir?"],
    [["install", "--mgr-dir", "a", "--mgr-dir", "b"], "--mgr-dir is given twice"],
    [["install", "--mgr-dir", "a", "b"], 'there is one word too many: "b"'],
    [["serve"], "--stdio is missing"],
    [["serve", "--stdio=x"], "--stdio takes no value"],
  ])("refuses %j with status 2 and the usage", async (words, message) => {
    const { status, stdout, stderr } = await run(...words);
    expect({ status, stdout, first: stderr.split("\n", 1)[0] }).toEqual({
      status: 2,
      stdout: "",
      first: `orchbridge: ${message}`,
    });
    expect(stderr).toContain("usage: orchbridge");
  });

  it("serves on stdin and stdout", async () => {
    const child = await new Child([...command, "serve", "--stdio"]).ready({ hosts: ["h1"] });
    expect((await child.call("get_hosts")).result).toHaveLength(1);
    expect((await child.ask("orchestrator/get_hosts", {})).result).toHaveLength(1);
    child.process.stdin.end();
    expect(await child.ended()).toBe(0);
  });
});
