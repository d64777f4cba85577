/** The command line of the testbed, checked; knows no cluster. */
import type { ObjectStore } from "./conf.ts";
import { isRelease, RELEASE_NAMES, type Release } from "./releases.ts";

/** A mistake of the one who typed: one sentence, exit code 2. */
export class UsageError extends Error {}

export interface UpCommand {
  readonly word: "up";
  readonly release: Release;
  readonly name: string;
  readonly osds: number;
  readonly store: ObjectStore;
  readonly mgrs: number;
  readonly user: "root" | "ceph";
  readonly dashboard: boolean;
}

export type Command =
  | UpCommand
  | { readonly word: "down"; readonly release: Release; readonly name: string; readonly keep: boolean }
  | { readonly word: "down-all" }
  | {
      readonly word: "ceph" | "shell";
      readonly release: Release;
      readonly name: string;
      readonly rest: readonly string[];
    }
  | { readonly word: "prepare"; readonly releases: readonly Release[] }
  | { readonly word: "ls" | "help" };

export const USAGE = `npm run testbed -- COMMAND, with RELEASE one of ${RELEASE_NAMES.join(", ")}:
  up RELEASE [--name NAME] [--osds N] [--store memstore|bluestore] [--mgrs N] [--user root|ceph] [--dashboard]
  down RELEASE [--name NAME] [--keep]     end a cluster; --keep leaves its folder to be read
  down --all                              end all clusters
  ceph [--name NAME] RELEASE ARGUMENT...  the release's own ceph command
  shell [--name NAME] RELEASE [COMMAND…]  a shell in the cluster's root, or one command
  prepare RELEASE...                      download a release; up does it by itself
  ls                                      prepared releases, and clusters
`;

const WORDS = ["up", "down", "ceph", "shell", "prepare", "ls", "help"] as const;
type Word = (typeof WORDS)[number];

/** The flags of a command: true for one that takes a value. */
const FLAGS: Readonly<Record<Word, Readonly<Record<string, boolean>>>> = {
  up: { name: true, osds: true, store: true, mgrs: true, user: true, dashboard: false },
  down: { name: true, keep: false, all: false },
  ceph: { name: true },
  shell: { name: true },
  prepare: {},
  ls: {},
  help: {},
};

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

export function parse(argv: readonly string[]): Command {
  const [word = "help", ...others] = argv;
  if (word === "--help" || word === "-h") return { word: "help" };
  if (!isWord(word)) throw new UsageError(`unknown command ${quote(word)}: expected one of ${WORDS.join(", ")}`);
  // What follows the release of `ceph` and `shell` belongs to that command, flags included.
  const { flags, words, rest } = split(word, others, word === "ceph" || word === "shell");
  if (word === "ls" || word === "help") return plain(word, words);
  if (word === "prepare")
    return {
      word,
      releases: words.length === 0 ? [releaseFrom(word, undefined)] : words.map((name) => releaseFrom(word, name)),
    };
  if (word === "down" && flags["all"] !== undefined) {
    if (words.length > 0) throw new UsageError(`down --all takes no release, got ${quote(words.join(" "))}`);
    return { word: "down-all" };
  }
  const release = releaseFrom(word, words[0]);
  if (words.length > 1) throw new UsageError(`${word} takes one release, got ${quote(words.join(" "))}`);
  const name = nameFrom(flags["name"], release);
  if (word === "down") return { word, release, name, keep: flags["keep"] !== undefined };
  if (word === "up") return upCommand(release, name, flags);
  if (word === "ceph" && rest.length === 0)
    throw new UsageError("ceph needs the arguments of a ceph command after the release");
  return { word, release, name, rest };
}

function upCommand(release: Release, name: string, flags: Flags): UpCommand {
  return {
    word: "up",
    release,
    name,
    osds: numberFrom("osds", flags["osds"], 0, 0, 16),
    store: choice("store", flags["store"] ?? "memstore", ["memstore", "bluestore"]),
    mgrs: numberFrom("mgrs", flags["mgrs"], 1, 1, 3),
    user: choice("user", flags["user"] ?? "root", ["root", "ceph"]),
    dashboard: flags["dashboard"] !== undefined,
  };
}

type Flags = Readonly<Record<string, string | undefined>>;

function split(
  word: Word,
  args: readonly string[],
  passesOn: boolean,
): { flags: Flags; words: string[]; rest: string[] } {
  const flags: Record<string, string> = {};
  const words: string[] = [];
  const left = [...args];
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    if (!arg.startsWith("-")) {
      words.push(arg);
      if (passesOn) return { flags, words, rest: left };
      continue;
    }
    const [, flag = "", given] = /^--([^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
    const takesValue = Object.hasOwn(FLAGS[word], flag) ? FLAGS[word][flag] : undefined;
    if (takesValue === undefined) throw new UsageError(`unknown flag ${quote(arg)} of ${word}: ${known(word)}`);
    if (!takesValue && given !== undefined) throw new UsageError(`--${flag} takes no value, got ${quote(given)}`);
    const value = takesValue ? (given ?? left.shift()) : "";
    if (value === undefined) throw new UsageError(`--${flag} needs a value`);
    flags[flag] = value;
  }
  return { flags, words, rest: [] };
}

function known(word: Word): string {
  const names = Object.keys(FLAGS[word]).map((flag) => `--${flag}`);
  return names.length === 0 ? "it takes none" : `expected one of ${names.join(", ")}`;
}

function plain(word: "ls" | "help", words: readonly string[]): Command {
  if (words.length > 0) throw new UsageError(`${word} takes no arguments, got ${quote(words.join(" "))}`);
  return { word };
}

function releaseFrom(word: Word, text: string | undefined): Release {
  const expected = `expected one of ${RELEASE_NAMES.join(", ")}`;
  if (text === undefined) throw new UsageError(`${word} needs a release: ${expected}`);
  if (!isRelease(text)) throw new UsageError(`unknown release ${quote(text)}: ${expected}`);
  return text;
}

function nameFrom(text: string | undefined, release: Release): string {
  const name = text ?? release;
  if (!NAME.test(name))
    throw new UsageError(`--name: expected up to 32 lower-case letters, digits and dashes, got ${quote(name)}`);
  return name;
}

function numberFrom(flag: string, text: string | undefined, standard: number, from: number, to: number): number {
  if (text === undefined) return standard;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) return value;
  throw new UsageError(`--${flag}: expected a whole number from ${from} to ${to}, got ${quote(text)}`);
}

function choice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find((one) => one === text);
  if (found === undefined) throw new UsageError(`--${flag}: expected ${choices.join(" or ")}, got ${quote(text)}`);
  return found;
}

function isWord(text: string): text is Word {
  return WORDS.some((word) => word === text);
}

const quote = (text: string): string => JSON.stringify(text);
