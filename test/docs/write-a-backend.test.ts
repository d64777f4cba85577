/** Does what the tutorial says, in a clean folder, with the packed package and without network. */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PackedPackage } from "../cli/packed-package.ts";
import { root } from "../cli/run.ts";

const page = readFileSync(join(root, "docs/write-a-backend.md"), "utf8");

/** A code block that the page marks with a comment before it. */
interface Block {
  readonly kind: "run" | "file" | "generated";
  readonly path: string;
  readonly text: string;
}

const blocks = [...page.matchAll(/<!-- (run|file|generated)(?:: (\S+))? -->\n```\w+\n(.*?)```/gs)].map(
  ([, kind = "", path = "", text = ""]): Block => ({ kind: kind as Block["kind"], path, text }),
);

let folder = "";
let packed: PackedPackage;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orchbridge-tutorial-"));
  packed = new PackedPackage();
  packed.installInto(folder); // where `npx orchbridge` finds it before there is a project
  standIn("npx", `shift\nexec "${process.execPath}" "${folder}/node_modules/orchbridge/dist/cli/orchbridge.js" "$@"`);
  standIn("node", `exec "${process.execPath}" "$@"`);
  standIn(
    "npm",
    `case "$*" in
  install) ;;
  test) exec "${process.execPath}" --test >/dev/null ;;
  'run types') exec "${process.execPath}" "${root}/node_modules/typescript/bin/tsc" ;;
  *) echo "npm $*: not expected" >&2; exit 1 ;;
esac`,
  );
}, 120_000);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  packed.remove();
});

/** A stand-in for a program that would use the network. */
function standIn(name: string, script: string): void {
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** A command with what it is to print, and the lines typed at its prompt. */
interface Step {
  readonly command: string;
  readonly typed: string[];
  output: string;
}

function stepsOf(text: string): Step[] {
  const steps: Step[] = [];
  for (const line of text.split("\n").slice(0, -1)) {
    const last = steps.at(-1);
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), typed: [], output: "" });
    else if (line.startsWith("orch> ")) last?.typed.push(line.slice("orch> ".length));
    else if (last !== undefined) last.output += `${line}\n`;
  }
  return steps;
}

/** What differs from run to run, and progress, which a terminal shows as a bar. */
function steady(output: string): string {
  return output
    .replaceAll(/^.*: \d+ % .*\n/gm, "")
    .replaceAll(/after [\d.]+ ms/g, "after 0 ms")
    .replaceAll(/\d+[smhdwMy] ago */g, "0w ago");
}

describe("docs/write-a-backend.md", { timeout: 180_000 }, () => {
  let at = "";

  it.each(blocks.map((block, index) => ({ ...block, name: `${index + 1}: ${block.kind} ${block.path}`.trim() })))(
    "block $name holds",
    ({ kind, path, text }) => {
      if (kind === "generated") return expect(text).toBe(readFileSync(join(folder, path), "utf8"));
      if (kind === "file") return writeFileSync(join(folder, path), text);
      for (const step of stepsOf(text)) {
        const moved = /^cd (\S+)$/.exec(step.command)?.[1];
        if (moved !== undefined) at = join(at, moved);
        else if (step.command === "npm install") packed.installInto(join(folder, at));
        else run(step);
      }
    },
  );

  function run({ command, typed, output }: Step): void {
    const { status, stdout } = spawnSync("bash", ["-c", `${command} 2>&1`], {
      cwd: join(folder, at),
      encoding: "utf8",
      input: typed.map((line) => `${line}\n`).join(""),
      env: { PATH: `${join(folder, "bin")}:/usr/bin:/bin` },
    });
    expect(steady(stdout), command).toBe(steady(output));
    // A line of the prompt that fails, fails the script.
    expect(status, command).toBe(/^Error E/m.test(output) ? 1 : 0);
  }

  it("shows fewer than ten commands from an empty folder to a manager, but for trying things out", () => {
    const shell = [...page.matchAll(/^```sh\n(.*?)```/gms)].flatMap(([, text = ""]) => text.trim().split("\n"));
    expect(shell).toHaveLength(7);
  });

  it("leaves no block unmarked that a test could run", () => {
    const marked = [...page.matchAll(/^<!-- \w+.*-->\n```(\w+)$/gm)].length;
    expect([...page.matchAll(/^```(?:ts|console)$/gm)]).toHaveLength(marked);
  });
});
