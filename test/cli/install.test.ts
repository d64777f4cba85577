import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CommandError } from "../../src/cli/errors.ts";
import { installedText } from "../../src/cli/install/next-steps.ts";
import { install } from "../../src/cli/install.ts";
import { builtModule } from "../main/built-module.ts";
import { Child, root } from "../main/child.ts";
import { authorsBackend } from "./run.ts";

// Several start Node processes, which takes long on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

const built = builtModule();
let parent = "";
let mgrDir = "";

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "orchbridge-install-"));
  mgrDir = join(parent, "mgr");
  mkdirSync(join(mgrDir, "orchestrator"), { recursive: true });
  writeFileSync(join(mgrDir, "mgr_module.py"), "");
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** Installs, and gives what is said of it. */
function installed(options: { node?: string; mgrDir?: string; backend?: string } = {}): string {
  const { mgrDir: folder = mgrDir, node, backend } = options;
  return installedText(install({ mgrDir: folder, node, backend }, built.folder));
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort((a, b) => a.localeCompare(b));
}

function modes(folder: string): Set<string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Set(
    entries.map(
      (entry) =>
        `${entry.isDirectory() ? "folder" : "file"} ${(statSync(join(entry.parentPath, entry.name)).mode & 0o7777).toString(8)}`,
    ),
  );
}

describe("orchbridge install", () => {
  it("writes a complete module that a mgr of another user can read, and says what is next", () => {
    const umask = process.umask(0o077);
    const text = installed();
    process.umask(umask);
    const target = join(mgrDir, "orchbridge");
    expect(text).toContain(`is in ${target}`);
    for (const step of [
      "every other host",
      "Enable the module (where each mgr was restarted after the install, --force is not needed):\n       ceph mgr module enable orchbridge --force\n",
      "mgr/orchbridge/backend",
      "ceph orchbridge activate",
    ]) {
      expect(text).toContain(step);
    }
    expect(statSync(target).mode & 0o7777).toBe(0o755);
    expect(modes(target)).toEqual(new Set(["folder 755", "file 644", "file 755"]));
    expect(statSync(join(target, "launcher.sh")).mode & 0o111).toBe(0o111);
    expect(readdirSync(mgrDir).sort()).toEqual(["mgr_module.py", "orchbridge", "orchestrator"]);
  });

  it("gives the same as data: where, which files, and what is next", () => {
    const target = join(mgrDir, "orchbridge");
    const given = install({ mgrDir, node: undefined }, built.folder);
    const files = filesOf(target).filter((name) => statSync(join(target, name)).isFile());
    expect(given).toMatchObject({ target, replaced: null, node: null });
    expect([...given.files].sort()).toEqual(files.map((name) => join(target, name)).sort());
    expect(given.next).toContainEqual({
      says: "Make it the orchestrator of the cluster:",
      commands: ["ceph orchbridge activate", "ceph orch status"],
    });
    expect(install({ mgrDir, node: undefined }, built.folder).replaced).toBe(given.version);
  });

  it("brings a Node binary that runs the module", async () => {
    expect(installed({ node: process.execPath })).toContain(`It brings its own Node ${process.versions.node}`);
    const target = join(mgrDir, "orchbridge");
    const node = join(target, "bin/node");
    expect(statSync(node).mode & 0o7777).toBe(0o755);
    const child = new Child([node, join(target, "js/main.mjs"), "serve", "--stdio"]);
    expect((await child.initialize({ name: "memory" })).error).toBeUndefined();
    await vi.waitFor(() => child.until((message) => message.params?.["available"] === true), { timeout: 60_000 });
  });

  it("takes a folder of links for a manager's, as clusters in a folder have it", () => {
    const links = join(parent, "links");
    mkdirSync(links);
    for (const name of readdirSync(mgrDir)) symlinkSync(join(mgrDir, name), join(links, name));
    installed({ mgrDir: links });
    expect(existsSync(join(links, "orchbridge/manifest.json"))).toBe(true);
    expect(existsSync(join(mgrDir, "orchbridge"))).toBe(false);
  });

  it("replaces its own former version as a whole", () => {
    installed();
    const target = join(mgrDir, "orchbridge");
    writeFileSync(join(target, "manifest.json"), '{"name":"orchbridge","version":"0.0.1"}');
    writeFileSync(join(target, "old.py"), "");
    expect(installed()).toMatch(/orchbridge \S+ replaces 0\.0\.1 in /);
    expect(existsSync(join(target, "old.py"))).toBe(false);
    expect(readdirSync(mgrDir).sort()).toEqual(["mgr_module.py", "orchbridge", "orchestrator"]);
  });

  it("leaves the former version when the new one cannot be written", () => {
    installed();
    const before = filesOf(join(mgrDir, "orchbridge"));
    const broken = join(parent, "broken");
    expect(() => install({ mgrDir, node: undefined }, broken)).toThrow(CommandError);
    expect(filesOf(join(mgrDir, "orchbridge"))).toEqual(before);
    expect(readdirSync(mgrDir)).toHaveLength(3);
  });

  it("clears away what a killed install left, and nothing else", () => {
    const gone = Number(execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }));
    for (const name of [
      `.orchbridge-new-${gone}`,
      `.orchbridge-old-${gone}`,
      `.orchbridge-new-${process.ppid}`,
      ".other",
    ])
      mkdirSync(join(mgrDir, name));
    installed();
    expect(
      readdirSync(mgrDir)
        .filter((name) => name.startsWith("."))
        .sort(),
    ).toEqual([`.orchbridge-new-${process.ppid}`, ".other"]);
  });

  it.each<[string, () => void, string]>([
    [
      "a folder that is not there",
      () => rmSync(mgrDir, { recursive: true }),
      "there is no such folder; on packaged Ceph it is /usr/share/ceph/mgr",
    ],
    ["a file", () => (rmSync(mgrDir, { recursive: true }), writeFileSync(mgrDir, "")), "not a folder"],
    [
      "another folder",
      () => rmSync(join(mgrDir, "mgr_module.py")),
      "not a Ceph manager's module folder (it has no mgr_module.py)",
    ],
    [
      "a module of another origin",
      () => mkdirSync(join(mgrDir, "orchbridge")),
      "was not made by orchbridge install: move it away first",
    ],
    [
      "a module with a foreign manifest",
      () => (
        mkdirSync(join(mgrDir, "orchbridge")),
        writeFileSync(join(mgrDir, "orchbridge/manifest.json"), '{"name":"other"}')
      ),
      "was not made by orchbridge install",
    ],
    ["a link", () => symlinkSync(root, join(mgrDir, "orchbridge")), "is a link, which install does not replace"],
  ])("refuses %s, changing nothing", (_what, make, message) => {
    make();
    expect(() => installed()).toThrow(message);
    expect(() => installed()).toThrow(CommandError);
    expect(existsSync(join(mgrDir, "orchbridge/module.py"))).toBe(false);
  });

  it("refuses a --node that is not Node or too old", () => {
    const fake = join(parent, "node");
    expect(() => installed({ node: fake })).toThrow(`--node ${fake}: not a file`);
    expect(() => installed({ node: parent })).toThrow("not a file");
    writeFileSync(fake, "no program");
    expect(() => installed({ node: fake })).toThrow(`--node ${fake}: a copy of it does not run as Node`);
    writeFileSync(fake, "#!/bin/sh\necho v20.11.1\n");
    expect(() => installed({ node: fake })).toThrow(`--node ${fake}: is Node 20.11.1; 22.18 or later is needed`);
    expect(existsSync(join(mgrDir, "orchbridge"))).toBe(false);
  });

  it("refuses a --node that works only where it is, and leaves the former version", () => {
    installed();
    const before = filesOf(mgrDir);
    const shim = join(parent, "shim");
    writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
    expect(() => installed({ node: shim })).toThrow(
      `--node ${shim}: only starts another Node; give that one: ${process.execPath}`,
    );
    const beside = join(parent, "beside");
    writeFileSync(beside, `#!/bin/sh\nexec "$(dirname "$0")/real-node" "$@"\n`, { mode: 0o755 });
    symlinkSync(process.execPath, join(parent, "real-node"));
    expect(() => installed({ node: beside })).toThrow(`--node ${beside}: a copy of it does not run as Node`);
    expect(filesOf(mgrDir)).toEqual(before);
  });

  it("puts a backend's file into the module, says how to choose it, and keeps it when the module is replaced", async () => {
    const text = installed({ backend: authorsBackend });
    const file = join(mgrDir, "orchbridge/backends/author.ts");
    expect(text).toContain(`ceph config set mgr mgr/orchbridge/backend ${file}\n`);
    expect(statSync(file).mode & 0o7777).toBe(0o644);
    const another = join(parent, "another.ts");
    writeFileSync(another, readFileSync(authorsBackend));
    installed({ backend: another });
    installed();
    expect(readdirSync(join(mgrDir, "orchbridge/backends"))).toEqual(["another.ts", "author.ts"]);
    const child = new Child([process.execPath, join(mgrDir, "orchbridge/js/main.mjs"), "serve", "--stdio"]);
    expect((await child.initialize({ name: file })).error).toBeUndefined();
    await vi.waitFor(() => child.until((message) => message.params?.["available"] === true), { timeout: 60_000 });
  });

  it("refuses a backend that does not work by itself, and leaves the former version", () => {
    installed();
    const before = filesOf(mgrDir);
    const wrong = join(parent, "wrong.ts");
    expect(() => installed({ backend: wrong })).toThrow(`--backend ${wrong}: not a file`);
    writeFileSync(wrong, 'import { hosts } from "./hosts.ts";\nexport default hosts;\n');
    writeFileSync(join(parent, "hosts.ts"), "export const hosts = 7;\n");
    expect(() => installed({ backend: wrong })).toThrow(
      `--backend ${wrong}: cannot be loaded from a folder of its own: `,
    );
    expect(() => installed({ backend: wrong })).toThrow("hosts.ts");
    writeFileSync(wrong, "process.exit(0);\n");
    expect(() => installed({ backend: wrong })).toThrow("the backend ended the process, by process.exit(0)");
    writeFileSync(wrong, "await new Promise(() => undefined);\n");
    expect(() => installed({ backend: wrong })).toThrow("the backend never settles");
    const other = join(parent, "wrong.py");
    writeFileSync(other, "");
    expect(() => installed({ backend: other })).toThrow(`--backend ${other}: expected a .ts, .mts, .mjs or .js file`);
    expect(filesOf(mgrDir)).toEqual(before);
  });

  it("installs a manifest with the version of the package", () => {
    installed();
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(JSON.parse(readFileSync(join(mgrDir, "orchbridge/manifest.json"), "utf8"))).toMatchObject({
      name: "orchbridge",
      version,
    });
  });
});
