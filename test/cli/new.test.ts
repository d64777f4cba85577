import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeRepository } from "../../src/cli/new.ts";
import { PackedPackage, tsc } from "./packed-package.ts";
import { orchbridge } from "./run.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orchbridge-new-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("orchbridge new", () => {
  it.each([
    ["", "NAME: expected letters"],
    ["Mine", 'got "Mine"'],
    ["../mine", 'got "../mine"'],
    ["a--b", 'got "a--b"'],
    ["1a", 'got "1a"'],
    ["x".repeat(65), "64 at most"],
    ["memory", "NAME: memory is a backend that comes with orchbridge"],
  ])("refuses the name %j", (name, message) => {
    expect(() => makeRepository(name, join(folder, "refused"))).toThrow(message);
  });

  it("refuses a folder that exists, and leaves it as it is", () => {
    const taken = join(folder, "taken");
    mkdirSync(taken);
    writeFileSync(join(taken, "mine.txt"), "mine");
    expect(() => makeRepository("taken", taken)).toThrow(/taken exists already/);
    expect(readFileSync(join(taken, "mine.txt"), "utf8")).toBe("mine");
  });

  it("says what it made and what is next, or refuses with the usage", async () => {
    expect(await orchbridge(["new"])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^orchbridge: NAME is missing\nusage: orchbridge new NAME/) as string,
    });
  });
});

describe("a new backend's repository", { timeout: 180_000 }, () => {
  let project = "";
  let packed: PackedPackage;

  beforeAll(() => {
    packed = new PackedPackage();
    project = join(folder, "my-backend");
    makeRepository("my-backend", project);
    packed.installInto(project);
  }, 120_000);
  afterAll(() => packed.remove());

  const node = (...args: string[]): string =>
    execFileSync(process.execPath, args, { cwd: project, encoding: "utf8", stdio: "pipe" });

  it("compiles as generated", () => {
    tsc(project);
  });

  it("passes its contract as generated", () => {
    // The file has to be named: an older Node looks for none that ends in .ts, and 0 tests are a success to it.
    const { scripts } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as {
      scripts: { test: string };
    };
    expect(scripts.test).toBe("node --test my-backend.test.ts");
    const output = node("--test-reporter=tap", ...scripts.test.split(" ").slice(1));
    const count = (what: string): number => Number(new RegExp(`^# ${what} (\\d+)$`, "m").exec(output)?.[1]);
    expect(count("fail")).toBe(0);
    expect(count("pass")).toBeGreaterThan(10);
  });

  it("answers the commands of the installed package", () => {
    const command = join(project, "node_modules/orchbridge/dist/cli/orchbridge.js");
    const options = ["--options", '{"hosts":["h1"]}'];
    expect(node(command, "call", "my-backend.ts", "getHosts", ...options)).toBe("- hostname: h1\n");
    const session = execFileSync(process.execPath, [command, "dev", "my-backend.ts", ...options], {
      cwd: project,
      encoding: "utf8",
      input: "host add h2\nhost ls\n",
    });
    expect(session).toContain("Added host 'h2'\n");
    expect(session).toContain("2 hosts in cluster\n");
  });

  it("has compile errors for a misspelt method, a wrong result and a wrong option", () => {
    const wrong = join(project, "wrong");
    mkdirSync(wrong);
    const file = (name: string, body: string): void =>
      writeFileSync(
        join(wrong, name),
        `import { type Backend, defineBackend } from "orchbridge";\nimport { z } from "zod";\nexport default defineBackend({\n  name: "w",\n${body}\n});\n`,
      );
    const options = "  options: z.strictObject({ port: z.number() }),";
    file(
      "right.ts",
      `${options}\n  create({ options }): Backend { return { getHosts: () => [{ hostname: \`h\${options.port + 1}\` }] }; },`,
    );
    file("method.ts", "  create(): Backend { return { getHost: () => [] }; },");
    file("result.ts", "  create(): Backend { return { getHosts: () => [{ hostname: 7 }] }; },");
    file(
      "option.ts",
      `${options}\n  create({ options }): Backend { const name: string = options.port; return { available: () => ({ ok: name !== "" }) }; },`,
    );
    file(
      "unknown-option.ts",
      `${options}\n  create({ options }): Backend { return { available: () => ({ ok: options.prot === 1 }) }; },`,
    );
    file("params.ts", "  create(): Backend { return { addHost: ({ host }) => host }; },");
    file("second-stage.ts", "  create(): Backend { return { addHost: (_, call) => call.persisted(7, () => {}) }; },");
    writeFileSync(join(wrong, "tsconfig.json"), '{ "extends": "../tsconfig.json", "include": ["*.ts"] }\n');
    let said = "";
    try {
      tsc(wrong);
    } catch (error) {
      said = error instanceof Error ? error.message : "";
    }
    const errors: Record<string, string | undefined> = Object.fromEntries(
      [...said.matchAll(/^([\w-]+\.ts)\(.*?: (error .*)$/gm)].map(([, name, text]) => [name, text]),
    );
    expect(errors).toEqual({
      "method.ts": expect.stringMatching(
        /'getHost' does not exist in type 'Backend'|Did you mean to write 'getHosts'/,
      ) as string,
      "result.ts": expect.stringContaining("is not assignable to type") as string,
      "option.ts": expect.stringContaining("Type 'number' is not assignable to type 'string'") as string,
      "unknown-option.ts": expect.stringContaining("Property 'prot' does not exist") as string,
      "params.ts": expect.stringContaining("Property 'host' does not exist") as string,
      "second-stage.ts": expect.stringContaining("is not assignable to type") as string,
    });
    expect(errors["method.ts"]).toContain("getHosts");
  });
});
