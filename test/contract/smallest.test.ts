import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { backendContract } from "../../src/contract/index.ts";
import type { BackendDefinition } from "../../src/orchestrator/backend.ts";
import smallest from "../fixtures/contract/smallest.ts";
import { results } from "./runner.ts";

describe("a backend of three methods", () => {
  backendContract(test, smallest);

  test("is told of each case that it has no methods for", async () => {
    const found = await results(smallest, {});
    const skipped = found.filter(({ outcome }) => outcome === "skipped");
    expect(found.find(({ name }) => name.startsWith("listDaemons lists every daemon once"))).toMatchObject({
      outcome: "skipped",
      why: "this backend has no listDaemons",
    });
    expect(skipped.every(({ why }) => why !== "")).toBe(true);
    expect(found.length - skipped.length).toBeGreaterThan(10);
  });
});

describe("other test runners", { timeout: 120_000 }, () => {
  test("node:test runs the suite, and names what is skipped", async () => {
    const file = join(import.meta.dirname, "../fixtures/contract/node-runner.ts");
    const { stdout } = await promisify(execFile)(process.execPath, ["--test-reporter=tap", file], { maxBuffer: 1e8 });
    const count = (what: string): number => Number(new RegExp(`^# ${what} (\\d+)$`, "m").exec(stdout)?.[1]);
    expect(count("fail")).toBe(0);
    expect(count("pass")).toBe(count("tests") - count("skipped"));
    expect(count("pass")).toBeGreaterThan(200);
    expect(stdout).toMatch(/^ok \d+ - hardwareStatus answers .* # SKIP this backend has no hardwareStatus$/m);
  });

  test("one that cannot skip is told on stderr by the suite itself", async () => {
    const names: string[] = [];
    let run: ((...given: unknown[]) => Promise<void>) | undefined;
    backendContract((name, each) => {
      names.push(name);
      if (name.startsWith("listDaemons lists every daemon once")) run = each;
    }, smallest);
    expect(new Set(names).size).toBe(names.length);
    const lines: string[] = [];
    const write = process.stderr.write;
    process.stderr.write = (line: string | Uint8Array) => lines.push(String(line)) > 0;
    await run?.().finally(() => (process.stderr.write = write));
    expect(lines.join("")).toMatch(
      /^skipped: listDaemons lists every daemon once.*: this backend has no listDaemons\n$/,
    );
  });
});

test("a failed case says which behaviour of Ceph it mirrors", async () => {
  const silent: BackendDefinition = {
    ...smallest,
    create: async (context) => ({ ...(await smallest.create(context)), addHost: () => "" }),
  };
  const [found] = await results(silent, {}, (name) => name.startsWith("addHost says what it did"));
  expect(found?.outcome).toBe("failed");
  expect(found?.why).toContain("mirrors: Orchestrator.add_host");
});
