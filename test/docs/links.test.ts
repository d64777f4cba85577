/** Every link between the project's pages leads to a file and to a heading that are there. */

import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../cli/run.ts";

const pages = ["README.md", "CONTRIBUTING.md", ...globSync("docs/**/*.md", { cwd: root })];

const textOf = (page: string): string => readFileSync(join(root, page), "utf8").replaceAll(/^```.*?^```$/gms, "");

/** As GitHub names them. */
function anchorsOf(page: string): string[] {
  const headings = [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function isBroken(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(root, target))) return true;
  return anchor !== undefined && !anchorsOf(target).includes(anchor);
}

describe("a page of the documentation", () => {
  it.each(pages)("has no broken link: %s", (page) => {
    const links = [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    expect(links.filter((link) => !/^https?:/.test(link) && isBroken(page, link))).toEqual([]);
  });
});

describe("README.md", () => {
  it("shows of the demo only what docs/demo.md has, in its order", () => {
    const [, shown = ""] =
      /<!-- demo -->\n```console\n(.*?)```/s.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
    const all = readFileSync(join(root, "docs/demo.md"), "utf8");
    const parts = shown.trim().split("\n\n$ ");
    const places = parts.map((part) => all.indexOf(part));
    expect(parts.length).toBeGreaterThan(3);
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
  });
});
