import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { optionsIn } from "../../src/cli/dev/completion.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/commands.md"), "utf8");

/** Its options have a page of their own. */
const ELSEWHERE = ["agent"];

describe("docs/commands.md", () => {
  it.each(Object.keys(commands))("has a section on %s that names its options", (word) => {
    const section = page.split(/^## /m).find((text) => text.startsWith(`${word}\n`));
    const options = ELSEWHERE.includes(word) ? [] : optionsIn(commands[word]?.usage ?? "");
    expect(section).toBeDefined();
    expect(options.filter((option) => !section?.includes(option) && option !== "--help")).toEqual([]);
  });

  it("lists every word in its table", () => {
    for (const word of Object.keys(commands)) expect(page).toContain(`| [\`${word}\`](#${word}) |`);
  });
});
