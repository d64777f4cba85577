/** Runs what docs/python.md shows, with the folders as the npm package has them. */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../cli/run.ts";

const page = readFileSync(join(root, "docs/python.md"), "utf8");
const blocks = [...page.matchAll(/<!-- (run|file)(?:: (\S+))? -->\n```\w+\n(.*?)```/gs)].map(
  ([, kind = "", path = "", text = ""]) => ({ kind, path, text }),
);
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orchbridge-python-"));
  const installed = join(folder, "node_modules/orchbridge");
  mkdirSync(join(installed, "dist"), { recursive: true });
  cpSync(join(root, "python-shim/orchbridge"), join(installed, "python-shim/orchbridge"), { recursive: true });
  const building = ["scripts/build.ts", `--module=${join(installed, "dist/module")}`];
  const { status, stderr } = spawnSync(process.execPath, building, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("docs/python.md", { timeout: 180_000 }, () => {
  it.each(blocks.map((block, index) => ({ ...block, name: `${index + 1}: ${block.kind} ${block.path}`.trim() })))(
    "block $name holds",
    ({ kind, path, text }) => {
      if (kind === "file") return writeFileSync(join(folder, path), text);
      const [line = "", ...shown] = text.split("\n");
      const { stdout, stderr } = spawnSync("sh", ["-c", line.replace("$ ", "")], {
        cwd: folder,
        encoding: "utf8",
        env: { PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` },
      });
      expect({ stdout, stderr }).toEqual({ stdout: shown.join("\n"), stderr: "" });
    },
  );

  it("leaves no block unmarked that a test could run", () => {
    expect(blocks).toHaveLength(4);
    expect([...page.matchAll(/^```\w+$/gm)]).toHaveLength(blocks.length);
  });

  it("names every name that the client exports", () => {
    const exports = readFileSync(join(root, "python-shim/orchbridge/client/__init__.py"), "utf8");
    const names = [...exports.matchAll(/^ {4}"(\w+)",$/gm)].map(([, name = ""]) => name);
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => !page.includes(name))).toEqual([]);
  });
});
