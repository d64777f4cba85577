import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { completion } from "../../src/cli/dev/completion.ts";
import type { InFlight } from "../../src/cli/dev/in-flight.ts";
import { mgrStandIn } from "../../src/cli/dev/mgr-stand-in.ts";
import { completions, ORCH_COMMANDS } from "../../src/cli/dev/orch/commands.ts";
import { placementOf, placementText } from "../../src/cli/dev/orch/placement.ts";
import { age, bytes, naturally } from "../../src/cli/dev/orch/quantities.ts";
import { framedTable } from "../../src/cli/dev/orch/table.ts";
import { Screen } from "../../src/cli/dev/screen.ts";
import { wordsOf } from "../../src/cli/dev/words.ts";
import { readYaml } from "../../src/cli/dev/yaml-reader.ts";
import { toYaml, toYamlDocuments } from "../../src/cli/dev/yaml-writer.ts";
import type { PlacementSpec } from "../../src/orchestrator/generated/types.ts";

describe("YAML", () => {
  it("is read as specs are written", () => {
    expect(
      readYaml(`# a comment
---
service_type: osd
service_id: 'it''s'
placement:
  hosts: [h1, "h 2", h3:10.0.0.0/8]   # three
spec:
  data_devices: {rotational: 1, size: '10G:40G',
    paths: [/dev/sdb]}
  encrypted: yes
  config:
  - a: 1
    b: ~
  -
    c: 0x10
  text: |
    one
      two

    # three
  folded: >-
    a
    b

    c
---
---
{"json": [1, 2.5, null, {"a": "\\u00e9"}]}
...
`),
    ).toEqual([
      {
        service_type: "osd",
        service_id: "it's",
        placement: { hosts: ["h1", "h 2", "h3:10.0.0.0/8"] },
        spec: {
          data_devices: { rotational: 1, size: "10G:40G", paths: ["/dev/sdb"] },
          encrypted: true,
          config: [{ a: 1, b: null }, { c: 16 }],
          text: "one\n  two\n\n# three\n",
          folded: "a b\nc",
        },
      },
      { json: [1, 2.5, null, { a: "é" }] },
    ]);
  });

  it.each([
    ["a: 1\nb: &x 2\n", "line 2: &x: anchors"],
    ["a: 1\n  b: 2\n", "line 2: not expected at this indentation"],
    ["a: 1\na: 2\n", "line 2: a is given twice"],
    ["a:\n\tb: 1\n", "line 2: a tab cannot indent"],
    ["a: [1, 2\nb: 3\n", "line"],
    ["a: 'x\n", "line"],
    ["- a\nb: 1\n", "line 2: not expected at this indentation"],
  ])("of %j is refused with its line", (text, message) => {
    expect(() => readYaml(text)).toThrow(message);
  });

  it("that was written is read as the same value", () => {
    const key = fc.string({ minLength: 1, unit: fc.constantFrom(...Array.from("ab: #-'\"{}[],&*!|>%@`1~é\\.")) });
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: "small" },
        fc.oneof(
          fc.integer(),
          fc.boolean(),
          fc.constant(null),
          fc.string(),
          fc.constantFrom("yes", "017", "1_0", "a\nb\n", " x", "- a", "a: b", "# c", "---"),
        ),
        fc.array(tie("any"), { maxLength: 3 }),
        fc.dictionary(key, tie("any"), { maxKeys: 3, noNullPrototype: true }),
      ),
    })).any;
    fc.assert(
      fc.property(
        fc.array(
          value.filter((item) => item !== null),
          { minLength: 1, maxLength: 3 },
        ),
        (values) => {
          expect(readYaml(toYamlDocuments(values))).toEqual(values);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("is written with the document's own keys in order and those inside sorted", () => {
    expect(toYaml({ b: 1, a: { d: [], c: ["x", { z: 1, y: "on" }] } })).toBe(
      "b: 1\na:\n  c:\n  - x\n  - 'y': 'on'\n    z: 1\n  d: []\n",
    );
  });
});

describe("placements", () => {
  it.each([
    ["3", { count: 3 }],
    ["2 label:db", { count: 2, label: "db" }],
    ["h1,h2", { hosts: ["h1", "h2"] }],
    ["2;h1;h2=x", { count: 2, hosts: ["h1", "h2=x"] }],
    ["count-per-host:2;*", { count_per_host: 2, host_pattern: "*" }],
    ["node[1-3]", { host_pattern: "node[1-3]" }],
    ["regex:no.e", { host_pattern: { pattern: "no.e", pattern_type: "regex" } }],
    ["h1:[v2:1.2.3.4:3300,v1:1.2.3.4:6789]=a", { hosts: ["h1:[v2:1.2.3.4:3300,v1:1.2.3.4:6789]=a"] }],
    [undefined, {}],
  ] satisfies [string | undefined, PlacementSpec][])(
    "of %j are read",
    (text: string | undefined, placement: PlacementSpec) => {
      expect(placementOf(text)).toEqual(placement);
      if (text !== undefined) expect(placementOf(placementText(placement))).toEqual(placement);
    },
  );

  it.each([
    ["count-per-host:2", "count-per-host must be combined"],
    ["label:a label:b", "more than one label"],
    ["h1 label:a", "mutually exclusive"],
    ["a* b*", "more than one host pattern"],
  ])("of %j are refused", (text, message) => {
    expect(() => placementOf(text)).toThrow(message);
  });
});

describe("tables, times and sizes", () => {
  it("are those of Ceph", () => {
    const now = Date.parse("2026-01-20T00:00:00Z");
    expect(
      [
        "2026-01-19T23:59:25.9Z",
        "2026-01-19T23:50:00Z",
        "2026-01-19T12:00:00Z",
        "2026-01-10T00:00:00Z",
        "2025-12-20",
        "2025-01-20T00:00:00",
      ].map((time) => age(time, now)),
    ).toEqual(["34s", "10m", "12h", "10d", "4w", "12M"]);
    expect(age(undefined, now)).toBe("-");
    expect([0, 999, 304_087_040, 4_000_787_030_016, 1_920_383_410_176].map(bytes)).toEqual([
      "   0 ",
      " 999 ",
      " 290M",
      "3726G",
      "1788G",
    ]);
    expect(["h10", "h9", "h1", "a2b10", "a2b9"].toSorted(naturally)).toEqual(["a2b9", "a2b10", "h1", "h9", "h10"]);
    expect(framedTable("TITLE", ["A", "LONGER"], [["1", "2"]])).toBe(
      "+------------+\n|  TITLE     |\n+---+--------+\n|A  |LONGER  |\n+---+--------+\n|1  |2       |\n+---+--------+",
    );
  });
});

describe("a line of the prompt", () => {
  it("is split as a shell does", () => {
    expect(wordsOf(`host add h1 "a b" 'c "d"' e\\ f --x="y z" # no`)).toEqual([
      "host",
      "add",
      "h1",
      "a b",
      'c "d"',
      "e f",
      "--x=y z",
    ]);
    expect(wordsOf("  ")).toEqual([]);
    expect(wordsOf(`''`)).toEqual([""]);
    expect(() => wordsOf(`say "more`)).toThrow("a quote does not end");
  });

  it("is completed with words, options and choices", () => {
    expect(completions(ORCH_COMMANDS, ["ho"])).toEqual(["host"]);
    expect(completions(ORCH_COMMANDS, ["host", "l"])).toEqual(["label", "ls"]);
    expect(completions(ORCH_COMMANDS, ["host", "label", ""])).toEqual(["add", "rm"]);
    expect(completions(ORCH_COMMANDS, ["host", "rm", "h1", "--o"])).toEqual(["--offline"]);
    expect(completions(ORCH_COMMANDS, ["host", "ls", "--format", "j"])).toEqual(["json", "json-pretty"]);
    expect(completions(ORCH_COMMANDS, ["daemon", "st"])).toEqual(["start", "stop"]);
  });

  it("belongs to one command only", () => {
    const words = ORCH_COMMANDS.map(({ words: own }) => own);
    expect(new Set(words).size).toBe(words.length);
  });
});

/** A terminal of so many columns, as much of one as the screen uses. */
class Terminal {
  readonly columns = 60;
  readonly lines = [""];
  #row = 0;
  #column = 0;

  write(text: string): boolean {
    for (const [, count, code, character] of text.replaceAll("\u001b", "ESC").matchAll(/ESC\[(\d*)([A-Za-z])|(.)/gs)) {
      if (code === "A") this.#row = Math.max(0, this.#row - Number(count || 1));
      else if (code === "J") this.#clear();
      else if (character === "\r") this.#column = 0;
      else if (character === "\n") [this.#row, this.#column] = [this.#row + 1, 0];
      else if (character !== undefined) this.#put(character);
      while (this.lines.length <= this.#row) this.lines.push("");
    }
    return true;
  }

  #clear(): void {
    this.lines.length = this.#row + 1;
    this.lines[this.#row] = (this.lines[this.#row] ?? "").slice(0, this.#column);
  }

  #put(character: string): void {
    const line = (this.lines[this.#row] ?? "").padEnd(this.#column);
    this.lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column += 1;
  }
}

describe("the terminal of dev", () => {
  it("keeps bars between what was printed and the prompt, and leaves none behind", () => {
    const terminal = new Terminal();
    const operation: InFlight = { call: "c1", title: "Added host 'h1'", fraction: 0.5, message: "half way" };
    let operations: InFlight[] = [];
    const screen = new Screen(terminal, () => operations);
    const prompt = { prompt: () => void terminal.write("orch> ") };
    screen.ask(prompt);
    terminal.write("host add h1\n");
    screen.entered("orch> host add h1");
    screen.print("Added host 'h1'");
    operations = [operation];
    screen.ask(prompt);
    const bar = "[============            ]  50 % Added host 'h1': half way";
    expect(terminal.lines).toEqual(["orch> host add h1", "Added host 'h1'", bar, "orch> "]);
    screen.print("info: something");
    operation.fraction = 1;
    operation.message = "";
    screen.update();
    terminal.write("host ls\n");
    screen.entered("orch> host ls");
    operations = [];
    screen.print("1 hosts in cluster");
    screen.ask(prompt);
    expect(terminal.lines).toEqual([
      "orch> host add h1",
      "Added host 'h1'",
      "info: something",
      "orch> host ls",
      "1 hosts in cluster",
      "orch> ",
    ]);
  });
});

describe("the manager's stand-in", () => {
  it("keeps state and health, bounds values as the monitors do, and says that there is no cluster", async () => {
    const told: string[] = [];
    const mgr = mgrStandIn("mine", null, (line) => told.push(line));
    await mgr.storeSet("a/1", "x");
    await mgr.storeSet("b/1", "y");
    await mgr.storeSet("b/1", null);
    expect(await mgr.storeList("")).toEqual({ "a/1": "x" });
    await expect(mgr.storeSet("c", "x".repeat(65_537))).rejects.toThrow("65537 bytes");
    await expect(mgr.get("osd_map")).rejects.toThrow("no cluster here");
    expect((await mgr.command({ prefix: "status" })).retval).toBeLessThan(0);
    await mgr.setHealthChecks({ MINE: { severity: "warning", summary: "it is late", detail: [] } });
    await mgr.setHealthChecks({});
    expect(told).toEqual(["health: warning: MINE: it is late", "health: MINE is over"]);
    expect(mgr.health.size).toBe(0);
  });
});

describe("shell completion", () => {
  it("completes words, options and methods in bash", () => {
    const script = completion(["bash"], commands);
    const complete = (...words: string[]): string[] =>
      execFileSync(
        "bash",
        [
          "-c",
          `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _orchbridge; printf '%s\\n' "\${COMPREPLY[@]}"`,
          "bash",
          ...words,
        ],
        {
          encoding: "utf8",
        },
      )
        .trim()
        .split("\n");
    expect(complete("orchbridge", "doc")).toEqual(["doctor"]);
    expect(complete("orchbridge", "call", "b.ts", "getH")).toEqual(["getHosts"]);
    expect(complete("orchbridge", "call", "b.ts", "getHosts", "--no")).toEqual(["--no-wait"]);
    expect(complete("orchbridge", "completion", "f")).toEqual(["fish"]);
  });

  it("is there for zsh and fish, and for no other shell", () => {
    expect(completion(["zsh"], commands)).toContain("bashcompinit");
    expect(completion(["fish"], commands)).toMatch(
      /^complete -c orchbridge -f -n __fish_use_subcommand -a doctor -d '.+'$/m,
    );
    expect(() => completion(["csh"], commands)).toThrow('there is no shell "csh" here');
  });
});
