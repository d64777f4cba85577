/** Does what the tutorial says, in a clean folder, with the packed package and without network. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorShell } from "../cli/author-shell.ts";
import { root } from "../cli/run.ts";
import { tutorial as page, theWay } from "../cli/tutorial.ts";

/** A code block that the page marks with a comment before it. */
interface Block {
  readonly kind: "run" | "file" | "generated";
  readonly path: string;
  readonly text: string;
}

const blocks = [...page.matchAll(/<!-- (run|file|generated)(?:: (\S+))? -->\n```\w+\n(.*?)```/gs)].map(
  ([, kind = "", path = "", text = ""]): Block => ({ kind: kind as Block["kind"], path, text }),
);

let shell: AuthorShell;

beforeAll(() => {
  shell = new AuthorShell();
}, 300_000);
afterAll(() => shell.remove());

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
  it.each(blocks.map((block, index) => ({ ...block, name: `${index + 1}: ${block.kind} ${block.path}`.trim() })))(
    "block $name holds",
    ({ kind, path, text }) => {
      if (kind === "generated") return expect(text).toBe(shell.read(path));
      if (kind === "file") return shell.write(path, text);
      for (const step of stepsOf(text)) run(step);
    },
  );

  function run({ command, typed, output }: Step): void {
    const { status, stdout } = shell.run(command, typed.map((line) => `${line}\n`).join(""));
    expect(steady(stdout), command).toBe(steady(output));
    // A line of the prompt that fails, fails the script.
    expect(status, command).toBe(/^Error E/m.test(output) ? 1 : 0);
  }

  it("is what the README's backend fits, too", () => {
    const [, text = ""] = /^```ts\n(.*?)^```/ms.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
    shell.write("racks/tiny.ts", text);
    run({ command: "npm run types", typed: [], output: "" });
    const output = "Added host 'h1'\nHOST  ADDR  LABELS  STATUS\nh1    h1\n1 hosts in cluster\n";
    run({ command: "npx orchbridge dev tiny.ts", typed: ["host add h1", "host ls"], output });
  });

  it("goes from an empty folder to a manager in fewer than ten commands, each of which it explains", () => {
    // test/ceph/new-author.test.ts runs them on a real manager.
    const { way, rest } = theWay(page);
    expect(way.length).toBeGreaterThan(0);
    expect(way.length).toBeLessThan(10);
    for (const command of way) expect(rest).toContain(command);
  });

  it("leaves no block unmarked that a test could run", () => {
    const marked = [...page.matchAll(/^<!-- \w+.*-->\n```(?:ts|console)$/gm)].length;
    expect([...page.matchAll(/^```(?:ts|console)$/gm)]).toHaveLength(marked);
  });
});
