import { describe, expect, it } from "vitest";

import { parse, UsageError } from "../../testbed/args.ts";

/** What a wrong command line is told. */
function complaint(...argv: string[]): string {
  try {
    parse(argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error(`${argv.join(" ")} was accepted`);
}

describe("the testbed's command line", () => {
  it("gives a cluster the name of its release unless told otherwise", () => {
    expect(parse(["down", "reef"])).toEqual({ word: "down", release: "reef", name: "reef", keep: false });
    expect(parse(["down", "reef", "--name", "a1", "--keep"])).toEqual({
      word: "down",
      release: "reef",
      name: "a1",
      keep: true,
    });
  });

  it("reads every flag of up, before and after the release", () => {
    const flags = ["--osds", "2", "--store=bluestore", "--mgrs", "2", "--user", "ceph", "--dashboard"];
    const up = {
      word: "up",
      release: "pacific",
      name: "pacific",
      osds: 2,
      store: "bluestore",
      mgrs: 2,
      user: "ceph",
      dashboard: true,
    };
    expect(parse(["up", ...flags, "pacific"])).toEqual(up);
    expect(parse(["up", "pacific", ...flags])).toEqual(up);
  });

  it("leaves everything after the release of ceph and shell to that command", () => {
    const rest = ["orch", "apply", "mds", "--name", "x", "-i", "f"];
    expect(parse(["ceph", "--name", "n", "tentacle", ...rest])).toEqual({
      word: "ceph",
      release: "tentacle",
      name: "n",
      rest,
    });
    expect(parse(["shell", "tentacle"])).toEqual({ word: "shell", release: "tentacle", name: "tentacle", rest: [] });
  });

  it("prints its usage when nothing or --help is asked", () => {
    expect(parse([])).toEqual({ word: "help" });
    expect(parse(["--help"])).toEqual({ word: "help" });
  });

  it.each([
    [["upp", "reef"], 'unknown command "upp": expected one of up, down, ceph, shell, prepare, ls, help'],
    [["up"], "up needs a release: expected one of nautilus, pacific, reef, tentacle"],
    [["up", "squid"], 'unknown release "squid": expected one of nautilus, pacific, reef, tentacle'],
    [["up", "reef", "pacific"], 'up takes one release, got "reef pacific"'],
    [
      ["up", "reef", "--osd", "1"],
      'unknown flag "--osd" of up: expected one of --name, --osds, --store, --mgrs, --user, --dashboard',
    ],
    [
      ["up", "reef", "-n"],
      'unknown flag "-n" of up: expected one of --name, --osds, --store, --mgrs, --user, --dashboard',
    ],
    [["ls", "--constructor"], 'unknown flag "--constructor" of ls: it takes none'],
    [["up", "reef", "--osds"], "--osds needs a value"],
    [["up", "reef", "--osds", "many"], '--osds: expected a whole number from 0 to 16, got "many"'],
    [["up", "reef", "--mgrs", "0"], '--mgrs: expected a whole number from 1 to 3, got "0"'],
    [["up", "reef", "--store", "rocksdb"], '--store: expected memstore or bluestore, got "rocksdb"'],
    [["up", "reef", "--user", "me"], '--user: expected root or ceph, got "me"'],
    [["up", "reef", "--name", "../x"], '--name: expected up to 32 lower-case letters, digits and dashes, got "../x"'],
    [["up", "reef", "--dashboard=yes"], '--dashboard takes no value, got "yes"'],
    [["down", "--all", "reef"], 'down --all takes no release, got "reef"'],
    [["ceph", "reef"], "ceph needs the arguments of a ceph command after the release"],
    [["prepare"], "prepare needs a release: expected one of nautilus, pacific, reef, tentacle"],
  ])("says in one sentence what is wrong with %j", (argv, sentence) => {
    expect(complaint(...argv)).toBe(sentence);
  });
});
