/** Remembers what was found out about the host for as long as its programs stay the same: asking each for its version takes seconds. */
import { statSync } from "node:fs";
import { join } from "node:path";

import { DAEMON_KINDS, programPath } from "./daemon-types.ts";
import type { HostDescription } from "./handlers.ts";
import { DAEMON_TYPES } from "./protocol.ts";
import { type AgentSettings, rootOf } from "./settings.ts";

/** What else may change is looked at again after so long. */
const FRESH_MS = 60_000;

type Describe = (settings: AgentSettings) => Promise<HostDescription>;

/** The same question, answered from memory while nothing was installed or removed. Asked twice at once, it is asked once. */
export function remembered(describe: Describe): Describe {
  let last: { key: string; until: number; answer: Promise<HostDescription> } | undefined;
  return (settings) => {
    const key = programs(settings);
    if (last?.key === key && performance.now() < last.until) return last.answer;
    const answer = describe(settings);
    const fresh = { key, until: performance.now() + FRESH_MS, answer };
    last = fresh;
    answer.catch(() => {
      if (last === fresh) last = undefined;
    });
    return answer;
  };
}

/** Which files the programs are: a package's upgrade makes new ones. */
function programs(settings: AgentSettings): string {
  return DAEMON_TYPES.map((type) => {
    const root = rootOf(settings, type);
    const path = programPath(DAEMON_KINDS[type].binary, root);
    const stat = path === undefined ? undefined : statSync(join(root ?? "/", path), { throwIfNoEntry: false });
    return `${type} ${stat?.dev}:${stat?.ino}:${stat?.mtimeMs}`;
  }).join("\n");
}
