import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { takeLock } from "../../src/agent/lock.ts";
import { bootId, identify } from "../../src/agent/process-table.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orchbridge-lock-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const program = `
  const { takeLock } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/agent/lock.ts"))});
  try { takeLock(process.argv[1]); console.log("taken"); } catch (error) { console.log(error.message); }
  process.stdin.resume();
`;

/** A process that takes the lock, or not, and lives until its input ends. */
function taker(): { child: ChildProcess; said: Promise<string> } {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, dir], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { promise, resolve } = Promise.withResolvers<string>();
  child.stdout.once("data", (text: Buffer) => resolve(text.toString().trim()));
  child.once("exit", (code) => resolve(`ended with ${code}`));
  return { child, said: promise };
}

describe("the lock", () => {
  it("is refused while its holder lives, with the holder's pid, and let go of", () => {
    const lock = takeLock(dir);
    expect(() => takeLock(dir)).toThrow(`an agent works with this state folder already: pid ${process.pid} holds`);
    lock.release();
    takeLock(dir).release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it("is taken over from a holder that was killed", async () => {
    const { child, said } = taker();
    expect(await said).toBe("taken");
    const { promise, resolve } = Promise.withResolvers<void>();
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
    await promise;
    expect(existsSync(join(dir, "lock"))).toBe(true);
    takeLock(dir);
    expect(JSON.parse(readFileSync(join(dir, "lock"), "utf8"))).toMatchObject({ pid: process.pid });
  });

  it.each([
    ["whose pid another process has now", { start: 1 }],
    ["of before the boot", { boot_id: "another" }],
  ])("is taken over from a holder %s", (_, difference) => {
    const former = { ...identify(process.pid), boot_id: bootId(), ...difference };
    writeFileSync(join(dir, "lock"), JSON.stringify(former));
    takeLock(dir);
    expect(readFileSync(join(dir, "lock"), "utf8")).not.toContain("another");
  });

  it("is taken by one of many who find a dead agent's at once", async () => {
    writeFileSync(join(dir, "lock"), JSON.stringify({ ...identify(process.pid), start: 1, boot_id: bootId() }));
    const takers = Array.from({ length: 5 }, taker);
    const said = await Promise.all(takers.map((one) => one.said));
    for (const { child } of takers) child.stdin?.end();
    expect(said.filter((text) => text === "taken")).toHaveLength(1);
    expect(said.filter((text) => text.includes("an agent works with this state folder already"))).toHaveLength(4);
  }, 60_000);
});
