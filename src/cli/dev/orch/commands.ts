/** Every command of `ceph orch` that the prompt knows. */

import { nearestWord } from "../../../orchestrator/nearest-word.ts";
import type { OrchCommand } from "./command.ts";
import { CONTROL_COMMANDS } from "./control.ts";
import { DAEMON_COMMANDS } from "./daemons.ts";
import { DEVICE_COMMANDS } from "./devices.ts";
import { HOST_COMMANDS } from "./hosts.ts";
import { PROFILE_COMMANDS } from "./profiles.ts";
import { SERVICE_COMMANDS } from "./services.ts";
import { UPGRADE_COMMANDS } from "./upgrades.ts";

/** In the order in which `help` lists them. */
export const ORCH_COMMANDS: readonly OrchCommand[] = [
  ...CONTROL_COMMANDS,
  ...HOST_COMMANDS,
  ...DEVICE_COMMANDS,
  ...SERVICE_COMMANDS,
  ...DAEMON_COMMANDS,
  ...UPGRADE_COMMANDS,
  ...PROFILE_COMMANDS,
];

/** The command whose words the line begins with, the longest; and the words behind them. */
export function findCommand<Words extends { readonly words: string }>(
  commands: readonly Words[],
  line: readonly string[],
): { command: Words; rest: string[] } | undefined {
  const found = commands
    .filter(({ words }) => words.split(" ").every((word, index) => word === line[index]))
    .toSorted((a, b) => b.words.length - a.words.length)[0];
  return found === undefined ? undefined : { command: found, rest: line.slice(found.words.split(" ").length) };
}

/** The command that may have been meant. */
export function nearestCommand(
  commands: readonly { readonly words: string }[],
  line: readonly string[],
): string | undefined {
  const depths = [...new Set(commands.map(({ words }) => words.split(" ").length))].toSorted((a, b) => b - a);
  for (const depth of depths) {
    const known = commands.map(({ words }) => words).filter((words) => words.split(" ").length === depth);
    const near = nearestWord(line.slice(0, depth).join(" "), known);
    if (near !== undefined && line.length >= depth) return near;
  }
  return undefined;
}

/** What can stand at the end of the line: the words of commands, then names of options. */
export function completions(
  commands: readonly { readonly words: string; readonly params: OrchCommand["params"] }[],
  line: readonly string[],
): string[] {
  const begun = line.at(-1) ?? "";
  const before = line.slice(0, -1);
  const words = commands.flatMap(({ words: all }) => {
    const own = all.split(" ");
    return before.every((word, index) => word === own[index]) ? (own[before.length] ?? []) : [];
  });
  const found = findCommand(commands, before);
  const named = (found?.command.params ?? [])
    .map(({ name }) => `--${name.replaceAll("_", "-")}`)
    .filter((option) => begun.startsWith("-") && !before.includes(option));
  const choices = (found?.command.params ?? []).flatMap(({ name, positional, choices: some = [] }) =>
    positional || before.at(-1) === `--${name.replaceAll("_", "-")}` ? some : [],
  );
  return [...new Set([...words, ...named, ...choices])].filter((word) => word.startsWith(begun)).toSorted();
}
