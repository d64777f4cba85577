/** The process under Node's permission model, started with the flags that the mgr module makes. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { builtModule } from "./built-module.ts";
import { Child } from "./child.ts";

const built = builtModule();
let folder = "";

beforeEach(() => {
  // Not below /tmp, which the module refuses.
  folder = realpathSync(mkdtempSync("/var/tmp/orchbridge-permissions-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o644);
  return path;
}

/** The module's own Python makes the command. */
function start(backend: string, declared: object = {}, env: Record<string, string> = {}): Child {
  const code = `
import json, sys
sys.path.insert(0, ${JSON.stringify(dirname(built.folder))})
from orchbridge.node import node_command
from orchbridge.permissions import Permissions
from orchbridge.settings import read_settings
given = json.loads(sys.argv[1])
settings = read_settings(given["options"].get)
print(json.dumps(node_command(settings, Permissions.from_wire(given["declared"]))))
`;
  const given = { options: { backend }, declared };
  const text = execFileSync("python3", ["-c", code, JSON.stringify(given)], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  const command = JSON.parse(text) as string[];
  return new Child([process.execPath, ...command.slice(1, -3), "--stdio"], env);
}

async function check(child: Child, name: string, options: object = {}): Promise<unknown> {
  return (await child.ask("bridge/check", { backend: { name, options, options_error: null } })).result;
}

const tries = `
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { type Backend, defineBackend } from "orchbridge";
import { z } from "zod";
export default defineBackend({
  name: "tries",
  options: z.strictObject({ write: z.array(z.string()).default([]) }),
  permissions: ({ write }) => ({ write }),
  create: (): Backend => ({
    describeService({ service_name }) {
      const [what, path = ""] = (service_name ?? "").split(" ");
      if (what === "write") writeFileSync(path, "x");
      if (what === "read") readFileSync(path, "utf8");
      if (what === "spawn") spawnSync(path);
      return [];
    },
  }),
});
`;

async function running(child: Child, name: string, options: object = {}): Promise<Child> {
  expect((await child.initialize({ name, options })).error).toBeUndefined();
  await child.until((message) => message.method === "bridge/state" && message.params?.["available"] === true);
  return child;
}

describe("under the permission model", () => {
  it("a built-in backend runs with nothing declared", async () => {
    const child = start("memory");
    expect(await check(child, "memory")).toMatchObject({ permissions: { read: [], write: [], childProcess: false } });
    await running(child, "memory");
    expect((await child.call("get_hosts")).error).toBeUndefined();
  });

  it("a lone .ts finds orchbridge, zod and its neighbours, and packages above it", async () => {
    file("node_modules/dep/package.json", '{ "name": "dep", "version": "1.0.0", "main": "dep.js" }');
    file("node_modules/dep/dep.js", 'module.exports = { name: "from-package" };\n');
    file("work/package.json", '{ "type": "commonjs" }');
    file("work/lib/name.ts", 'import dep from "dep";\nexport const name: string = dep.name;\n');
    const text =
      'import { defineBackend } from "orchbridge";\nimport { name } from "../lib/name.ts";\nexport default defineBackend({ name, create: () => ({}) });\n';
    const backend = file("work/src/own.ts", text);
    const child = await running(start(backend), backend);
    const state = child.received.find(({ params }) => params?.["available"] === true);
    expect(state?.params).toMatchObject({ backend: "from-package" });
  });

  it("what is not declared is denied with what to declare", async () => {
    const backend = file("own.ts", tries);
    const child = await running(start(backend), backend);
    const said = async (what: string): Promise<string> =>
      (await child.call("describe_service", { service_name: what })).error?.message ?? "";
    expect(await said(`write ${folder}/out`)).toContain(`it may not write ${folder}/out; `);
    expect(await said("read /etc/passwd")).toContain('permissions: { read: ["/etc/passwd"] }');
    expect(await said("spawn /bin/true")).toContain("permissions: { childProcess: true }");
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  it("what is declared is asked for and allowed, a folder that is made only then included", async () => {
    const backend = file("own.ts", tries);
    const options = { write: [`${folder}/later`] };
    expect(await check(start(backend), backend, options)).toMatchObject({ permissions: options });
    const child = await running(start(backend, options), backend, options);
    mkdirSync(join(folder, "later"));
    expect((await child.call("describe_service", { service_name: `write ${folder}/later/out` })).error).toBeUndefined();
    expect(existsSync(join(folder, "later/out"))).toBe(true);
  });

  it("a backend that cannot be used says why when it is asked for its permissions", async () => {
    const backend = file("own.ts", tries);
    const child = start(backend);
    expect(await check(child, backend, { write: ["here"] })).toEqual({
      refused: 'backend tries: permissions.write[0]: expected an absolute path, got "here"',
    });
    expect(await check(child, backend, { wrote: [] })).toMatchObject({ refused: expect.stringContaining("wrote") });
  });

  it("an import from outside of the package says where to put it", async () => {
    file("elsewhere/dep.ts", "export const name = 1;\n");
    const backend = file("work/own.ts", '\nimport { name } from "../elsewhere/dep.ts";\nexport default name;\n');
    expect(await check(start(backend), backend)).toEqual({
      refused: `${backend}:2: cannot import "../elsewhere/dep.ts": ${folder}/elsewhere/dep.ts lies outside of the backend's package: move it there, or put a package.json into the folder that holds both`,
    });
  });

  it("a file that reads others while it is loaded says so with its line", async () => {
    const backend = file("own.ts", 'import { readFileSync } from "node:fs";\nreadFileSync("/etc/passwd");\n');
    expect(await check(start(backend), backend)).toMatchObject({
      refused: expect.stringContaining(`${backend}:2: threw while it was loaded: it may not read /etc/passwd; `),
    });
  });

  it.each([
    ["a decorator", "function d(): void {}\n\n@d\nclass A {}\n", ":3: decorators are not JavaScript yet"],
    [
      "twice the same name",
      "export const a = 1;\n\nconst a = 2;\n",
      ":3: syntax error: Identifier 'a' has already been declared",
    ],
    ["an import without ending", 'import { x } from "./dep";\n', ':1: cannot import "./dep"; write "./dep.ts"'],
  ])("%s is found without starting a process", async (_what, text, says) => {
    file("dep.ts", "export const x = 1;\n");
    const backend = file("own.ts", text);
    expect(await check(start(backend), backend)).toMatchObject({
      refused: expect.stringContaining(`${backend}${says}`),
    });
  });

  it("the compile cache is used, and what is in it is nobody else's", async () => {
    const cache = join(folder, "cache");
    mkdirSync(cache, { mode: 0o700 });
    const child = await running(start("memory", {}, { ORCHBRIDGE_CACHE_DIR: cache }), "memory");
    child.process.stdin.end();
    expect(await child.ended()).toBe(0);
    expect(readdirSync(cache, { recursive: true }).length).toBeGreaterThan(1);
    expect(child.log).not.toContain("not used");
  });

  it("Node's own warning of a permission does not reach the log", async () => {
    const child = await running(start("memory", { childProcess: true }), "memory");
    expect(child.log).not.toContain("SecurityWarning");
  });
});
