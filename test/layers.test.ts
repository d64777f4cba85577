import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

/** What a part of src may import besides node: and itself: other parts, and packages. */
interface Layer {
  parts: string[];
  packages: string[];
}

const API = "src/index.ts";

/** Parts that join all others are absent: they may import anything. */
const LAYERS: Record<string, Layer> = {
  "src/rpc": { parts: [], packages: ["vscode-jsonrpc", "pino"] },
  "src/orchestrator": { parts: [], packages: ["zod", "pino"] },
  "src/index.ts": { parts: ["src/orchestrator"], packages: [] },
  "src/contract": { parts: ["src/orchestrator", API], packages: [] },
  "src/agent": { parts: ["src/rpc", API], packages: ["zod", "pino"] },
};

const JOINING = ["src/main.ts", "src/main", "src/cli"];

const BACKEND: Layer = { parts: [API, "src/agent/client.ts"], packages: ["orchbridge", "zod"] };

/** Modules that only exist inside a mgr. */
const MGR_MODULES = ["ceph_module", "mgr_module", "mgr_util", "orchestrator", "ceph", "rados", "yaml"];

const tracked = execFileSync(
  "git",
  ["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"],
  {
    cwd: root,
    encoding: "utf8",
  },
)
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));

const sources = tracked.filter((file) => file.startsWith("src/") && file.endsWith(".ts"));

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

function importsOf(file: string): string[] {
  const statements = /^\s*(?:import|export)\b[^;"'`]*?\bfrom\s+["']([^"']+)["']|^\s*import\s+["']([^"']+)["']/gm;
  const dynamic = /\bimport\(\s*["']([^"']+)["']\s*\)/g;
  const text = read(file);
  return [...text.matchAll(statements), ...text.matchAll(dynamic)].flatMap((match) => match[1] ?? match[2] ?? []);
}

/** `src/rpc/frame.ts` is of `src/rpc`; a backend is one file or one folder; `src/main.ts` is a part by itself. */
function partOf(file: string): string {
  return file
    .split("/")
    .slice(0, file.startsWith("src/backends/") ? 3 : 2)
    .join("/");
}

function layerOf(part: string): Layer | undefined {
  return part.startsWith("src/backends/") ? BACKEND : LAYERS[part];
}

function within(file: string, part: string): boolean {
  const stem = part.replace(/\.ts$/, "");
  return file === `${stem}.ts` || file.startsWith(`${stem}/`);
}

function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

function forbidden(file: string, layer: Layer): string[] {
  return importsOf(file).filter((specifier) => {
    if (specifier.startsWith("node:")) return false;
    if (!specifier.startsWith(".")) return !layer.packages.includes(packageName(specifier));
    const target = normalize(join(dirname(file), specifier));
    return ![partOf(file), ...layer.parts].some((part) => within(target, part));
  });
}

describe("the layers", () => {
  test.each(Object.keys(LAYERS))("%s imports only itself and what the design allows it", (part) => {
    const wrong = sources
      .filter((file) => within(file, part))
      .flatMap((file) => forbidden(file, layerOf(part) ?? BACKEND).map((specifier) => `${file} imports ${specifier}`));
    expect(wrong).toEqual([]);
  });

  test("a backend imports only the public API, its own folder, node: and zod", () => {
    const wrong = sources
      .filter((file) => file.startsWith("src/backends/"))
      .flatMap((file) => forbidden(file, BACKEND).map((specifier) => `${file} imports ${specifier}`));
    expect(wrong).toEqual([]);
  });

  test("every part of src is either a layer with a rule or one that joins them", () => {
    const parts = new Set(sources.map(partOf));
    const unknown = [...parts].filter((part) => layerOf(part) === undefined && !JOINING.includes(part));
    expect(unknown).toEqual([]);
  });

  test("the shim imports only the standard library, itself and the mgr's own modules", () => {
    const files = tracked.filter((file) => file.startsWith("python-shim/orchbridge/") && file.endsWith(".py"));
    const program = [
      "import ast, json, sys",
      "found = []",
      "for path in sys.argv[1:]:",
      "    for node in ast.walk(ast.parse(open(path, encoding='utf-8').read())):",
      "        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []",
      "        if isinstance(node, ast.ImportFrom) and node.level == 0: names = [node.module]",
      "        found += [[path, name] for name in names if name.split('.')[0] not in sys.stdlib_module_names]",
      "print(json.dumps(found))",
    ].join("\n");
    const output = execFileSync("python3", ["-c", program, ...files], { cwd: root, encoding: "utf8" });
    const foreign = JSON.parse(output) as [file: string, module: string][];
    const allowed = [...MGR_MODULES, "orchbridge"];
    expect(foreign.filter(([, module]) => !allowed.includes(module.split(".")[0] ?? module))).toEqual([]);
  });
});

describe("the files", () => {
  test("a generated file says so in its first line", () => {
    const silent = tracked
      .filter((file) => /(^|\/)generated\//.test(file) || /^docs\/(api|protocol|errors)\.md$/.test(file))
      .filter((file) => !file.endsWith(".json") && !file.endsWith("__init__.py"))
      .filter((file) => !/generated/i.test(read(file).split("\n", 1)[0] ?? ""));
    expect(silent).toEqual([]);
  });

  test("no file of src has more than 400 lines, generated ones excepted", () => {
    const long = sources
      .filter((file) => !file.includes("/generated/"))
      .map((file) => ({ file, lines: read(file).split("\n").length }))
      .filter(({ lines }) => lines > 400);
    expect(long).toEqual([]);
  });

  test("no tracked file names a package registry's host or a path of one machine", () => {
    const hosts = /registry\.npmjs\.org|pypi\.org|pythonhosted\.org|deb\.debian\.org|crates\.io/;
    const paths = /(?<![\w.$}])\/(?:work\/|root\/\.?[a-z]|home\/[a-z]+\/)/;
    const wrong = tracked
      .filter((file) => !/\.(png|gz|tgz|bin)$/.test(file) && file !== "test/layers.test.ts")
      .flatMap((file) =>
        read(file)
          .split("\n")
          .flatMap((line, index) =>
            hosts.test(line) || paths.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 120)}`] : [],
          ),
      );
    expect(wrong).toEqual([]);
  });

  test("dependencies have exact versions", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<
      "dependencies" | "devDependencies",
      Record<string, string>
    >;
    const versions = Object.entries({ ...dependencies, ...devDependencies });
    expect(versions.filter(([, version]) => !/^(\d+\.\d+\.\d+|file:.*)$/.test(version))).toEqual([]);
  });
});
