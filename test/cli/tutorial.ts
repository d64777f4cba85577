/** What docs/write-a-backend.md says, for the tests that do it. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./run.ts";

/** The tutorial's text. */
export const tutorial = readFileSync(join(root, "docs/write-a-backend.md"), "utf8");

/** The commands of the block that shows the whole way, and the page without it. */
export function theWay(page: string): { way: string[]; rest: string } {
  const block = /<!-- way -->\n```sh\n(.*?)```\n/s.exec(page);
  if (block === null) throw new Error("the tutorial does not show the whole way");
  const [all, text = ""] = block;
  return { way: text.trim().split("\n"), rest: page.replace(all, "") };
}

/** The backend after a method was added: the file that the page shows whole. */
export function changedBackend(page: string): string {
  const text = /<!-- file: racks\/racks\.ts -->\n```ts\n(.*?)```\n/s.exec(page)?.[1];
  if (text === undefined) throw new Error("the tutorial does not show the changed backend");
  return text;
}
