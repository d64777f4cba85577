import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CASES } from "../../src/contract/cases/all.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/contract.md"), "utf8");

/** The first column of each table row, as it is without Markdown's escapes. */
const listed = new Set(
  [...page.matchAll(/^\| ((?:\\\||[^|])+) \| /gm)].map(([, cell = ""]) => cell.replaceAll("\\|", "|").trim()),
);

/** By its whole name, or as the thing it is about and what holds for each such thing. */
function isListed(name: string): boolean {
  if (listed.has(name)) return true;
  const words = name.split(" ");
  return words.some((_, split) => {
    const [about, holds] = [words.slice(0, split).join(" "), words.slice(split).join(" ")];
    return listed.has(about) && (listed.has(holds) || page.replaceAll(/\s+/g, " ").includes(` ${holds}:`));
  });
}

test("the page about the contract lists every case", () => {
  expect(CASES.map(({ name }) => name).filter((name) => !isListed(name))).toEqual([]);
});

test("the page says how many cases there are", () => {
  expect(page).toContain(`registers ${CASES.length} tests`);
});

test("every case has a name and a source of its own", () => {
  expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
  expect(CASES.filter(({ source }) => source.trim() === "")).toEqual([]);
});
