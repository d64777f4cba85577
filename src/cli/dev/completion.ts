/** `orchbridge completion`: scripts for shells, made from the commands and their usages. */

import { methodNames } from "../call/method.ts";
import { UsageError } from "../errors.ts";
import { readWords } from "../options.ts";
import { completionUsage } from "./completion-usage.ts";

/** The part of a command that completion needs. */
export interface Completed {
  readonly summary: string;
  readonly usage: string;
}

const SHELLS: Readonly<Record<string, (commands: Readonly<Record<string, Completed>>) => string>> = { bash, zsh, fish };

/** The script for the shell that the words name. */
export function completion(args: string[], commands: Readonly<Record<string, Completed>>): string {
  const { words } = readWords(args, {}, completionUsage, { words: ["SHELL"] });
  const script = SHELLS[words[0] ?? ""];
  if (script === undefined) throw new UsageError(`there is no shell ${JSON.stringify(words[0])} here`, completionUsage);
  return script(commands);
}

/** The options that a usage names. */
export function optionsIn(usage: string): string[] {
  return [...new Set(usage.match(/--[a-z][a-z-]*/g) ?? [])].toSorted();
}

function bash(commands: Readonly<Record<string, Completed>>): string {
  const cases = Object.entries(commands).map(
    ([word, { usage }]) => `    ${word}) options="${optionsIn(usage).join(" ")}" ;;`,
  );
  return `_orchbridge() {
  local current="\${COMP_WORDS[COMP_CWORD]}" options=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${Object.keys(commands).join(" ")} --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options --help" -- "$current"))
  elif [ "\${COMP_WORDS[1]}" = call ] && [ "$COMP_CWORD" -eq 3 ]; then
    COMPREPLY=($(compgen -W "${methodNames().join(" ")}" -- "$current"))
  elif [ "\${COMP_WORDS[1]}" = completion ]; then
    COMPREPLY=($(compgen -W "${Object.keys(SHELLS).join(" ")}" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _orchbridge orchbridge
`;
}

/** zsh runs the script for bash. */
function zsh(commands: Readonly<Record<string, Completed>>): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`;
}

function fish(commands: Readonly<Record<string, Completed>>): string {
  const lines = Object.entries(commands).flatMap(([word, { summary, usage }]) => [
    `complete -c orchbridge -f -n __fish_use_subcommand -a ${word} -d ${quoted(summary)}`,
    ...optionsIn(usage).map(
      (option) => `complete -c orchbridge -n "__fish_seen_subcommand_from ${word}" -l ${option.slice(2)}`,
    ),
  ]);
  const methods = `complete -c orchbridge -n "__fish_seen_subcommand_from call; and test (count (commandline -opc)) -eq 3" -f -a ${quoted(methodNames().join(" "))}`;
  const shells = `complete -c orchbridge -f -n "__fish_seen_subcommand_from completion" -a ${quoted(Object.keys(SHELLS).join(" "))}`;
  return `${[...lines, methods, shells].join("\n")}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`;
}
