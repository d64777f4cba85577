import { execFile } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root, tinyBackend } from "./child.ts";

const run = promisify(execFile);
const isRoot = process.geteuid?.() === 0;

let folder = "";

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "orchbridge-load-")));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o644);
  return path;
}

/** Loads them in one process of their own, where Node and not vitest finds the modules. */
async function loadAll(...names: string[]): Promise<{ name?: string; error?: string; expected?: boolean }[]> {
  const { stdout } = await run(process.execPath, [join(root, "test/main/load-one.ts"), ...names]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { name?: string; error?: string; expected?: boolean });
}

async function loadError(name: string): Promise<string | undefined> {
  const [result] = await loadAll(name);
  expect(result?.expected).toBe(true);
  return result?.error;
}

const good = (name: string): string =>
  `import { defineBackend } from "orchbridge";\nexport default defineBackend({ name: "${name}", create: () => ({}) });\n`;

describe("a lone backend file", () => {
  it("is found by its absolute path", async () => {
    expect(await loadAll(tinyBackend)).toEqual([{ name: "tiny" }]);
  });

  it("gets the running orchbridge and zod although there is no node_modules, and imports its neighbours", async () => {
    file("dep.ts", 'export const name: string = "with-dep";\n');
    const path = file(
      "own.ts",
      [
        'import { z } from "zod";',
        'import { defineBackend, type Backend } from "orchbridge";',
        'import { name } from "./dep.ts";',
        "export default defineBackend({ name, options: z.strictObject({}), create(): Backend { return {}; } });",
      ].join("\n"),
    );
    expect(await loadAll(path)).toEqual([{ name: "with-dep" }]);
  });

  it("is a module also below a package.json that says commonjs", async () => {
    file("package.json", '{ "type": "commonjs" }');
    file("dep.ts", 'export const name = "esm";\n');
    const path = file(
      "own.ts",
      'import { defineBackend } from "orchbridge";\nimport { name } from "./dep.ts";\nexport default defineBackend({ name, create: () => ({}) });\n',
    );
    expect(await loadAll(path)).toEqual([{ name: "esm" }]);
  });

  it("can be .mjs or .js, and use a JavaScript package below its own node_modules", async () => {
    file("node_modules/dep/package.json", '{ "name": "dep", "version": "1.0.0", "main": "dep.js" }');
    file("node_modules/dep/dep.js", 'module.exports = { name: "from-package" };\n');
    const text =
      'import { defineBackend } from "orchbridge";\nimport dep from "dep";\nexport default defineBackend({ name: dep.name, create: () => ({}) });\n';
    expect(await loadAll(file("a.mjs", text), file("b.js", text))).toEqual([
      { name: "from-package" },
      { name: "from-package" },
    ]);
  });

  it("is read again after it could not be loaded", async () => {
    const path = join(folder, "own.ts");
    const dep = file("dep.ts", "export const name: string = ;\n");
    file(
      "own.ts",
      'import { defineBackend } from "orchbridge";\nimport { name } from "./dep.ts";\nexport default defineBackend({ name, create: () => ({}) });\n',
    );
    const script = `import { writeFileSync } from "node:fs";
      import { loadBackend } from ${JSON.stringify(join(root, "src/main/load-backend.ts"))};
            const first = await loadBackend(${JSON.stringify(path)}).catch((error) => error.message);
      writeFileSync(${JSON.stringify(dep)}, 'export const name = "mended";');
      console.log(JSON.stringify([first, (await loadBackend(${JSON.stringify(path)})).name]));`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script]);
    expect(JSON.parse(stdout)).toEqual([`${dep}:1: syntax error: Expression expected`, "mended"]);
  });
});

describe("a backend file that cannot be loaded names file, line and cure:", () => {
  it.each([
    [
      "enum",
      "\nenum Level { Low }\n",
      ":2: TypeScript enum is not supported in strip-only mode; the types are only stripped, so write an object with `as const`",
    ],
    [
      "parameter property",
      "class A { constructor(private x: number) {} }\n",
      ":1: TypeScript parameter property is not supported in strip-only mode; the types are only stripped, so write a field",
    ],
    ["namespace", "namespace N { export const x = 1 }\n", ":1: TypeScript namespace declaration is not supported"],
    ["decorator", "function d(): void {}\n\n@d\nclass A {}\n", ":3: decorators are not JavaScript yet"],
    ["syntax error", "const x: number = ;\n", ":1: syntax error: Expression expected"],
    ["require", 'export {};\nconst fs = require("fs");\n', ":2: require is not defined in ES module scope"],
    ["exception", '\n\nthrow new TypeError("boom");\n', ":3: threw while it was loaded: TypeError: boom"],
    [
      "missing package",
      '\nimport x from "left-pad";\n',
      ':2: the package "left-pad" was not found; install it beside the file',
    ],
    [
      "type without `type`",
      'import { Backend } from "orchbridge";\n',
      "if Backend is a type, import it as a type: import { type Backend } from",
    ],
    ["import without ending", 'import { x } from "./dep";\n', ':1: cannot import "./dep"; write "./dep.ts"'],
    ["import with .js for .ts", '\nimport { x } from "./dep.js";\n', ':2: cannot import "./dep.js"; write "./dep.ts"'],
    [
      "import of nothing",
      'import { x } from "./nothing.ts";\n',
      ':1: cannot import "./nothing.ts"; there is no such file',
    ],
    ["import of a folder", 'import { x } from "./sub";\n', ':1: cannot import "./sub"; write "./sub/index.ts"'],
    [
      "no default export",
      "export const backend = 1;\n",
      ": it has no default export; it must say: export default defineBackend({ name, create })",
    ],
    ["another default export", "export default { name: 'x' };\n", ": its default export was not made by defineBackend"],
  ])("%s", async (_what, text, message) => {
    file("dep.ts", "export const x: number = 1;\n");
    file("sub/index.ts", "export const x: number = 1;\n");
    const path = file("own.ts", text);
    const error = await loadError(path);
    expect(error).toContain(path);
    expect(error).toContain(message);
    expect(error).not.toContain("\n");
  });

  it("a mistake in a neighbour's file", async () => {
    const dep = file("dep.ts", "\n\nexport enum A { X }\n");
    expect(await loadError(file("own.ts", 'import { A } from "./dep.ts";\nexport default A;\n'))).toContain(
      `${dep}:3: TypeScript enum`,
    );
  });

  it("a syntax error in a neighbour's JavaScript", async () => {
    const dep = file("dep.mjs", "\nexport const x = ;\n");
    expect(await loadError(file("own.ts", 'import { x } from "./dep.mjs";\nexport default x;\n'))).toBe(
      `${dep}:2: syntax error: Unexpected token ';'`,
    );
  });

  it("TypeScript below node_modules", async () => {
    file("node_modules/dep/package.json", '{ "name": "dep", "version": "1.0.0", "main": "dep.ts" }');
    file("node_modules/dep/dep.ts", "export default 1;\n");
    const path = file("own.ts", '\nimport dep from "dep";\nexport default dep;\n');
    expect(await loadError(path)).toBe(
      `${path}:2: cannot import "dep": ${join(folder, "node_modules/dep/dep.ts")} is TypeScript below node_modules; ` +
        "packages below node_modules must be JavaScript: build it, or import a file of your own by a relative path",
    );
  });
});

describe("a backend file that others can change is refused:", () => {
  it("writable by the group, or by all", async () => {
    for (const mode of [0o664, 0o646]) {
      const path = file("own.ts", good("x"));
      chmodSync(path, mode);
      expect(await loadError(path)).toBe(
        `${path}: can be written by others (mode ${mode.toString(8)}): chmod go-w ${path}`,
      );
    }
  });

  it("in a folder that others can write into", async () => {
    const path = file("open/own.ts", good("x"));
    chmodSync(join(folder, "open"), 0o777);
    expect(await loadError(path)).toBe(
      `${join(folder, "open")}: can be written by others (mode 777): chmod go-w ${join(folder, "open")}`,
    );
    chmodSync(join(folder, "open"), 0o1777);
    expect(await loadAll(path)).toEqual([{ name: "x" }]);
  });

  it("an import of it, and through a link", async () => {
    const dep = file("dep.ts", "export const x = 1;\n");
    chmodSync(dep, 0o666);
    symlinkSync(dep, join(folder, "link.ts"));
    expect(await loadError(file("own.ts", 'import { x } from "./link.ts";\nexport default x;\n'))).toContain(
      `${dep}: can be written by others`,
    );
    expect(await loadError(join(folder, "link.ts"))).toContain(`${dep}: can be written by others`);
  });

  it.runIf(isRoot)("of another user", async () => {
    const path = file("own.ts", good("x"));
    chownSync(path, 12345, 0);
    expect(await loadError(path)).toContain(`${path}: belongs to user 12345; it must belong to root`);
  });
});

describe("a backend name that means nothing is refused:", () => {
  it("no such built-in, listing those there are", async () => {
    expect(await loadError("nosuch")).toMatch(/^backend: there is no built-in backend "nosuch" \(there is: /);
    expect(await loadError("../main")).toContain('no built-in backend "../main"');
    expect(await loadError("own.ts")).toContain("give the absolute path");
  });

  it("no such file, a folder, another kind of file", async () => {
    expect(await loadError(join(folder, "nothing.ts"))).toBe(`${folder}/nothing.ts: no such file`);
    mkdirSync(join(folder, "dir.ts"));
    expect(await loadError(join(folder, "dir.ts"))).toContain("not a file");
    expect(await loadError(file("own.py", ""))).toContain("a backend file ends in .ts, .mjs or .js");
  });
});
